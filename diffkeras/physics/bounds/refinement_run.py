"""One refinement: the correction, then rounds on the ring or its direct solution."""

import itertools
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError, PhysicsError
from diffkeras.physics.arguments import largest
from diffkeras.physics.bounds.predicted_problem import PredictedProblem
from diffkeras.physics.bounds.rounding import (
    least_allowance,
    rounding_allowance,
)
from diffkeras.physics.solvers.preconditioner import RingPreconditioner
from diffkeras.physics.solvers.production import particular_field
from diffkeras.physics.solvers.ring import DenseRing
from diffkeras.physics.solvers.ring_field import spread

MOST_ROUNDS = 200
PATIENCE = 10  # rounds in a row without progress, which is then due to rounding
RESTARTS = 3


class RefinementRun:
    """The state of one refinement: a field, its mismatch on the ring, and the bounds so far.

    Attributes:
        relative_tolerance: the largest permitted bound, relative to the largest |value| of u.
    """

    def __init__(self, predicted: PredictedProblem, relative_tolerance: float) -> None:
        self.predicted = predicted
        self.problem = predicted.problem
        self.relative_tolerance = relative_tolerance
        self.method = "rounds"
        self.history: list[float] = []
        self.allowance = 0.0
        self._held = largest(self.problem.values[self.problem.ring.nodes])
        self._check_tolerance()
        self._set(predicted.corrected())

    @property
    def mismatch(self) -> float:
        """The bound of the present field, without the allowance."""
        return self.history[-1]

    @property
    def bound(self) -> float:
        """What is proven of the present field: mismatch and allowance, and their rounding."""
        return (self.mismatch + self.allowance) * (1 + 4 * float(np.finfo(np.float64).eps))

    @property
    def scale(self) -> float:
        """The largest |value| of u; with production it is at least this."""
        if self.problem.production is None:
            return self._held
        found = np.abs(self.field).max(where=~self.problem.fixed, initial=0.0)
        return max(self._held, float(found) - self.bound)

    @property
    def tolerance(self) -> float:
        """The largest permitted bound."""
        return self.relative_tolerance * self.scale

    def _check_tolerance(self) -> None:
        """Raise an error for a tolerance that rounding forbids even for the exact field."""
        least = least_allowance(self.problem.operator, self.predicted.inverse_norm)
        if self.relative_tolerance < least and self.problem.scale:
            raise PhysicsError(
                f"a tolerance of {self.relative_tolerance:g} can't be proven: the rounding "
                f"allowance of this lattice and medium is {least:.1e}; ask for "
                f"{2 * least:.1e} or more"
            )

    def met(self) -> bool:
        """Whether the bound, allowance included, is within the tolerance."""
        if self.mismatch > self.tolerance:
            return False
        self.allowance = rounding_allowance(self.problem, self.predicted.inverse_norm, self.field)
        return self.bound <= self.tolerance

    def solve_directly(self) -> None:
        """The field of the densities that solve the dense ring system.

        Rounds follow where rounding left it short, as iterative refinement.
        """
        problem = self.problem
        self.method = "direct"
        system = DenseRing(problem.operator, problem.ring)
        values = problem.values[problem.ring.nodes]
        if problem.supply is None:
            self._set(spread(problem, *system.solve(values)))
        else:
            field = particular_field(problem, problem.supply)
            self._set(field + spread(problem, *system.solve(values - field[problem.ring.nodes])))
        if not self.met():
            self.iterate()

    def iterate(self) -> None:
        """Rounds until the tolerance is met; from fresh sums where rounding stops them short."""
        problem = self.problem
        precondition = RingPreconditioner(problem.operator, problem.ring)
        for _ in range(RESTARTS):
            self._rounds(precondition)
            if self.met():
                return
            # the fixed values as a prediction: the rounding that a wild one left is gone
            held = np.where(problem.fixed, problem.values, self.field)
            self._set(self.predicted.corrected(held))
            if self.met():
                return
        rounds, scale = len(self.history) - 1, self.scale
        if not scale:
            raise ConvergenceError(
                f"rounding may be larger than the field: its error is proven to be at most "
                f"{self.bound:.1e}, and its largest |value| may be 0; no relative tolerance can be "
                "met"
            )
        other = ", or for method 'direct'" if self.method == "rounds" and problem.ring.size else ""
        raise ConvergenceError(
            f"{rounds} rounds by method {self.method!r} reached a bound of "
            f"{self.mismatch / scale:.1e} and a rounding allowance of "
            f"{self.allowance / scale:.1e}, not the tolerance of {self.relative_tolerance:g}, all "
            f"relative to the largest value; ask for a larger tolerance{other}"
        )

    def run_rounds(self, number: int) -> None:
        """This number of rounds, for any tolerance; fewer if nothing is left to correct."""
        precondition = RingPreconditioner(self.problem.operator, self.problem.ring)
        for _ in itertools.islice(self._steps(precondition), number):
            pass

    def _rounds(self, precondition: RingPreconditioner) -> None:
        """Rounds until the tolerance is met, or rounding or `MOST_ROUNDS` ends them."""
        stalled, best = 0, self.mismatch
        for _ in self._steps(precondition):
            if self.met() or self.mismatch < self.tolerance / 10:
                # the rest is rounding, to which more rounds only add
                return
            stalled = 0 if self.mismatch < 0.9 * best else stalled + 1
            best = min(best, self.mismatch)
            if len(self.history) > MOST_ROUNDS or stalled >= PATIENCE:
                return

    def _steps(self, precondition: RingPreconditioner) -> Iterator[None]:
        """Rounds of conjugate gradients from the present field, one whenever it is asked for."""
        operator, nodes = self.problem.operator, self.problem.ring.nodes
        direction = np.zeros(self.problem.ring.size)
        before = math.inf
        while True:
            improved = precondition(self.error)
            now = float(self.error @ improved)
            direction = improved + (now / before) * direction
            before = now
            moved = operator.spread(nodes, direction)
            curvature = float(direction @ moved[nodes])
            if not (now > 0 and curvature > 0):
                return
            moved *= now / curvature
            moved += self.field
            self._set(moved)
            yield

    def _set(self, field: NDArray[np.float64]) -> None:
        self.field = field
        self.error = self.predicted.mismatch(field)
        self.history.append(float(abs(self.error).max(initial=0.0)))
