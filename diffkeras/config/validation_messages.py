"""Pydantic's findings as one line for the user."""

import reprlib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

LONGEST = 60  # characters of a value or key in a message
MOST_TOLD = 3  # findings in a message
LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def explain(error: ValidationError, model: type[BaseModel], raw: Any) -> str:
    """The first findings about the plain data `raw`, with the dotted keys and the values there."""
    by_path: dict[tuple[str, ...], list[Any]] = {}
    for finding in error.errors(include_url=False):
        by_path.setdefault(_path(raw, finding["loc"]), []).append(finding)
    # of the alternatives of a union, the one that fits the value up to a deeper place counts
    inner = {path[:length] for path in by_path for length in range(len(path))}
    told = [path for path in by_path if path not in inner]
    lines: list[str] = []
    listed: set[str] = set()  # what was said of unknown keys, so that known ones are listed once
    for path in told[:MOST_TOLD]:
        findings = by_path[path]
        text = " or ".join(dict.fromkeys(_message(finding, model) for finding in findings))
        if findings[0]["type"] == "extra_forbidden":
            text = "unknown key" if text in listed else text
            listed.add(text)
        elif findings[0]["type"] not in ("value_error", "missing"):
            text = f"{text} (given: {short(findings[0]['input'])})"
        # a check of a whole section begins its message with the key that it is about
        about_key = text.partition(":")[0] in _known_keys(model, path)
        dotted = _cut(".".join(map(_cut, path)), 2 * LONGEST)
        lines.append(dotted + (("." if about_key else ": ") if path else "") + text)
    if more := len(told) - len(lines):
        lines.append(f"and {more:,} more")
    return "; ".join(lines)


def short(value: Any) -> str:
    """A value in a message, cut where it is long."""
    shortener = reprlib.Repr()  # it doesn't print a huge value in full before cutting it
    shortener.maxstring = shortener.maxother = shortener.maxlong = 3 * LONGEST
    try:
        text = shortener.repr(value)
    except ValueError:  # Python prints no number of more than 4300 digits
        return "a number of thousands of digits"
    return _cut(text)


def _cut(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"


def underflows(text: str) -> bool:
    """Whether a text is a number other than 0 that Python takes for 0, such as 1e-400."""
    try:
        is_zero = float(text) == 0
    except ValueError:
        return False
    return is_zero and any(digit in "123456789" for digit in text.lower().partition("e")[0])


def _path(raw: Any, location: tuple[int | str, ...]) -> tuple[str, ...]:
    """The parts of a location that are keys or indices, without the names of a union's types."""
    path = []
    for part in location:
        in_list = isinstance(raw, list | tuple) and isinstance(part, int) and part < len(raw)
        if in_list or (isinstance(raw, Mapping) and part in raw):
            raw = raw[part]
            path.append(str(part))
    return tuple(path)


def _message(finding: Any, model: type[BaseModel]) -> str:
    location, message = finding["loc"], finding["msg"]
    if finding["type"] == "value_error":
        return str(message).removeprefix("Value error, ")
    if finding["type"] == "extra_forbidden":
        known = _known_keys(model, location[:-1])
        alike = get_close_matches(_cut(str(location[-1])), known, n=1)
        return "unknown key; " + (
            f"do you mean {alike[0]}?" if alike else f"known here: {', '.join(known)}"
        )
    if finding["type"] == "missing":
        return "too few values" if isinstance(location[-1], int) else f"{location[-1]} is missing"
    for name, limit in finding.get("ctx", {}).items():
        if name in LIMITS:
            return f"must be {LIMITS[name]} {limit:g}"
    message = message.replace("Input should", "must")
    message = f"{message[0].lower()}{message[1:]}"
    return message.replace("valid tuple", "list").replace("tuple", "list")  # YAML has lists alone


def _known_keys(model: Any, location: tuple[int | str, ...]) -> list[str]:
    for part in location:
        if part not in getattr(model, "model_fields", ()):
            return []
        model = _section_of(model.model_fields[part].annotation)
    return list(getattr(model, "model_fields", ()))


def _section_of(annotation: Any) -> Any:
    """The section of `Section | None`; other annotations as they are."""
    sections = (kind for kind in get_args(annotation) if hasattr(kind, "model_fields"))
    return next(sections, annotation)
