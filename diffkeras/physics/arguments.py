"""Checks of the public functions' arguments."""

import math
import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError

MOST_PARALLEL = 4096
EXACT_BYTES = 4  # size of the largest whole numbers that float64 always holds
SMALLEST_TOLERANCE = 1e-13  # rounding allows no less
SHOWN = 60  # characters of a bad value


def check_number(name: str, value: Any) -> float:
    """A real number of any type, as a float."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        shown = f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)
        raise PhysicsError(f"{name} must be a number, not {shown[:SHOWN]}")
    try:
        return float(value)
    except OverflowError:
        raise PhysicsError(f"{name} must be a number that floats hold, below 1e308") from None


def check_tolerance(tolerance: Any, name: str = "tolerance") -> float:
    """A tolerance of any numeric type, as a float; a PhysicsError unless it is above 0."""
    checked = check_number(name, tolerance)
    if not (math.isfinite(checked) and checked > 0):
        raise PhysicsError(f"{name} must be positive and finite, not {checked}")
    return checked


def check_whole(name: str, value: Any, least: int, most: int = 2**31 - 1) -> int:
    """A whole number of any type, as an int."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not (whole and least <= value <= most):
        raise PhysicsError(
            f"{name} must be a whole number from {least} to {most}, not {repr(value)[:SHOWN]}"
        )
    return int(value)


def check_count(name: str, number: Any) -> int:
    """A number of processes or threads; 1 for None."""
    return 1 if number is None else check_whole(name, number, 1, MOST_PARALLEL)


def check_lattice(lattice: Any) -> tuple[int, int]:
    """(rows, columns) of a pair, or of one number for both."""
    sides = _sides(lattice, 2)
    if len(sides) != 2:
        raise PhysicsError(
            f"the lattice must be a side or (rows, columns), not {repr(lattice)[:SHOWN]}"
        )
    rows, columns = (check_whole("a side of the lattice", side, 1) for side in sides)
    return rows, columns


def check_sides(lattice: Any, dimensions: int | None = None) -> tuple[int, ...]:
    """The sides of a lattice of two or three dimensions; one number stands for each of them."""
    sides = _sides(lattice, dimensions or 2)
    wanted = (dimensions,) if dimensions else (2, 3)
    if len(sides) not in wanted:
        raise PhysicsError(
            f"the lattice must have {' or '.join(map(str, wanted))} sides, not "
            f"{repr(lattice)[:SHOWN]}"
        )
    return tuple(check_whole("a side of the lattice", side, 1) for side in sides)


def _sides(lattice: Any, dimensions: int) -> Any:
    sides = lattice.tolist() if isinstance(lattice, np.ndarray) else lattice
    return sides if isinstance(sides, tuple | list) else (sides,) * dimensions


def check_rng(rng: Any) -> np.random.Generator:
    """A generator, or the one that a seed gives."""
    try:
        if rng is None:
            raise TypeError
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise PhysicsError(
            f"rng must be a numpy.random.Generator or a seed ≥ 0, not {repr(rng)[:SHOWN]}"
        ) from None


def real_array(what: str, values: Any) -> NDArray[np.float64]:
    """Values as an array of float64."""
    return real_values(what, values).astype(np.float64, copy=False)


def real_values(what: str, values: Any) -> NDArray:
    """Values as an array of their own real type."""
    if np.ma.isMaskedArray(values):
        raise PhysicsError(f"{what} is a masked array, which has no meaning here; fill it")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise PhysicsError(f"{what} is no array: {error}") from None
    if array.dtype.kind not in "biuf":
        raise PhysicsError(
            f"{what} holds {array.dtype} values, not real numbers; convert it to numbers, "
            "such as by astype(float)"
        )
    if array.dtype.kind in "iu" and array.dtype.itemsize > EXACT_BYTES:
        rounded = array.astype(np.float64).astype(np.longdouble) != array
        if rounded.any():
            raise PhysicsError(
                f"{what} holds {array[rounded].flat[0]}, a whole number that float64 does not hold"
            )
    return array


def largest(values: NDArray[np.floating]) -> float:
    """The largest |value|, 0 of none, NaN if one is NaN: two passes and no copy."""
    return max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))


def check_relative_tolerance(value: Any) -> float:
    """A relative tolerance.

    Raises:
        PhysicsError: no number, or one that rounding doesn't allow.
    """
    tolerance = check_number("tolerance", value)
    if not SMALLEST_TOLERANCE <= tolerance < 1:
        raise PhysicsError(
            f"tolerance must lie between {SMALLEST_TOLERANCE:.0e}, which rounding allows, and 1, "
            f"not {tolerance}"
        )
    return tolerance
