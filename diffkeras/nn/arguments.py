"""Checks of arguments that the models, layers, losses and metrics share."""

import math
import numbers
import operator
from collections.abc import Collection
from typing import Any


def number(name: str, value: Any) -> float:
    """Return `value` as a float.

    Raises:
        ValueError: it is not a finite real number.
    """
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        checked = float(value) if is_real else math.nan
    except OverflowError:
        checked = math.inf
    if not math.isfinite(checked):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    return checked


def positive(name: str, value: Any) -> float:
    """Return `value` as a float.

    Raises:
        ValueError: it is not a finite real number above 0.
    """
    try:
        checked = number(name, value)
    except ValueError:
        checked = 0.0
    if checked <= 0:
        raise ValueError(f"{name} must be a finite number above 0, got {value!r}")
    return checked


def integer(name: str, value: Any, minimum: int) -> int:
    """Return `value` as an int.

    Raises:
        ValueError: it is not an integer of at least `minimum`.
    """
    try:
        checked = operator.index(value)
    except TypeError:
        checked = minimum - 1
    if isinstance(value, bool) or checked < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}, got {value!r}")
    return checked


def boolean(name: str, value: Any) -> bool:
    """Return `value`.

    Raises:
        ValueError: it is not True or False.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return value


def one_of(name: str, value: Any, allowed: Collection[str]) -> str:
    """Return `value`.

    Raises:
        ValueError: it is not in `allowed`.
    """
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    return value
