"""Uptake in proportion to the concentration, which adds to the decay."""

import sys
from dataclasses import replace
from typing import Any

import numpy as np

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import real_array
from diffkeras.physics.problem.limits import PLANE, SHAPES, check_axes, node_values
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.uptake import SaturatingUptake


def medium_with_uptake(
    medium: Medium, uptake: Any, lattice: tuple[int, ...] | None
) -> tuple[Medium, SaturatingUptake | None]:
    """The medium, whose decay includes a linear uptake; and a saturating one, or None.

    Raises:
        PhysicsError: an uptake that is negative, not finite, or of another shape than the medium or
            the problem, which has the `lattice` (rows, columns), or None if it isn't known yet.
    """
    if uptake is None or isinstance(uptake, SaturatingUptake):
        return medium, uptake
    if isinstance(uptake, tuple | list):
        uptake = real_array("the uptake", uptake)
    if np.ndim(uptake) == medium.dimensions + 1:
        hint = "; for one image of three axes give dimensions=3" * (medium.dimensions == PLANE)
        raise PhysicsError(
            f"the uptake has shape {np.shape(uptake)}; one of shape {SHAPES[medium.dimensions]} is "
            f"used for all images of a batch; for different ones use Problem.batch{hint}"
        )
    wanted = "≥ 0 and finite; what cells release is given by production"
    rate = node_values("uptake", uptake, 0.0, sys.float_info.max, wanted)
    check_axes("uptake", rate, medium.dimensions)
    for what, other in {"medium": medium.lattice, "source image or production": lattice}.items():
        if np.ndim(rate) and other not in (None, np.shape(rate)):
            raise PhysicsError(f"the uptake has shape {np.shape(rate)}, the {what} {other}")
    return replace(medium, decay=medium.decay + rate), None
