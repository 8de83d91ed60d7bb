"""Checks of arguments that the models, layers, losses and metrics share."""

import math
import numbers
import operator
from collections.abc import Collection
from typing import Any


def positive(name: str, value: Any) -> float:
    """A finite real number above 0, as a float; a ValueError for anything else."""
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        checked = float(value) if is_real else math.nan
    except OverflowError:
        checked = math.inf
    if not 0 < checked < math.inf:
        raise ValueError(f"{name} must be a finite number above 0, got {value!r}")
    return checked


def integer(name: str, value: Any, minimum: int) -> int:
    """An integer of at least `minimum`, as an int; a ValueError for anything else."""
    try:
        checked = operator.index(value)
    except TypeError:
        checked = minimum - 1
    if isinstance(value, bool) or checked < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}, got {value!r}")
    return checked


def one_of(name: str, value: Any, allowed: Collection[str]) -> str:
    """A name in `allowed`; a ValueError for anything else."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    return value


def truth(name: str, value: Any) -> bool:
    """True or False; a ValueError for anything else."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return value
