"""Proven bounds of the error of any field û of a problem with saturating uptake.

Let û hold the fixed values, b ≥ 0 be 0 on the fixed nodes, and d be at most the slopes of φ
between û − b and û + b. If (A + d) b > |F(û)| on the free nodes, then

    F(û + b) = F(û) + A b + φ(û + b) − φ(û) ≥ F(û) + (A + d) b > 0,    F(û − b) < 0 likewise,

so û − b is a subsolution, û + b a supersolution, and |û − u| ≤ b node by node (`equations`). The
inequality is checked on every node, with the rounding of the check (`FiniteVolumes.rounding`); how
b was found plays no part. Conjugate gradients find it: they solve (A + d) b = |F(û)| + ε, with a
small ε > 0, until their residual is below ε everywhere.

The slopes are taken on û ± radius, and the bound holds if no b is above the radius. With an
infinite radius d = 0, and it holds always, but there is none if A alone loses nothing. Once |û − u|
is known to be at most b, d may be taken on û ± b, which gives a smaller b without this condition.
"""

import numpy as np
from numpy.typing import DTypeLike, NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.uptake.equations import Equations
from diffkeras.physics.uptake.linear_steps import LinearSteps

SURPLUS = 1.0  # ε as a share of the mean |F|
ATTEMPTS = 4
# Five roundings at most: of a difference and a ratio, to float64, and of two products
SLACK = 1 + 4 * float(np.finfo(np.float64).eps)
NEGLIGIBLE = float(np.finfo(np.float64).eps) ** 2


class Enclosure:
    """The proofs for one problem."""

    def __init__(self, equations: Equations, steps: LinearSteps) -> None:
        self._equations = equations
        self._steps = steps

    def within(
        self, field: NDArray, radius: float, precision: DTypeLike
    ) -> NDArray[np.float64] | None:
        """b, (rows, columns), 0 on the fixed nodes; None if none was found within the radius.

        The rounding of the check is that of the given precision.
        """
        bound = self._find(field, radius, precision)
        return None if bound is None or bound.max() > radius else bound

    def sharpened(
        self, field: NDArray, bound: NDArray[np.float64], precision: DTypeLike
    ) -> NDArray[np.float64]:
        """The smaller one, node by node, of a proven bound and of the one that it leads to."""
        found = self._find(field, bound, precision)
        return bound if found is None else np.minimum(bound, found)

    def _find(
        self, field: NDArray, radius: NDArray | float, precision: DTypeLike
    ) -> NDArray[np.float64] | None:
        """b ≥ 0 with (A + d) b > |F|, d on û ± radius."""
        equations, free = self._equations, self._equations.free
        slope = equations.least_slope(field, radius)
        operator = equations.steeper(slope)
        missed = equations.missed(field, precision)
        if not missed.any():
            missed = np.where(free, self._negligible(field), 0.0)
        surplus = SURPLUS * float(missed.mean())
        lacking = np.where(free, missed + surplus, 0.0)
        bound: NDArray[np.float64] = np.zeros(field.shape)
        for _ in range(ATTEMPTS):
            try:
                bound += self._steps.solve(slope, lacking, largest=surplus)
            except ConvergenceError:  # A + d is singular, for example
                return None
            np.maximum(bound, 0.0, out=bound)
            checked = bound.astype(precision)
            applied = operator.apply(checked)
            if (applied - operator.rounding(checked) > missed)[free].all():
                return bound * SLACK
            lacking = np.where(free, missed + surplus - applied, 0.0)
        return None

    def _negligible(self, field: NDArray) -> float:
        """|F| of a field that misses nothing at all: far below the rounding of A û."""
        product = float(np.abs(field).max() * self._equations.volumes.diagonal().max())
        return max(NEGLIGIBLE * product, float(np.finfo(np.float64).tiny))
