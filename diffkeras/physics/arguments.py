"""Checks of arguments: numbers, names and generators of random numbers.

Each returns what was meant, or raises a PhysicsError for anything else.
"""

import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

from diffkeras.errors import PhysicsError

MOST_PARALLEL = 4096
SMALLEST_TOLERANCE = 1e-13  # rounding allows no less


def check_number(name: str, value: Any) -> float:
    """A real number of any type, as a float."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        shown = f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)
        raise PhysicsError(f"must be a number, not {shown:.60}", name)
    try:
        return float(value)
    except OverflowError:
        raise PhysicsError("must be a number that floats hold, below 1e308", name) from None


def check_whole(name: str, value: Any, least: int, most: int = 2**31 - 1) -> int:
    """A whole number of any type, as an int."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not (whole and least <= value <= most):
        raise PhysicsError(
            f"must be a whole number from {least} to {most}, not {value!r:.60}", name
        )
    return int(value)


def check_positive(name: str, value: Any) -> float:
    """A finite number above 0, as a float."""
    number = check_number(name, value)
    if not 0 < number < math.inf:
        raise PhysicsError(f"must be positive and finite, not {number}", name)
    return number


def check_within(name: str, value: Any, least: float, most: float) -> float:
    """A number between two others, as a float."""
    number = check_number(name, value)
    if not least <= number <= most:
        raise PhysicsError(f"must be {least:g} to {most:g}, not {number:g}", name)
    return number


def check_choice(name: str, value: Any, allowed: Iterable[str]) -> str:
    """One of some names."""
    names = tuple(allowed)
    if not isinstance(value, str) or value not in names:
        raise PhysicsError(f"{value!r:.60} is unknown; choose one of {', '.join(names)}", name)
    return value


def check_truth(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise PhysicsError(f"must be True or False, not {value!r:.60}", name)
    return value


def check_count(name: str, number: Any) -> int:
    """A number of processes or threads; 1 for None."""
    return 1 if number is None else check_whole(name, number, 1, MOST_PARALLEL)


def check_rng(rng: Any) -> np.random.Generator:
    """A generator, or the one that a seed gives."""
    try:
        if rng is None:
            raise TypeError
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise PhysicsError(
            f"rng must be a numpy.random.Generator or a seed ≥ 0, not {rng!r:.60}"
        ) from None


def check_relative_tolerance(value: Any, name: str = "tolerance") -> float:
    """A relative tolerance.

    Raises:
        PhysicsError: no number, one that rounding doesn't allow, or one that the field 0 meets.
    """
    tolerance = check_number(name, value)
    if not SMALLEST_TOLERANCE <= tolerance < 1:
        raise PhysicsError(
            f"must lie between {SMALLEST_TOLERANCE:.0e}, which rounding allows, and 1, not "
            f"{tolerance}",
            name,
        )
    return tolerance
