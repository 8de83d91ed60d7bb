"""Proven bounds of the error of any field û of a problem.

Let û have the fixed values, b ≥ 0 be 0 on the fixed nodes, and d be at most the slopes of φ
between û − b and û + b. If (A + d) b ≥ |F(û)| on the free nodes, then

    F(û + b) = F(û) + A b + φ(û + b) − φ(û) ≥ F(û) + (A + d) b ≥ 0,    F(û − b) ≤ 0 likewise,

so û − b is a subsolution, û + b a supersolution, and |û − u| ≤ b node by node (`equations`). The
inequality is checked on every node, with the rounding of the check; how b was found plays no part.
Conjugate gradients find it: they solve (A + d) y = |F(û)| + ε, with a small ε > 0. Where y ≥ 0
fails the inequality, a constant helps: A + d takes c to at least σ c, with its row sums σ, so that
b = y + c passes for

    c ≥ max (|F(û)| − (A + d) y) / σ.

The iterations go on until c is small or b is as small as it is needed.

The slopes are taken on û ± radius, and the bound holds if no b is above the radius. With an
infinite radius d = 0, and it holds always, but there is none if A alone loses nothing. Once |û − u|
is known to be at most b, d may be taken on û ± b, which gives a smaller b without this condition.
"""

import numpy as np
from numpy.typing import DTypeLike, NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import FiniteVolumes
from diffkeras.physics.equations.rounding import EPSILON, SLACK, STENCIL, rounding_of
from diffkeras.physics.solvers.linear_steps import Goal, LinearSteps

SURPLUS = 0.5  # ε as a share of the mean |F|
SMALL = 0.1  # share of a bound that c may be
ATTEMPTS = 10  # single precision may take one digit each where D varies by orders
NEGLIGIBLE = EPSILON**2  # share of the terms of A û, far below their rounding
LARGE = 1e30  # for 1/0


class Enclosure:
    """The proofs for one problem.

    Attributes:
        is_too_wide: whether the last one ended without a bound, as it would exceed the needed one.
    """

    def __init__(self, equations: Equations, steps: LinearSteps) -> None:
        self._equations = equations
        self._steps = steps
        self._of_drain: NDArray[np.float32] | None = None
        self.is_too_wide = False

    def within(
        self,
        field: NDArray,
        radius: float,
        precision: DTypeLike,
        needed: float = 0.0,
        *,
        may_fail: bool = False,
    ) -> NDArray[np.float64] | None:
        """b, (rows, columns), 0 on the fixed nodes; None if none was found within the radius.

        Args:
            field: û.
            radius: at least b.
            precision: of the check.
            needed: a bound that needn't be smaller.
            may_fail: whether to give up, and return None, once the bound exceeds the needed one.
        """
        most = needed if may_fail else np.inf
        bound = self._find(field, radius, precision, needed, most)
        return None if bound is None or largest(bound) > radius else bound

    def sharpened(
        self, field: NDArray, bound: NDArray[np.float64], precision: DTypeLike
    ) -> NDArray[np.float64]:
        """The smaller one, node by node, of a proven bound and of the one that it leads to."""
        sharper = self._find(field, bound, precision, 0.0, np.inf)
        return bound if sharper is None else np.minimum(bound, sharper)

    def _find(
        self,
        field: NDArray,
        radius: NDArray | float,
        precision: DTypeLike,
        needed: float,
        most: float,
    ) -> NDArray[np.float64] | None:
        """b ≥ 0 with (A + d) b ≥ |F|, d on û ± radius."""
        equations, free = self._equations, self._equations.free
        self.is_too_wide = False
        slope = equations.least_slope(field, radius)
        operator = equations.steeper(slope)
        residual, rounding = equations.of_with_rounding(field, precision)
        np.abs(residual, out=residual)
        residual += rounding
        size = largest(residual)
        if not size:
            size = self._negligible(field)
            residual = np.where(free, size, 0.0).astype(precision)
        surplus = SURPLUS * float(residual.mean())
        remainder = residual + surplus
        remainder *= free
        bound: NDArray[np.float64] = np.zeros(field.shape)
        constant = np.inf
        test = _Test(self._inverse_drain(operator), surplus, needed, most)
        for _ in range(ATTEMPTS):
            test.begin(largest(remainder))
            try:
                bound += self._steps.solve(slope, remainder, Goal(of_both=test)).solution
            except ConvergenceError:  # A + d is singular, for example
                return None
            if test.is_too_wide:
                self.is_too_wide = True
                return None
            np.maximum(bound, 0.0, out=bound)
            applied, sizes = operator.apply_with_sizes(bound.astype(precision))
            sizes *= rounding_of(STENCIL, precision)
            applied -= sizes
            remainder = np.subtract(residual, applied, out=applied)
            remainder *= free
            constant = _constant(remainder, operator.drain)
            if constant <= SMALL * largest(bound) or largest(bound) + constant <= needed:
                break
            remainder += surplus
            remainder *= free
            test = _Test(test.inverse_drain, surplus)
        if not np.isfinite(constant):
            return None
        bound += constant
        bound *= free
        bound *= SLACK
        return bound

    def _inverse_drain(self, operator: FiniteVolumes) -> NDArray[np.float32]:
        """1/σ, (n,); some large number where σ = 0."""
        if operator is not self._equations.volumes:
            return _inverse(operator.drain)
        if self._of_drain is None:
            self._of_drain = _inverse(operator.drain)
        return self._of_drain

    def _negligible(self, field: NDArray) -> float:
        """|F| in place of an exact 0: far below the rounding of A û."""
        product = float(np.abs(field).max() * self._equations.volumes.diagonal().max())
        return max(NEGLIGIBLE * product, float(np.finfo(np.float64).tiny))


class _Test:
    """Whether conjugate gradients have come far enough.

    Attributes:
        inverse_drain: 1/σ, (n,).
        is_too_wide: whether they have ended as b is larger than `most`.
    """

    def __init__(
        self,
        inverse_drain: NDArray[np.float32],
        surplus: float,
        needed: float = 0.0,
        most: float = np.inf,
    ) -> None:
        self.inverse_drain = inverse_drain
        self._limits = surplus, needed, most
        self.is_too_wide = False

    def begin(self, size: float) -> None:
        """The next right-hand side is divided by its size."""
        self._surplus, self._needed, self._most = (limit / size for limit in self._limits)
        self._is_first = True

    def __call__(self, solution: NDArray, residual: NDArray) -> bool:
        """Of y and the residual of (A + d) y = |F| + ε."""
        if self._is_first:
            self._is_first = False
            return False
        remainder = residual - self._surplus
        remainder *= self.inverse_drain
        constant = max(float(remainder.max()), 0.0)
        highest = float(solution.max())
        self.is_too_wide = highest > self._most
        small = constant <= SMALL * highest or highest + constant <= self._needed
        return self.is_too_wide or small


def _constant(remainder: NDArray, drain: NDArray[np.float64]) -> float:
    """The least c with σ c ≥ the remainder, (rows, columns); infinite if there is none."""
    where = np.flatnonzero(remainder > 0)
    if not where.size:
        return 0.0
    drains = drain.ravel()[where]
    if not drains.all():
        return np.inf
    return float((remainder.ravel()[where] / drains).max()) * SLACK


def _inverse(drain: NDArray[np.float64]) -> NDArray[np.float32]:
    return (
        np.divide(1.0, drain, out=np.full(drain.shape, LARGE), where=drain > 0)
        .ravel()
        .astype(np.float32)
    )
