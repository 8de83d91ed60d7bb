"""Corrections of a family's predictions, and proofs of their errors.

What all problems of a family share is made once: the couplings and the multigrid cycle, as far as
no diffusivity varies, and two barriers, for the residuals of predictions and of corrected ones. So
the proof of a field needs its residual only (`solvers.barrier`). Where that bound is too large, the
field is corrected with the cycle, which leaves about a tenth of the error, and proven anew.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.equations.finite_volumes import SLACK
from diffkeras.physics.equations.nonlinear import Equations
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.proofs.bounds import bounds_of
from diffkeras.physics.solvers.barrier import Barrier, barrier_of
from diffkeras.physics.solvers.block_cycles import BlockCycle
from diffkeras.physics.solvers.linear_steps import Goal, LinearSteps, NearbyCycle

MOST_CORRECTIONS = 3  # before the solver takes over
NEAR = 0.3  # share of the needed bound that the last correction may have
CLOSER = 0.1  # what this is multiplied by after a bound that was too large
OWN = 0.5  # share of a correction within which the corrected field is proven, for the prediction's
FLOOR = 0.3  # of the profile of residuals, as a share of its mean
OFTEN = 0.1  # share of predictions whose bounds are small enough without a correction
WIDE = 0.03  # share of the field within which slopes hardly change
MARGIN = 0.9  # of the least slopes, as other problems may have smaller ones


class Enclosed(NamedTuple):
    """A field with a proven bound of its error.

    Attributes:
        field: on the lattice; the fixed nodes have their values.
        bound: at least |field − u| node by node.
        iterations: of conjugate gradients, or of the cycle alone.
    """

    field: NDArray[np.float64]
    bound: NDArray[np.float64]
    iterations: int


class FamilyProofs:
    """What the proofs of a family share."""

    def __init__(
        self, lowest: Problem, barriers: NDArray[np.float64] | None = None, attempt: float = 0.0
    ) -> None:
        """From what `of` finds.

        Args:
            lowest: the family's problem with the slowest decay and the least uptake.
            barriers: (2, *lattice), for predictions and for corrected ones.
            attempt: the relative bound from which a prediction is tried to be proven as it is.
        """
        equations = Equations(lowest.homogeneous)
        self._lowest = lowest
        self._couplings = equations.volumes.couplings
        cycle = BlockCycle(equations.volumes.on(equations.free))
        self._near = NearbyCycle(cycle, equations.volumes.drain, [])
        self.barriers, self.attempt = barriers, attempt
        self._barriers = [
            Barrier(field, equations) for field in ([] if barriers is None else barriers)
        ]

    @classmethod
    def of(
        cls, lowest: Problem, problems: Sequence[tuple[Problem, NDArray[np.float64]]]
    ) -> "FamilyProofs":
        """With barriers for the slopes and residuals of some problems' predictions."""
        without = cls(lowest)
        least = np.full(lowest.lattice, np.inf)
        squares = np.zeros((2, *lowest.lattice))
        for problem, field in problems:
            try:
                corrected, before = without._once_corrected(problem, field)
            except ConvergenceError:
                return without
            equations, _ = without._equations_of(problem.homogeneous)
            np.minimum(least, equations.slope(corrected), out=least)
            for total, residual in zip(squares, (before, equations.of(corrected)), strict=True):
                if size := float(np.abs(residual).mean()):
                    total += (residual / size) ** 2
        profiles = np.sqrt(squares)
        barriers = []
        for profile in profiles:
            mean = float(profile.mean())
            profile = profile / mean + FLOOR if mean > 0 else np.ones(lowest.lattice)
            barriers.append(barrier_of(Equations(lowest.homogeneous), MARGIN * least, profile))
        found = [barrier for barrier in barriers if barrier is not None]
        if len(found) < len(barriers):
            return without
        made = cls(lowest, np.stack(found))
        bounds = [made._direct_bound(*each) for each in problems]
        return cls(lowest, made.barriers, float(np.quantile(bounds, OFTEN)))

    def enclose(
        self, problem: Problem, field: NDArray[np.float64], needed: float | None = None
    ) -> Enclosed | None:
        """A field whose proven error is at most `needed`; None if there is none nearby.

        Args:
            problem: of the family.
            field: a prediction, with the values of the fixed nodes.
            needed: by default a share of how far the prediction is corrected.
        """
        if not self._barriers:
            return None
        equations, near = self._equations_of(problem.homogeneous)
        steps = LinearSteps(equations, near)
        residual, rounding = equations.of_with_most_rounding(field)
        if needed is not None and needed >= self.attempt * largest(field):
            bound = self._bound(0, equations, field, residual, rounding, needed)
            if bound is not None:
                return Enclosed(field, bound, 0)
        slope, aim = equations.slope(field), np.inf if needed is None else NEAR * needed
        for corrections in range(MOST_CORRECTIONS):
            try:
                move = steps.solve(slope, residual, Goal(near=aim))
            except ConvergenceError:
                return None
            field = _corrected(equations, field, move.solution)
            residual, rounding = equations.of_with_most_rounding(field)
            needed = OWN * move.first_estimate if needed is None else needed
            bound = self._bound(1, equations, field, residual, rounding, needed)
            if bound is not None:
                steps.release()
                return Enclosed(field, bound, steps.iterations + corrections + 1)
            aim = CLOSER * min(aim, NEAR * needed)
            if move.first_estimate > WIDE * largest(
                field
            ):  # the slopes were those of another field
                slope = equations.slope(field)
        return None

    def bound_of(self, problem: Problem, field: NDArray[np.float64]) -> NDArray[np.float64]:
        """At least |field − u| node by node, of a prediction as it is."""
        enclosed = self.enclose(problem, field)
        if enclosed is None:
            return bounds_of(field, problem).field
        bound = np.abs(field - enclosed.field)
        bound += enclosed.bound
        bound *= SLACK
        return bound

    def _equations_of(self, problem: Problem) -> tuple[Equations, NearbyCycle | None]:
        medium, own = problem.medium, self._lowest.medium
        pairs = zip(medium.diffusivities, own.diffusivities, strict=True)
        if medium.step == own.step and all(
            one is two or np.array_equal(one, two) for one, two in pairs
        ):
            return Equations(problem, self._couplings), self._near
        return Equations(problem), None

    def _bound(
        self,
        number: int,
        equations: Equations,
        field: NDArray[np.float64],
        residual: NDArray[np.float64],
        rounding: float,
        needed: float,
    ) -> NDArray[np.float64] | None:
        """A bound node by node of at most `needed`, if a barrier proves one, by its number."""
        barrier = self._barriers[number]
        slope = equations.least_slope(field, needed)
        constant = barrier.bound(equations, residual, rounding, slope) * SLACK
        return constant * barrier.field if constant * barrier.highest * SLACK <= needed else None

    def _once_corrected(
        self, problem: Problem, field: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The field after one cycle, and its residual before."""
        equations, near = self._equations_of(problem.homogeneous)
        steps, residual = LinearSteps(equations, near), equations.of(field)
        move = steps.solve(equations.slope(field), residual, Goal(near=np.inf))
        steps.release()
        return _corrected(equations, field, move.solution), residual

    def _direct_bound(self, problem: Problem, field: NDArray[np.float64]) -> float:
        """About the bound that the barrier gives a prediction, relative to its size."""
        equations, _ = self._equations_of(problem.homogeneous)
        residual, rounding = equations.of_with_most_rounding(field)
        slope = equations.least_slope(field, np.zeros(()))
        constant = self._barriers[0].bound(equations, residual, rounding, slope)
        size = largest(field)
        return constant * self._barriers[0].highest / size if size > 0 else np.inf


class PredictionProof(NamedTuple):
    """Of a prediction as it is, which is proven when its bound is first read."""

    proofs: FamilyProofs

    def error_bound(self, field: NDArray[np.floating], problem: Problem) -> float:
        """See `Proof`."""
        return float(self.node_bound(field, problem).max())

    def node_bound(self, field: NDArray[np.floating], problem: Problem) -> NDArray[np.float64]:
        """See `Proof`."""
        return self.proofs.bound_of(problem, field.astype(np.float64, copy=False))


def _corrected(
    equations: Equations, field: NDArray[np.float64], correction: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The field minus a correction, which is 0 on the fixed nodes."""
    field = field - correction
    if equations.is_positive:
        np.maximum(field, 0.0, out=field)
        problem = equations.problem
        np.copyto(field, problem.values, where=problem.fixed)
    return field
