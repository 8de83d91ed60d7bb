"""Whether a saturating uptake fits a problem, and leaves it a steady state."""

import math

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.problem.limits import FASTEST, LARGEST
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.uptake import SaturatingUptake


def check_uptake(
    uptake: SaturatingUptake, fixed: NDArray[np.bool_], medium: Medium
) -> SaturatingUptake | None:
    """The uptake, or None if it is 0 on all free nodes.

    Raises:
        PhysicsError: arrays of another shape, or rates beyond any tissue.
    """
    if uptake.lattice not in (None, fixed.shape):
        volume = len(uptake.lattice or ()) > fixed.ndim
        raise PhysicsError(
            f"the uptake has arrays of shape {uptake.lattice}, the problem {fixed.shape}"
            f"{'; for a lattice of three axes give dimensions=3' if volume else ''}"
        )
    free = ~fixed
    maximum = float(np.max(np.broadcast_to(uptake.capacity, fixed.shape), where=free, initial=0.0))
    if not maximum:
        return None
    rate, steepest = maximum / medium.unit, float(uptake.steepest) / medium.unit
    if not (rate <= LARGEST and steepest <= FASTEST):
        raise PhysicsError(
            f"the uptake's largest rate is {maximum:.3g} and its largest slope {steepest:.3g} "
            f"D/h², the rate of diffusion over one lattice step; these may be {LARGEST:g} and "
            f"{FASTEST:g} at most: choose other units"
        )
    return uptake


def check_capacity(
    uptake: SaturatingUptake, production: NDArray[np.float64] | None, lattice: tuple[int, int]
) -> None:
    """Raise an error unless cells can take up the production where nothing else takes it away."""
    net = 0.0 if production is None else math.fsum(production.ravel().tolist())
    capacity = math.fsum(np.broadcast_to(uptake.capacity, lattice).ravel().tolist())
    alone = "with decay 0, no absorbing boundary and no fixed node nothing else takes it away"
    if net >= capacity:
        raise PhysicsError(
            f"there is no steady state: the productions of all nodes sum to {net:.6g}, and cells "
            f"take up less than {capacity:.6g}, the sum of their maxima; {alone}; lower the "
            "production, or give more uptake, a positive decay, an absorbing boundary or a fixed "
            "node"
        )
    if net < 0:
        raise PhysicsError(
            f"there is no steady state ≥ 0: the productions of all nodes sum to {net:.6g}, and "
            "with decay 0, no absorbing boundary and no fixed node nothing supplies that; give "
            "productions ≥ 0 or fix a node"
        )
