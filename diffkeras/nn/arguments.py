"""Checks of arguments that the models, losses and metrics share."""

import math
import operator
from collections.abc import Collection
from typing import Any


def positive(name: str, value: Any) -> float:
    """`value` as a float.

    Raises:
        ValueError: it is no finite number above 0.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be a finite number above 0, got {value!r}")
    return number


def integer(name: str, value: Any, minimum: int) -> int:
    """`value` as an int.

    Raises:
        ValueError: it is no integer, or below `minimum`.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = minimum - 1
    if isinstance(value, bool) or number < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}, got {value!r}")
    return number


def one_of(name: str, value: Any, allowed: Collection[str]) -> str:
    """`value` itself.

    Raises:
        ValueError: it is not among `allowed`.
    """
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    return str(value)
