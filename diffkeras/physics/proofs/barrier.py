"""A barrier: one array that bounds the errors of many similar problems.

Let w be > 0 on the free nodes and 0 on the fixed ones, and (A + d) w > 0 with at most the slopes d
of φ between û ± b. Then b = c w encloses the solution (`enclosure`) for

    c = max |F(û)| / ((A + d) w)  over the free nodes.

One w serves all problems of a lattice and its fixed nodes. It is made for the slowest decay and the
least slopes, as (A + d) w is only larger for others, and for residuals of a certain profile g:
(A + d) w = g. Where |F(û)| is about c g, the bound is about c (A + d)⁻¹ g, hardly larger than the
enclosure by conjugate gradients, and it takes one residual and no solution. (A + d) w is computed
for each problem by itself, with its rounding, so a w that is no barrier proves nothing wrong.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.equations import Equations
from diffkeras.physics.linear.finite_volumes import SLACK, FiniteVolumes
from diffkeras.physics.linear.steps import Goal, LinearSteps

LOOKED_AT = 1000  # nodes at most, to choose a barrier
TRIED = 2  # barriers before the safest one
REDUCTION = 1e-3  # what is left of the residual: w only has to be near the solution
SINGLE_SLACK = 2.0**-20  # 16 unit roundoffs of single precision: no term has more than five
TINY, HIGHEST, LEAST_RESIDUAL = 1e-30, 1e14, 1e-290  # numbers beyond which nothing is proven


class Barrier:
    """An array w on the lattice, with A w of the operator that it was made for.

    Constants are computed in single precision, which makes them larger by about 1e-6 of them. Of
    the terms of (A + d) w, the positive ones are rounded down and the negative ones up in size,
    each by `SINGLE_SLACK`, which is more than all roundings that follow. `TINY` covers what
    underflows.
    """

    def __init__(self, field: NDArray[np.float64], equations: Equations) -> None:
        """`equations` are those that it was made for."""
        single = np.where(field > TINY, field, 0.0).astype(np.float32)
        self.field = single.astype(np.float64)  # w ≥ 0, 0 on the fixed nodes
        self.highest = largest(self.field)
        self.volumes, self.free = equations.volumes, equations.free
        self.applied = self._applied(self.volumes)
        self.rounded_down = single * (1 - SINGLE_SLACK)
        self._rounded_up = single * (1 + SINGLE_SLACK)

    def bound(
        self, operator: FiniteVolumes | NDArray[np.float32], residual: NDArray, rounding: float
    ) -> float:
        """About the least c with (A + d) c w ≥ |F| on the free nodes; infinite if there is none.

        Then c w · `SLACK` bounds the error, if it is within the radius of the slopes. The operator
        is A + d, rounded down, of a problem with the same fixed nodes; or, for the same couplings,
        less than what is added to the row sums that the barrier was made for. The residual F is 0
        on the fixed nodes, and wrong by its rounding at most.
        """
        size = largest(residual) + rounding
        if size == 0:
            return 0.0
        if isinstance(operator, FiniteVolumes):
            applied = self._applied(operator)
        else:
            change = np.minimum(operator, np.float32(HIGHEST))
            applied = change * self.rounded_down
            if not change.min() >= 0:
                np.multiply(change, self._rounded_up, out=applied, where=change < 0)
            applied += self.applied
        is_barrier = applied.min() > TINY and self.highest < HIGHEST
        if not (is_barrier and LEAST_RESIDUAL < size < np.inf):
            return np.inf
        ratio = np.empty(residual.shape, np.float32)
        np.multiply(residual, 1 / size, out=ratio, casting="same_kind")
        np.abs(ratio, out=ratio)
        ratio += np.float32(rounding / size + TINY)
        ratio /= applied
        return size * float(ratio.max()) * (1 + SINGLE_SLACK)

    def _applied(self, volumes: FiniteVolumes) -> NDArray[np.float32]:
        """Less than A w on the free nodes, and infinite on the fixed ones."""
        applied = volumes.apply_rounded_down(self.field)
        single = np.minimum(applied, HIGHEST).astype(np.float32)
        single -= np.float32(SINGLE_SLACK) * np.abs(single) + np.float32(TINY)
        np.copyto(single, np.inf, where=~self.free)
        return single


class BarrierChoice:
    """Several barriers for the same operator, of which each problem takes one.

    Some nodes tell which one is likely to bound least. The first one is the safest, tried last.
    """

    def __init__(self, barriers: Sequence[Barrier]) -> None:
        self._barriers = barriers
        nodes = np.flatnonzero(barriers[0].free.ravel())
        self._nodes = nodes[:: -(-nodes.size // LOOKED_AT)]
        self._fields = np.stack([barrier.rounded_down.take(self._nodes) for barrier in barriers])
        self._applied = np.stack([barrier.applied.take(self._nodes) for barrier in barriers])
        self._row_sums = barriers[0].volumes.row_sums.take(self._nodes)
        self._highest = np.array([barrier.highest for barrier in barriers])

    def bound(
        self, operator: FiniteVolumes | NDArray[np.float32], residual: NDArray, rounding: float
    ) -> tuple[float, Barrier]:
        """The constant and the barrier of `Barrier.bound`; infinite if all that are tried fail."""
        if isinstance(operator, FiniteVolumes):
            change = (operator.row_sums.take(self._nodes) - self._row_sums).astype(np.float32)
        else:
            change = operator.take(self._nodes)
        applied = change * self._fields
        applied += self._applied
        sizes = np.abs(residual.take(self._nodes)).astype(np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.where(applied > 0, sizes / applied, np.inf)
        likely = np.argsort(ratios.max(axis=1) * self._highest, kind="stable")[:TRIED]
        for number in dict.fromkeys([*likely.tolist(), 0]):
            barrier = self._barriers[number]
            constant = barrier.bound(operator, residual, rounding)
            if np.isfinite(constant):
                break
        return constant, barrier


class BarrierBound(NamedTuple):
    """The bound c w, of a constant and a barrier."""

    constant: float
    barrier: Barrier

    @property
    def highest(self) -> float:
        """The largest value of the bound."""
        return self.constant * self.barrier.highest * SLACK

    @property
    def on_nodes(self) -> NDArray[np.float64]:
        """The bound node by node."""
        return self.constant * SLACK * self.barrier.field


def barrier_of(
    equations: Equations, slope: NDArray | float, profile: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """A positive solution w on the lattice of about (A + d) w = g > 0; None if there is none.

    The equations have the slowest decay, and d contains the least slopes of uptake.
    """
    try:
        step = LinearSteps(equations).solve(
            slope, profile * equations.free, Goal(reduction=REDUCTION)
        )
    except ConvergenceError:  # nothing is lost
        return None
    field = np.maximum(step.solution, 0.0)
    return field if field.any() else None
