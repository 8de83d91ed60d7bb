"""The equations of a problem, F(u) = A u + φ(u) − s = 0 on the free nodes.

φ increases, so F is the gradient of a strictly convex function, and an M-function (Rheinboldt
1970; Ortega & Rheinboldt 1970, §13.5): F(v) ≥ F(u) on the free nodes and v ≥ u on the fixed ones
give v ≥ u everywhere. The operator A is that of the normalised medium (`finite_volumes`).
"""

from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import DTypeLike, NDArray

from diffkeras.physics.arguments import largest
from diffkeras.physics.equations.finite_volumes import EPSILON, FiniteVolumes, finite_volumes
from diffkeras.physics.problem.problem import Problem

# Unit roundoffs of F, without those of φ itself: its terms go through 14 in A u and its
# coefficients (`FiniteVolumes.apply_with_sizes`), and two in the sums with φ and s; the sum of |F|
# and its rounding adds one, and another one covers all products of roundings
MOST_ROUNDINGS = 18


class Equations:
    """F of one problem, which may have no saturating uptake: then φ = 0.

    Attributes:
        problem: which they belong to.
        free: (rows, columns), the free nodes.
        is_linear: whether φ = 0.
    """

    def __init__(self, problem: Problem, couplings: tuple[NDArray[np.float64], ...] = ()) -> None:
        """`couplings` are those of another problem with the same diffusivity, if there is one."""
        self.problem = problem
        self.free = ~problem.fixed
        medium = problem.medium
        self.volumes = finite_volumes(problem.lattice, medium, medium.unit, couplings)
        uptake = problem.uptake
        self.is_linear = uptake is None
        self._uptake = uptake.in_unit(problem.medium.unit) if uptake else None
        self._supply = 0.0 if problem.supply is None else problem.supply

    @cached_property
    def is_positive(self) -> bool:
        """Whether fixed values and productions are ≥ 0, so that u is, too."""
        lowest = self.problem.ring_values.min(initial=0.0)
        return bool(lowest >= 0 and np.min(self._supply) >= 0)

    def of(self, field: NDArray) -> NDArray:
        """F(u) in the field's precision, (rows, columns); 0 on the fixed nodes."""
        return self._complete(self.volumes.apply(field), field)

    def of_with_rounding(self, field: NDArray, precision: DTypeLike) -> tuple[NDArray, NDArray]:
        """F(u), and at least its error, computed in that precision; both 0 on the fixed nodes.

        It is the number of roundings that a term goes through, times the unit roundoff, times the
        sum of all |terms| (Higham 2002, §3.1).
        """
        field = field.astype(precision, copy=False)
        result, sizes = self.volumes.apply_with_sizes(field)
        sizes += np.abs(self._supply)
        roundings: float = MOST_ROUNDINGS
        if self._uptake:
            sizes += np.abs(self._uptake.rate(field))
            roundings += self._uptake.rounding
        sizes *= self.free
        sizes *= roundings * (np.finfo(precision).eps / 2)
        return self._complete(result, field), sizes

    def of_with_most_rounding(self, field: NDArray[np.float64]) -> tuple[NDArray, float]:
        """F(u) in double precision, and at least its error on any node.

        It is that of `of_with_rounding` for the largest terms that a field of this size can have,
        so much larger as a rule, and takes less time.
        """
        terms = largest(field) * self._most_slopes + self.problem.largest_supply
        roundings = MOST_ROUNDINGS + (self._uptake.rounding if self._uptake else 0.0)
        return self.of(field), roundings * EPSILON * terms  # twice what is needed

    @cached_property
    def _most_slopes(self) -> float:
        """At least the sum of all |terms| of F on any node, but for s, over the largest |u|."""
        most = float(self.volumes.drain.max()) + 2 * self.volumes.reach
        # φ is concave, so that it is below its tangent at 0
        return most + self._uptake.steepest if self._uptake else most

    def _complete(self, result: NDArray, field: NDArray) -> NDArray:
        if self.problem.supply is not None:
            result -= self.problem.supply
        if self._uptake:
            result += self._uptake.rate(field)
        np.copyto(result, 0.0, where=self.problem.fixed)
        return result

    def slope(self, field: NDArray) -> NDArray | float:
        """dφ/du, (rows, columns)."""
        return self._uptake.slope(field) if self._uptake else 0.0

    def least_slope(self, field: NDArray, radius: NDArray | float) -> NDArray | float:
        """At most the slopes of φ between u − radius and u + radius, node by node.

        As φ is concave, the least one is that at u + radius. It is 0 if the radius is infinite.
        """
        if self._uptake is None or not np.isfinite(radius).all():
            return 0.0
        # the rounding of u + radius is relative, and so is that of the slope
        slack = 1 - 2 * (self._uptake.rounding + 8) * EPSILON
        return self.slope(field + radius) * slack

    def change_of_slope(self, field: NDArray, radius: NDArray) -> NDArray | float:
        """At least |φ'(v) − φ'(u)| for all v between u − radius and u + radius, node by node."""
        if self._uptake is None:
            return 0.0
        slope, slack = self._uptake.slope(field), 4 * (self._uptake.rounding + 8) * EPSILON
        most = self._uptake.slope(field - radius) * (1 + slack)
        return np.maximum(most - slope, slope - self.least_slope(field, radius)) + slack * slope

    def steeper(self, slope: NDArray | float) -> FiniteVolumes:
        """The operator A + d of slopes d, (rows, columns), rounded down."""
        if not np.any(slope):
            return self.volumes
        drain = (self.volumes.drain + slope) * (1 - 2 * EPSILON)
        return FiniteVolumes(self.volumes.couplings, drain)


@lru_cache(maxsize=1)
def equations_of(problem: Problem) -> Equations:
    """The equations of a problem; those of the last one are kept.

    So a certificate and the solution that follows it share them.
    """
    return Equations(problem)
