"""Arrays of real numbers, with a PhysicsError for any others, and their largest |value|."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError

MOST_WHOLE = 2**53  # float64 rounds larger whole numbers


def real_array(what: str, values: Any) -> NDArray[np.float64]:
    """Values as an array of float64 in C order, in which nodes are numbered."""
    return real_values(what, values).astype(np.float64, order="C", copy=False)


def real_values(what: str, values: Any) -> NDArray:
    """Values as an array of their own real type."""
    if np.ma.isMaskedArray(values):
        raise PhysicsError(f"{what} is a masked array, which has no meaning here; fill it")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise PhysicsError(f"{what} is no array: {error}") from None
    if array.dtype.kind not in "biuf":
        kind = type(values).__name__
        if hasattr(values, "field"):  # of `solve` or `predict`
            raise PhysicsError(f"{what} is a {kind}, not an array; give its .field")
        if array.ndim == 0:  # such as the name of a file, or a Problem
            raise PhysicsError(f"{what} is a {kind}, not an array of numbers")
        if hasattr(array.flat[0] if array.size else None, "medium"):
            raise PhysicsError(
                f"{what} is a {kind} of Problems; of several use solve_many, certify_many or "
                "predict_many"
            )
        raise PhysicsError(
            f"{what} holds {array.dtype} values, not real numbers; convert it to numbers, "
            "such as by astype(float)"
        )
    if array.dtype in (np.int64, np.uint64):
        rounded = (array > MOST_WHOLE) | (array < -MOST_WHOLE)
        if rounded.any():
            raise PhysicsError(
                f"{what} holds {array[rounded].flat[0]}; whole numbers must be at most 2^53 in "
                "size, as float64 rounds larger ones"
            )
    return array


def largest(values: NDArray[np.floating]) -> float:
    """The largest |value|, 0 of none, NaN if one is NaN: two passes and no copy."""
    return max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
