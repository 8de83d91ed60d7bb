"""The proven bounds of the error of any field û, which linear steps (`linear.steps`) give.

Let û have the fixed values, b ≥ 0 be 0 on the fixed nodes, and d be at most the slopes of φ
between û − b and û + b. If (A + d) b ≥ |F(û)| on the free nodes, then

    F(û + b) = F(û) + A b + φ(û + b) − φ(û) ≥ F(û) + (A + d) b ≥ 0,    F(û − b) ≤ 0,

so û − b is a subsolution, û + b a supersolution, and |û − u| ≤ b node by node (`equations`). The
inequality is checked on every node, with the rounding of the check; how b was found plays no part.
Conjugate gradients find it: they solve (A + d) y = |F(û)| + ε, where ε is the root mean square of
F: the larger the peaks of F, which take most iterations, the larger it is beside the mean |F|. As
soon as (A + d) y is positive on every free node, b = t y passes for

    t = max |F(û)| / ((A + d) y).

The iterations go on until t is little more than 1 or b is as small as it is needed.

The slopes are taken on û ± radius, and the bound holds if no b is above the radius. With an
infinite radius d = 0, and it holds always, but there is none if A alone loses nothing. Once |û − u|
is known to be at most b, d may be taken on û ± b, which gives a smaller b without this condition.
"""

import numpy as np
from numpy.typing import DTypeLike, NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.equations import Equations
from diffkeras.physics.linear.block_cycles import SINGLE
from diffkeras.physics.linear.finite_volumes import EPSILON, SLACK, STENCIL, rounding_of
from diffkeras.physics.linear.steps import Goal, LinearSteps

SHARP_MULTIPLE = 1.25  # t, from which iterations hardly sharpen the bound
ATTEMPTS = 10  # single precision may take one digit each where D varies by orders
# Share of ε up to which the largest rounding of any node may stand for each node's, which takes
# half of the time
NEGLIGIBLE_ROUNDING = 1e-3
CAUTION = 0.99  # share of a needed bound, as iterations see bounds in single precision


class Enclosure:
    """The proofs for one problem."""

    def __init__(self, equations: Equations, steps: LinearSteps) -> None:
        self._equations, self._steps = equations, steps
        # whether the last one ended without a bound, as it would exceed the needed one
        self.is_too_wide = False

    def bound(
        self,
        field: NDArray,
        radius: NDArray | float,
        precision: DTypeLike,
        needed: float = 0.0,
        remainder: NDArray | None = None,
        *,
        may_fail: bool = False,
    ) -> NDArray[np.float64] | None:
        """b ≥ 0 on the lattice with (A + d) b ≥ |F|, 0 on the fixed nodes; None if none was found.

        It bounds the error of û if it is at most the radius, or if that is proven; d are the least
        slopes on û ± radius. It needn't be smaller than the needed bound, and may fail once it
        exceeds that. With the remainder e of a linear problem it bounds û − e − u, whose residual
        F(û) − A e has more digits than û − e could have.
        """
        self.is_too_wide = False
        equations, free = self._equations, self._equations.free
        slope = equations.least_slope(field, radius)
        operator = equations.operator_at(slope, precision)
        residual, size = self._scaled_residual(field, precision, remainder)
        more = _root_mean_square(residual)  # ε
        missing = residual + more
        missing *= free
        test = _Test(residual, missing, free, needed / size, may_fail)
        bound: NDArray[np.float64] | None = None
        for _ in range(ATTEMPTS):
            test.begin(largest(missing), 0.0 if bound is None else largest(bound))
            try:
                found = self._steps.solve(slope, missing, Goal(condition=test)).solution
            except ConvergenceError:  # A + d is singular, for example
                return None
            self.is_too_wide = test.is_too_wide
            if self.is_too_wide:
                return None
            del missing
            bound = found if bound is None else np.add(bound, found, out=bound)
            del found
            np.maximum(bound, 0.0, out=bound)
            applied = operator.apply_rounded_down(
                bound.astype(precision, copy=False), NEGLIGIBLE_ROUNDING * more
            )
            np.copyto(applied, 1.0, where=equations.fixed)
            factor = _factor(residual, applied)
            if test.is_enough(factor, largest(bound)):
                break
            missing = np.subtract(residual, applied, out=applied)
            missing += more
            missing *= free
        if bound is None or not np.isfinite(factor):
            return None
        bound *= factor * size * SLACK
        return bound

    def _scaled_residual(
        self, field: NDArray, precision: DTypeLike, remainder: NDArray | None
    ) -> tuple[NDArray, float]:
        """At least |F|, 0 on the fixed nodes, divided by its largest value; and that value."""
        residual, rounding = self._residual(field, precision)
        if remainder is not None:
            applied, sizes = self._equations.volumes_in(precision).apply_with_sizes(remainder)
            residual -= applied
            # two more of the difference and the sum; F, which has no φ, includes both
            rounding = rounding + rounding_of(STENCIL + 2, precision) * sizes
        np.abs(residual, out=residual)
        residual += rounding
        np.copyto(residual, 0.0, where=self._equations.fixed)
        size = largest(residual)
        if not size:
            # it stands for |F|, far below the rounding of A û
            most = largest(field) * float(self._equations.volumes.diagonal.max())
            size = max(EPSILON**2 * most, float(np.finfo(np.float64).tiny))
            residual = np.where(self._equations.free, size, 0.0).astype(precision)
        residual /= size
        return residual, size

    def _residual(self, field: NDArray, precision: DTypeLike) -> tuple[NDArray, NDArray | float]:
        """F, and at least its error on each node, or on any node where that is negligible."""
        if precision == np.float64:
            residual, rounding = self._equations.residual_and_largest_rounding(field)
            if rounding <= NEGLIGIBLE_ROUNDING * _root_mean_square(residual):
                return residual, rounding
        return self._equations.residual_with_rounding(field, precision)


class _Test:
    """Whether conjugate gradients have come far enough, or b is larger than needed."""

    def __init__(
        self, residual: NDArray, target: NDArray, free: NDArray, needed: float, may_fail: bool
    ) -> None:
        """Of |F| and |F| + ε, and a bound that is enough."""
        self._residual = residual.astype(SINGLE).ravel()
        self._target = target.astype(SINGLE)
        np.copyto(self._target, 1.0, where=~free)  # where nothing is needed
        self._target = self._target.ravel()
        self._needed, self._most = needed, needed if may_fail else np.inf
        self.is_too_wide = False

    def begin(self, size: float, height: float) -> None:
        """Get ready for the next y, in units of a size; it is added to one of that height."""
        self._size, self._height, self._is_first = size, height, True

    def is_enough(self, factor: float, highest: float) -> bool:
        """Whether t and the largest y are small enough."""
        return factor <= SHARP_MULTIPLE or factor * highest <= CAUTION * self._needed

    def __call__(self, solution: NDArray, residual: NDArray) -> bool:
        """Of y and the residual of (A + d) y = |F| + ε."""
        if self._is_first:
            self._is_first = False
            return False
        highest = self._height + self._size * float(solution.max())
        self.is_too_wide = highest > self._most
        if self.is_too_wide:
            return True
        applied = residual * SINGLE.type(-self._size)
        applied += self._target
        return self.is_enough(_factor(self._residual, applied), highest)


def _root_mean_square(values: NDArray) -> float:
    return float(np.sqrt(np.vdot(values, values) / values.size))


def _factor(residual: NDArray, applied: NDArray) -> float:
    """The least t with t (A + d) y ≥ |F|; infinite if there is none."""
    if not applied.min() > 0:
        return np.inf
    return float((residual / applied).max()) * SLACK
