"""Construct an object from the name and parameters in a configuration."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def build(
    kind: str,
    table: Mapping[str, Callable[..., Any]],
    name: Any,
    parameters: Mapping[str, Any],
    shared: Sequence[str] = (),
) -> Any:
    """Return `table[name](**parameters)`.

    Args:
        kind: what the table contains, for error messages: "error", "weight".
        table: name → class or function.
        name: a key of `table`.
        parameters: keyword arguments of the class or function.
        shared: keyword arguments that every class in the table accepts through `**options`.

    Raises:
        ValueError: the table has no such name, the class has no such parameter, or a required
            parameter is missing. The message lists the valid ones.
    """
    if not isinstance(name, str) or name not in table:
        raise ValueError(f"no {kind} is named {name!r}; choose one of {', '.join(table)}")
    signature = inspect.signature(table[name]).parameters.values()
    named = [p for p in signature if p.kind is not inspect.Parameter.VAR_KEYWORD]
    known = [*(p.name for p in named), *(s for s in shared if s not in {p.name for p in named})]
    unknown = [key for key in parameters if key not in known]
    if unknown:
        takes = f"it takes {', '.join(known)}" if known else "it takes none"
        raise ValueError(f"{kind} {name!r} has no parameter {unknown[0]!r}; {takes}")
    missing = [
        p.name for p in named if p.default is inspect.Parameter.empty and p.name not in parameters
    ]
    if missing:
        raise ValueError(f"{kind} {name!r} needs a value for {', '.join(missing)}")
    return table[name](**parameters)
