"""Arguments of the public functions, told apart before any time is spent on them."""

import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError

MOST_WORKERS = 4096
SHOWN = 60  # characters of a bad value


def check_number(name: str, value: Any) -> float:
    """A real number, of whatever type, as a float.

    Raises:
        PhysicsError: text, a truth value, an array, a complex number, …
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        shown = f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)
        raise PhysicsError(f"{name} must be a number, not {shown[:SHOWN]}")
    try:
        return float(value)
    except OverflowError:
        raise PhysicsError(f"{name} must be a number that floats hold, below 1e308") from None


def check_workers(workers: Any) -> None:
    """Refuse what is no number of processes or threads; None is left to the callee.

    Raises:
        PhysicsError: no whole number, fewer than one, or more than any machine has.
    """
    whole = isinstance(workers, numbers.Integral) and not isinstance(workers, bool)
    if workers is not None and not (whole and 1 <= workers <= MOST_WORKERS):
        raise PhysicsError(f"workers must be 1 to {MOST_WORKERS}, not {repr(workers)[:SHOWN]}")


def is_batch(source_image: Any) -> bool:
    """Whether source images come as (batch, rows, columns)."""
    try:
        return np.ndim(source_image) == 3
    except ValueError:  # ragged lists, which are refused as a single image
        return False


def real_array(what: str, values: Any) -> NDArray[np.float64]:
    """Values as an array of float64.

    Raises:
        PhysicsError: ragged lists, text, complex numbers, …
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise PhysicsError(f"{what} is no array: {error}") from None
    if array.dtype.kind not in "biuf":
        raise PhysicsError(f"{what} holds {array.dtype} values, not real numbers")
    return array.astype(np.float64, copy=False)
