"""Pydantic's findings in diffkeras' words."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

LONGEST = 60  # characters of a value in a message

# kind of finding → what would do
WANTED: dict[str, Callable[[dict[str, Any]], str]] = {
    "literal_error": lambda given: f"must be {given['expected']}",
    "finite_number": lambda given: "must be a finite number",
    "greater_than": lambda given: f"must be more than {given['gt']:g}",
    "greater_than_equal": lambda given: f"must be at least {given['ge']:g}",
    "less_than": lambda given: f"must be less than {given['lt']:g}",
    "less_than_equal": lambda given: f"must be at most {given['le']:g}",
    "multiple_of": lambda given: f"must be a multiple of {given['multiple_of']:g}",
    "too_long": lambda given: f"must have at most {given['max_length']} values",
    "too_short": lambda given: f"must have at least {given['min_length']} values",
    "invalid_key": lambda given: "must have text for keys",
}
TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list",
    "list": "a list",
    "dict": "a mapping",
    "model": "a mapping",
}


def explain(error: ValidationError, model: type[BaseModel], raw: Any) -> str:
    """Pydantic's findings in one line, one for each key, with its value and what would do.

    Args:
        error: what Pydantic found.
        model: of what.
        raw: the plain data that it was given.
    """
    by_field: dict[tuple[str, ...], list[tuple[tuple[str, ...], Any]]] = {}
    for finding in error.errors(include_url=False):
        field = _field(model, finding["loc"])
        by_field.setdefault(field, []).append((_path(raw, finding), finding))
    lines = []
    for findings in by_field.values():
        # of the alternatives of a union, the one that the value comes closest to
        closest = max(findings, key=lambda pair: _closeness(*pair))
        path, finding = closest
        alike = [f for p, f in findings if p == path and _closeness(p, f) == _closeness(*closest)]
        text = _text(finding, alike, model)
        # a section's own finding begins with the key that it is about
        own = text.partition(":")[0] in _known_keys(model, finding["loc"])
        joint = "" if not any(path) else "." if own else ": "
        lines.append(".".join(path) + joint + text)
    return "; ".join(lines)


def short(value: Any) -> str:
    """A value in a message, cut where it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _text(finding: Any, alike: list[Any], model: type[BaseModel]) -> str:
    kind: str = finding["type"]
    if kind == "value_error":
        return str(finding["msg"]).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        known = _known_keys(model, finding["loc"][:-1])
        alike_keys = get_close_matches(str(finding["loc"][-1]), known, n=1)
        meant = f", do you mean {alike_keys[0]}?" if alike_keys else ";"
        return f"unknown key{meant} known here: {', '.join(known)}"
    value = short(finding["input"])
    if kind == "missing":
        # a key of a mapping, or a place in a list
        return f"has too few values: {value}" if isinstance(finding["loc"][-1], int) else "missing"
    wanted = dict.fromkeys(
        TYPES[base] for f in alike if (base := f["type"].partition("_")[0]) in TYPES
    )
    if kind in WANTED and not wanted:
        return f"{WANTED[kind](finding.get('ctx', {}))}, not {value}"
    wanted |= {f["ctx"]["expected"]: None for f in alike if f["type"] == "literal_error"}
    return f"must be {' or '.join(wanted)}, not {value}" if wanted else f"can't be {value}"


def _closeness(path: tuple[str, ...], finding: Any) -> tuple[int, bool]:
    of_length = finding["type"] in ("missing", "too_long", "too_short")
    of_type = finding["type"].endswith("_type") or finding["input"] is None
    return len(path) + of_length, not of_type


def _path(raw: Any, finding: Any) -> tuple[str, ...]:
    """The parts of a finding's place that are keys, and not names of alternatives."""
    path: list[str] = []
    for part in finding["loc"]:
        in_list = isinstance(raw, list | tuple) and isinstance(part, int) and part < len(raw)
        if in_list or (isinstance(raw, Mapping) and part in raw):
            raw = raw[part]
            path.append(str(part))
    missing = finding["loc"][-1] if finding["type"] == "missing" else None
    return (*path, missing) if isinstance(missing, str) else tuple(path)


def _field(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[str, ...]:
    """The keys down to the field that a finding is about."""
    field: list[str] = []
    current: Any = model
    for part in location:
        field.append(str(part))
        if not _is_model(current) or part not in current.model_fields:
            break
        current = current.model_fields[str(part)].annotation
        if not _is_model(current):
            break
    return tuple(field)


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    current: Any = model
    for part in location:
        if part not in current.model_fields:
            return []
        current = current.model_fields[str(part)].annotation
        if not _is_model(current):
            return []
    return list(current.model_fields)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
