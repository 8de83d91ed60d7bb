"""Construct an object from the name and arguments in a configuration."""

import inspect
import reprlib
from collections.abc import Mapping
from typing import Any


def build(kind: str, key: str, table: Mapping[str, type], config: Any) -> Any:
    """The object of the class in `table` that a configuration names under `key`.

    `kind` is what the table contains. Errors list the valid names or arguments.
    """
    if isinstance(config, str):
        config = {key: config}
    if not isinstance(config, Mapping):
        raise ValueError(f"{kind} must be a name or a mapping, got {config!r}")
    arguments = dict(config)
    if key not in arguments:
        where = key if kind == key else f"{kind}.{key}"
        given = reprlib.repr(list(arguments))
        raise ValueError(f"{where} is missing next to {given}; choose one of {', '.join(table)}")
    name = arguments.pop(key)
    if not isinstance(name, str) or name not in table:
        raise ValueError(f"no {kind} is named {name!r}; choose one of {', '.join(table)}")
    known = arguments_of(table[name])
    unknown = [argument for argument in arguments if argument not in known]
    if unknown:
        takes = ", ".join(known) or "none"
        raise ValueError(f"{kind} {name!r} has no parameter {unknown[0]!r}; it takes {takes}")
    missing = [
        argument
        for argument, parameter in known.items()
        if parameter.default is parameter.empty and argument not in arguments
    ]
    if missing:
        raise ValueError(f"{kind} {name!r} needs a value for {', '.join(missing)}")
    return table[name](**arguments)


def arguments_of(cls: type) -> dict[str, inspect.Parameter]:
    """Arguments of a class. If it has `**options`, they are those of its base class."""
    arguments = inspect.signature(cls).parameters
    named = {name: p for name, p in arguments.items() if p.kind is not p.VAR_KEYWORD}
    if cls.__base__ and len(named) < len(arguments):
        named |= arguments_of(cls.__base__)
    return named
