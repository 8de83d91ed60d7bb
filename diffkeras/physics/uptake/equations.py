"""The equations with saturating uptake, F(u) = A u + φ(u) − s = 0 on the free nodes.

φ increases, so F is the gradient of a strictly convex function, and an M-function (Rheinboldt
1970; Ortega & Rheinboldt 1970, §13.5): F(v) ≥ F(u) on the free nodes and v ≥ u on the fixed ones
give v ≥ u everywhere. The operator A is that of the normalised medium (`finite_volumes`).
"""

from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike, NDArray

from diffkeras.physics.operators.finite_volumes import FiniteVolumes, finite_volumes
from diffkeras.physics.problem import Problem

MOST_ROUNDINGS = 8.0  # through which each term of F goes, but for those of φ itself


class Equations:
    """F of one problem, which may have no saturating uptake: then φ = 0.

    Attributes:
        problem: as given.
        free: (rows, columns), the free nodes.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.free = ~problem.fixed
        self.medium = problem.medium.normalised()
        self.volumes = finite_volumes(problem.lattice, self.medium)
        uptake = problem.uptake
        self._uptake = uptake.in_unit(problem.medium.unit) if uptake else None
        self._supply = 0.0 if problem.supply is None else problem.supply

    @cached_property
    def is_positive(self) -> bool:
        """Whether fixed values and productions are ≥ 0, so that u is, too."""
        held, supply = self.problem.ring_values, self._supply
        return bool(held.min(initial=0.0) >= 0 and np.min(supply) >= 0)

    def of(self, field: NDArray) -> NDArray:
        """F(u) in the field's precision, (rows, columns); 0 on the fixed nodes."""
        missed = self.volumes.apply(field) - self._supply
        if self._uptake:
            missed += self._uptake.rate(field)
        return missed * self.free

    def missed(self, field: NDArray, precision: DTypeLike) -> NDArray:
        """At least |F(u)|, (rows, columns): computed in that precision, with its rounding.

        Each term of F goes through at most `MOST_ROUNDINGS` roundings, and φ(u) through those of
        its own before. So F is off by at most their number, times the unit roundoff, times the sum
        of all |terms| (Higham 2002, §3.1). Twice that covers the rounding of the sum, too.
        """
        field = field.astype(precision)
        sizes = self.volumes.magnitude(field) + np.abs(self._supply)
        roundings = MOST_ROUNDINGS
        if self._uptake:
            sizes += np.abs(self._uptake.rate(field))
            roundings += self._uptake.rounding
        sizes *= self.free
        return np.abs(self.of(field)) + roundings * np.finfo(precision).eps * sizes

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
        slack = 1 - 2 * (self._uptake.rounding + 8) * float(np.finfo(np.float64).eps)
        return self._uptake.slope(field + radius) * slack

    def steeper(self, slope: NDArray | float) -> FiniteVolumes:
        """The operator A + d of slopes d, (rows, columns), rounded down."""
        drain = (self.volumes.drain + slope) * (1 - 2 * float(np.finfo(np.float64).eps))
        return FiniteVolumes(self.volumes.couplings, drain)
