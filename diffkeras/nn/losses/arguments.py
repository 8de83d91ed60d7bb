"""Losses and weights of configurations, from their names and arguments."""

import inspect
from collections.abc import Mapping
from typing import Any

from diffkeras.system.messages import short


def build(kind: str, key: str, table: Mapping[str, type], config: Any) -> Any:
    """Make an object from the name and the arguments in a configuration.

    Args:
        kind: what the table contains, for messages.
        key: of the name.
        table: the class of each name.
        config: a name, or a mapping with the name and the arguments of the class.

    Raises:
        ValueError: an unknown name or argument, or one that is missing; it lists those that work.
    """
    if isinstance(config, str):
        config = {key: config}
    if not isinstance(config, Mapping):
        raise ValueError(f"{kind} must be a name or a mapping, got {config!r}")
    arguments = dict(config)
    if key not in arguments:
        where = key if kind == key else f"{kind}.{key}"
        others = short(list(arguments))
        raise ValueError(f"{where} is missing next to {others}; choose one of {', '.join(table)}")
    name = arguments.pop(key)
    if not isinstance(name, str) or name not in table:
        raise ValueError(f"no {kind} is named {name!r}; choose one of {', '.join(table)}")
    known = {k: value for k, value in arguments_of(table[name]).items() if k != "name"}  # Keras'
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
