"""A barrier: one array that bounds the errors of many similar problems.

Let w be > 0 on the free nodes and 0 on the fixed ones, and (A + d) w > 0 with at most the slopes d
of φ between û ± b. Then b = c w encloses the solution (`enclosure`) for

    c = max |F(û)| / ((A + d) w)  over the free nodes.

One w serves all problems of a lattice and its fixed nodes. It is made for the slowest decay and the
least slopes, as (A + d) w is only larger for others, and for residuals of a certain profile g:
(A + d) w = g. Where |F(û)| is about c g, the bound is about c (A + d)⁻¹ g, hardly larger than the
enclosure by conjugate gradients, and it takes one residual and no solution. (A + d) w is computed
for each problem anew, with its rounding, so a w that is no barrier for it proves nothing wrong.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import FiniteVolumes
from diffkeras.physics.equations.rounding import EPSILON, SLACK
from diffkeras.physics.solvers.linear_steps import Goal, LinearSteps

LOOKED_AT = 2000  # nodes at most, to choose a barrier
TRIED = 2  # barriers before the safest one
REDUCTION = 1e-3  # of the residual: w only has to be near the solution


class Barrier:
    """An array w on the lattice, with A w of the operator that it was made for.

    Attributes:
        field: w ≥ 0, 0 on the fixed nodes.
        highest: its largest value.
        applied: at most A w.
        volumes, free: A without slopes, and the free nodes.
    """

    def __init__(self, field: NDArray[np.float64], equations: Equations) -> None:
        """`equations` are those that it was made for."""
        self.field = field
        self.highest = largest(field)
        self.volumes, self.free = equations.volumes, equations.free
        self.applied = self.volumes.apply_rounded_down(field)
        self._size = largest(self.applied)

    def bound(self, operator: FiniteVolumes, residual: NDArray, rounding: float) -> float:
        """The least c with (A + d) c w ≥ |F| on the free nodes; infinite if there is none.

        Then c w · `SLACK` bounds the error, if it is within the radius of the slopes.

        Args:
            operator: A + d, rounded down, of a problem with the same fixed nodes.
            residual: F, on the lattice, 0 on the fixed nodes.
            rounding: at least its error on any node.
        """
        ratio = np.abs(residual)
        ratio += rounding
        supply = self._supply(operator)
        np.copyto(supply, np.inf, where=~self.free)
        if not supply.min() > 0:
            return np.inf
        ratio /= supply
        return float(ratio.max()) * SLACK

    def _supply(self, operator: FiniteVolumes) -> NDArray[np.float64]:
        """At most (A + d) w on the lattice, for the operator A + d of any problem."""
        if operator.couplings is not self.volumes.couplings:
            return operator.apply_rounded_down(self.field)
        # the couplings are the same, so that the drains make all the difference
        result = operator.drain - self.volumes.drain
        result *= self.field
        result += self.applied
        # four roundings of terms that are at most this
        drains = float(operator.drain.max()) + float(self.volumes.drain.max())
        result -= 4 * EPSILON * (drains * self.highest + self._size)
        return result


class BarrierChoice:
    """Several barriers for the same operator, of which each problem takes one.

    Some nodes tell which one bounds least. That decides only how large a bound is. The first one
    is the safest, which is tried last.
    """

    def __init__(self, barriers: Sequence[Barrier]) -> None:
        self._barriers = barriers
        nodes = np.flatnonzero(barriers[0].free.ravel())
        self._nodes = nodes[:: -(-nodes.size // LOOKED_AT)]
        looked_at = [(one.field.ravel(), one.applied.ravel()) for one in barriers]
        self._fields = np.stack([field[self._nodes] for field, _ in looked_at])
        self._applied = np.stack([applied[self._nodes] for _, applied in looked_at])
        self._drain = barriers[0].volumes.drain.ravel()[self._nodes]
        self._highest = np.array([barrier.highest for barrier in barriers])

    def bound(
        self, equations: Equations, residual: NDArray, rounding: float, slope: NDArray | float
    ) -> tuple[float, Barrier]:
        """The constant and the barrier that is likely to have the smallest bound.

        Where it isn't one, as seen on the other nodes, the next ones are tried. If all fail, the
        constant is infinite.
        """
        operator = equations.steeper(slope)
        supply = operator.drain.ravel()[self._nodes] - self._drain
        supply = supply * self._fields + self._applied
        sizes = np.abs(residual.ravel()[self._nodes])
        ratios = np.divide(sizes, supply, out=np.full(supply.shape, np.inf), where=supply > 0)
        likely = np.argsort(ratios.max(axis=1) * self._highest, kind="stable")[:TRIED]
        for number in dict.fromkeys([*likely.tolist(), 0]):
            barrier = self._barriers[number]
            constant = barrier.bound(operator, residual, rounding)
            if np.isfinite(constant):
                break
        return constant, barrier


def barrier_of(
    equations: Equations, slope: NDArray | float, profile: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """A solution w on the lattice of about (A + d) w = g; None if there is none that is positive.

    Args:
        equations: of the problem with the slowest decay.
        slope: d, (rows, columns), the least slopes of uptake.
        profile: g > 0, (rows, columns).
    """
    try:
        move = LinearSteps(equations).solve(
            slope, profile * equations.free, Goal(reduction=REDUCTION)
        )
    except ConvergenceError:  # nothing is lost
        return None
    field = np.maximum(move.solution, 0.0)
    return field if field.any() else None
