"""Pydantic's errors as one line for the user."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from diffkeras.errors import PhysicsError
from diffkeras.system.messages import short

MOST_SHOWN = 3  # errors in a message
LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def explain(error: ValidationError, model: type[BaseModel], raw: Any) -> str:
    """The first errors in the plain data `raw`, with the dotted keys and the values there."""
    by_path: dict[tuple[str, ...], list[Any]] = {}
    for detail in error.errors(include_url=False):
        by_path.setdefault(_path(raw, detail["loc"]), []).append(detail)
    # of the alternatives of a union, the one that fits the value up to a deeper place counts
    inner = {path[:length] for path in by_path for length in range(len(path))}
    paths = [path for path in by_path if path not in inner]
    lines = [_line(path, by_path[path], model) for path in paths[:MOST_SHOWN]]
    if more := len(paths) - len(lines):
        lines.append(f"and {more:,} more")
    return "; ".join(lines)


def keys_of(section: Any) -> dict[str, Any]:
    """The keys of a section, or of `Section | None`, with their annotations; none of others."""
    for kind in (section, *get_args(section)):
        if hasattr(kind, "model_fields"):
            return {name: field.annotation for name, field in kind.model_fields.items()}
        if is_dataclass(kind):
            return {field.name: field.type for field in fields(kind)}
    return {}


def unknown_key(key: Any, known: Sequence[str], shown: str = "") -> str:
    """What is wrong with a key of a section, with the known keys."""
    alike = get_close_matches(str(key), known, n=1)
    hint = f"do you mean {alike[0]}?" if alike else f"known here: {', '.join(known)}"
    return f"unknown key{shown}; {hint}"


def _path(raw: Any, location: tuple[int | str, ...]) -> tuple[str, ...]:
    """The parts of a location that are keys or indices, without the names of a union's types."""
    path = []
    for part in location:
        in_list = isinstance(raw, list | tuple) and isinstance(part, int) and part < len(raw)
        if in_list or (isinstance(raw, Mapping) and part in raw):
            raw = raw[part]
            path.append(str(part))
    return tuple(path)


def _line(path: tuple[str, ...], details: Sequence[Any], model: type[BaseModel]) -> str:
    """The errors of the alternatives at one path."""
    text = " or ".join(dict.fromkeys(_message(detail, model) for detail in details))
    if details[0]["type"] not in ("value_error", "missing", "extra_forbidden"):
        text = f"{text} (given: {short(details[0]['input'])})"
    error = details[0].get("ctx", {}).get("error")
    argument = error.argument or "" if isinstance(error, PhysicsError) else ""
    if argument.partition(".")[0] in _keys_at(model, path):
        path, text = (*path, argument), error.problem
    return (".".join(path) + ": " if path else "") + text


def _message(detail: Any, model: type[BaseModel]) -> str:
    location, message = detail["loc"], detail["msg"]
    if detail["type"] == "value_error":
        return str(message).removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return unknown_key(location[-1], list(_keys_at(model, location[:-1])))
    if detail["type"] == "missing":
        return "too few values" if isinstance(location[-1], int) else f"{location[-1]} is missing"
    for name, limit in detail.get("ctx", {}).items():
        if name in LIMITS:
            return f"must be {LIMITS[name]} {limit:g}"
    message = message.replace("Input should", "must")
    message = f"{message[0].lower()}{message[1:]}"
    return message.replace("valid tuple", "list").replace("tuple", "list")  # YAML has lists alone


def _keys_at(section: Any, location: tuple[int | str, ...]) -> dict[str, Any]:
    for part in location:
        inner = get_args(section)[:1] if isinstance(part, int) else ()  # the kind of a list's items
        section = inner[0] if inner else keys_of(section).get(str(part))
    return keys_of(section)
