"""A proven bound of the error of any field in any medium, by the comparison principle.

A small residual says little about the error where D varies over orders of magnitude. Let û hold the
fixed values, r = −A û on the free nodes, and let a barrier w, 0 on the fixed nodes, have A w > 0 on
the free ones. A of the free nodes is an M-matrix, for which the comparison principle (Varga 2000,
§3.5; Ciarlet 1970) gives, node by node,

    |u − û| ≤ β w,    β = max |r| / (A w).

Both A û and A w are computed in extended precision, as σ u_i + Σ κ (u_i − u_k) (`finite_volumes`).
Each of these at most five terms goes through at most five roundings: difference, product, and up to
three sums. With the unit roundoff η the result is therefore wrong by at most

    5η / (1 − 5η) · m,    m = σ |u_i| + Σ κ |u_i − u_k|    (Higham 2002, §3.1),

and so is m itself, relatively. 8η times the computed m covers both, so |r| is taken larger by it
and A w smaller. The bound is about the equations whose coefficients are the rounded σ and κ.
"""

import math

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.operators.finite_volumes import FiniteVolumes

Extended = NDArray[np.longdouble]

ROUNDING = 8 * np.finfo(np.longdouble).eps / 2
LEAST_SUPPLY = 0.1  # of A w, which should be about 1


class ComparisonBound:
    """The bound for one operator and set of fixed nodes."""

    def __init__(self, volumes: FiniteVolumes, fixed: NDArray[np.bool_]) -> None:
        self._volumes = volumes
        self._free = ~fixed
        self._height = math.inf
        self._supply: Extended | None = None

    def apply(self, field: NDArray) -> tuple[Extended, Extended]:
        """A u on the free nodes, (f,), and the bound of its rounding, for u (rows, columns)."""
        extended = field.astype(np.longdouble)
        applied = self._volumes.apply(extended)[self._free]
        return applied, ROUNDING * self._volumes.magnitude(extended)[self._free]

    def take_barrier(self, barrier: NDArray) -> Extended | None:
        """Use w, (rows, columns), unless A w is too small somewhere: then 1 − A w, (f,)."""
        applied, rounding = self.apply(barrier)
        supply = applied - rounding
        if not supply.min() > LEAST_SUPPLY:
            return 1 - applied
        self._supply, self._height = supply, float(barrier.max())
        return None

    def of(self, field: NDArray) -> tuple[float, Extended]:
        """The bound of |u − û|, for û (rows, columns), and the residual −A û, (f,)."""
        assert self._supply is not None
        applied, rounding = self.apply(field)
        ratio = float(((np.abs(applied) + rounding) / self._supply).max())
        # four roundings at most: the ratio's, to float64, and of the two products here
        return ratio * self._height * (1 + 4 * float(np.finfo(np.float64).eps)), -applied
