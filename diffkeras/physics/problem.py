"""The checks of a problem, before any time is spent on it."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_number, real_array

Method = Literal["auto", "ring", "ring-cg", "multigrid"]

SMALLEST_TOLERANCE = 1e-13


def check_method(method: str, tolerance: float) -> float:
    """The tolerance; refuses a method that there isn't, and a tolerance that can't be met."""
    if method not in get_args(Method):
        raise PhysicsError(
            f"method {method!r} is unknown; choose one of {', '.join(get_args(Method))}"
        )
    tolerance = check_number("tolerance", tolerance)
    if not SMALLEST_TOLERANCE <= tolerance < 1:
        raise PhysicsError(
            f"tolerance must lie between {SMALLEST_TOLERANCE:.0e}, which rounding allows, and 1, "
            f"not {tolerance}"
        )
    return tolerance


def check_problem(
    source_image: NDArray, fixed: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The source image in float64 and the fixed mask, or the reason why they are none.

    Raises:
        PhysicsError: see `solve`.
    """
    if np.ma.isMaskedArray(source_image):
        raise PhysicsError(
            "a masked source image has no meaning here; fill it, or give a fixed mask"
        )
    values = real_array("the source image", source_image)
    if values.ndim != 2 or values.size == 0:
        raise PhysicsError(
            f"a source image has shape (rows, columns) with at least one node, not {values.shape}"
        )
    if not np.isfinite(values).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise PhysicsError(f"the source image holds {values[bad]} at node {bad}")
    if fixed is None:
        return values, values != 0
    fixed = real_array("the fixed mask", fixed) != 0
    if fixed.shape != values.shape:
        raise PhysicsError(
            f"the fixed mask has shape {fixed.shape}, the source image {values.shape}"
        )
    return values, fixed
