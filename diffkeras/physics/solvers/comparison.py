"""Proven bounds of the error of any field in a medium that varies, by the comparison principle.

A small residual says little about the error where D varies over orders of magnitude. Let û hold the
fixed values, r = s − A û on the free nodes with their production s, and let a barrier w, 0 on the
fixed nodes, have A w > 0 on the free ones. A of the free nodes is an M-matrix, for which the
comparison principle (Varga 2000, §3.5; Ciarlet 1970) gives, node by node,

    |u − û| ≤ β w,    β = max |r| / (A w).

Both A û and A w are computed in extended precision, unless another is given, as
σ u_i + Σ κ (u_i − u_k) (`finite_volumes`). Each of these terms goes through at most six
roundings: difference, product, and sums, one of the two neighbours along an axis and one for each
of up to three axes. With the unit roundoff η the result is therefore wrong by at most

    6η / (1 − 6η) · m,    m = σ |u_i| + Σ κ |u_i − u_k|    (Higham 2002, §3.1),

and so is m itself, relatively. 8η times the computed m covers both, so |r| is taken larger by it
and A w smaller. The bound is about the equations whose coefficients are the rounded σ and κ.

Node by node, any b ≥ 0 with A b ≥ |r| on the free nodes bounds |u − û|. One V-cycle or two give a
b₀ with A b₀ ≈ |r|, and b = b₀ + θ w makes up for what is missing, with θ the largest
(|r| − A b₀) / (A w).
"""

import math

import numpy as np
from numpy.typing import DTypeLike, NDArray

from diffkeras.physics.operators.finite_volumes import FiniteVolumes
from diffkeras.physics.problem import Problem

ROUNDINGS = 8  # unit roundoffs, see above
LEAST_SUPPLY = 0.1  # of A w, which should be about 1
# Five roundings at most: of a difference and a ratio, to float64, and of two products
SLACK = 1 + 4 * float(np.finfo(np.float64).eps)

Extended = NDArray[np.longdouble]


class Comparison:
    """The bound for one operator and set of fixed nodes."""

    def __init__(
        self, volumes: FiniteVolumes, problem: Problem, precision: DTypeLike = np.longdouble
    ) -> None:
        self._volumes = volumes
        self._precision = precision
        self._rounding = ROUNDINGS * np.finfo(precision).eps / 2
        self._free = ~problem.fixed
        supply = problem.supply
        self._source = 0.0 if supply is None else supply[self._free]
        self._barrier = np.full(problem.lattice, math.inf)
        self._supplied: Extended | None = None

    @property
    def usable(self) -> bool:
        """Whether it has a barrier, without which no bound is finite."""
        return self._supplied is not None

    def apply(self, field: NDArray) -> tuple[Extended, Extended]:
        """A u on the free nodes, (f,), and the bound of its rounding, for u (rows, columns)."""
        extended = field.astype(self._precision)
        applied = self._volumes.apply(extended)[self._free]
        return applied, self._rounding * self._volumes.magnitude(extended)[self._free]

    def take_barrier(self, barrier: NDArray) -> Extended | None:
        """Use w, (rows, columns), unless A w is too small somewhere: then 1 − A w, (f,)."""
        applied, rounding = self.apply(barrier)
        supply = applied - rounding
        if not supply.min() > LEAST_SUPPLY:
            return 1 - applied
        self._supplied, self._barrier = supply, barrier
        return None

    def of(self, field: NDArray) -> tuple[float, Extended]:
        """The bound of |u − û|, for û (rows, columns), and the residual s − A û, (f,)."""
        applied, rounding = self.apply(field)
        residual = self._source - applied
        if self._supplied is None:
            return math.inf, residual
        ratio = float(((np.abs(residual) + rounding) / self._supplied).max())
        return ratio * float(self._barrier.max()) * SLACK, residual

    def missed(self, field: NDArray) -> Extended:
        """At least |s − A û| on the free nodes, (f,), for û (rows, columns)."""
        applied, rounding = self.apply(field)
        return np.abs(self._source - applied) + rounding

    def missing(self, bound: NDArray[np.float64], missed: Extended) -> NDArray[np.float64]:
        """What b ≥ 0, (rows, columns), needs in addition to have A b ≥ missed, (f,)."""
        if self._supplied is None:
            return np.where(self._free, math.inf, 0.0)
        applied, rounding = self.apply(bound)
        lacking = missed - (applied - rounding)
        height = max(float((lacking / self._supplied).max()), 0.0)
        return height * self._barrier
