"""Pydantic's findings as one line for the user."""

import reprlib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

LONGEST = 60  # characters of a value in a message
LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def explain(error: ValidationError, model: type[BaseModel], raw: Any) -> str:
    """Each finding about the plain data `raw`, with its dotted key and the value there."""
    by_path: dict[tuple[str, ...], list[Any]] = {}
    for finding in error.errors(include_url=False):
        by_path.setdefault(_path(raw, finding["loc"]), []).append(finding)
    lines = []
    for path, findings in by_path.items():
        # of the alternatives of a union, the one that fits the value up to a deeper place counts
        if any(other[: len(path)] == path != other for other in by_path):
            continue
        text = " or ".join(dict.fromkeys(_message(finding, model) for finding in findings))
        if findings[0]["type"] not in ("value_error", "extra_forbidden", "missing"):
            text = f"{text} (given: {short(findings[0]['input'])})"
        # a check of a whole section begins its message with the key that it is about
        about_key = text.partition(":")[0] in _known_keys(model, path)
        lines.append(".".join(path) + (("." if about_key else ": ") if path else "") + text)
    return "; ".join(lines)


def short(value: Any) -> str:
    """A value in a message, cut where it is long."""
    shortener = reprlib.Repr()  # it doesn't print a huge value in full before cutting it
    shortener.maxstring = shortener.maxother = shortener.maxlong = 3 * LONGEST
    try:
        text = shortener.repr(value)
    except ValueError:  # Python prints no number of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


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
        alike = get_close_matches(str(location[-1]), known, n=1)
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
