"""Linear steps: rough solutions of (A + d) x = b on the free nodes.

Conjugate gradients in single precision, preconditioned by a geometric multigrid cycle
(`block_cycles`), solve it. Where these take too many iterations, double precision takes over, with
a stronger preconditioner (`direct`). It is set up once and used for other slopes d while it serves.
The callers correct what single precision leaves.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.equations import Equations
from diffkeras.physics.linear.block_cycles import SINGLE
from diffkeras.physics.linear.cg import Function, LinearStep, conjugate_gradients
from diffkeras.physics.linear.direct import has_factors, strong_preconditioner
from diffkeras.physics.linear.finite_volumes import FiniteVolumes

SINGLE_REDUCTION = 1e-4  # single precision gives no more digits of a residual in one step
MOST_CYCLES, MOST_DOUBLE_CYCLES = 25, 100  # of one step, in single and in double precision
MOST_CYCLES_OF_OTHER_SLOPE = 15  # by a preconditioner that was set up for another slope
# Shares of D/h² with which closed lattices had a proof, however cells saturate; and with which
# algebraic multigrid converged for all contrasts
PROVABLE_DECAY, SAFE_DECAY = 1e-8, 1e-6
ESTIMATE_MARGIN = 0.7  # share of what an error must be, below which an estimate of it is trusted


class Goal(NamedTuple):
    """When a solution x of b is good enough: at the first of these that it reaches."""

    reduction: float = 0.0  # largest Euclidean norm of the residual, relative to the norm of b
    error: float = 0.0  # largest |error|, estimated by a correction
    relative_error: float = 0.0  # the same, as a share of the largest |x|
    # of x and its residual, (n,) each, in place of a reduction
    condition: Callable[[NDArray, NDArray], bool] | None = None
    # whether, with a small error, a bound of that size must also be provable: about the mean
    # |residual| times the largest of A⁻¹1
    provable: bool = False


class LinearSteps:
    """The solver of all steps of one problem.

    It keeps the preconditioner of double precision; the equations keep the geometric cycle.
    """

    def __init__(self, equations: Equations) -> None:
        self.iterations = 0  # of conjugate gradients, so far
        self.needs_double = False  # whether geometric cycles took too many iterations
        self._equations = equations
        self._precondition: Function | None = None

    def solve(self, slope: NDArray | float, right_hand_side: NDArray, goal: Goal) -> LinearStep:
        """About (A + d)⁻¹ b on the lattice, or a ConvergenceError if a goal isn't met."""
        size = largest(right_hand_side)
        if not size:
            return LinearStep(np.zeros(right_hand_side.shape))
        result: LinearStep | None = None
        if not self.needs_double:
            cycle = self._equations.cycle_at(slope)
            single = np.empty(right_hand_side.shape, SINGLE)
            single = np.divide(right_hand_side, size, out=single, casting="same_kind").ravel()
            height = cycle.height if goal.provable else 0.0
            result = _iterate(cycle.matrix.dot, cycle, single, goal, size, MOST_CYCLES, height)
            self.iterations += result.iterations
            self.needs_double = not result.is_met
        if result is None or not result.is_met:
            scaled = (right_hand_side / size).astype(np.float64)
            result = self._solve_in_double(slope, scaled.ravel(), goal, size)
        solution = np.multiply(result.solution, size, dtype=np.float64)
        estimates = size * result.estimate, size * result.first_estimate
        return LinearStep(solution.reshape(right_hand_side.shape), *estimates, result.iterations)

    def _solve_in_double(
        self, slope: NDArray | float, scaled: NDArray[np.float64], goal: Goal, size: float
    ) -> LinearStep:
        """The same as `solve`, for b (n,) that is scaled already."""
        result = None
        try:
            volumes, free = self._equations.volumes.on(self._equations.free), self._equations.free
            row_sums = (volumes.row_sums + slope * free).astype(np.float64)
            matrix = FiniteVolumes(volumes.couplings, row_sums).matrix(np.dtype(np.float64))
            if self._precondition is None:
                self._precondition = strong_preconditioner(matrix, free)
            precondition = self._precondition
            result = _iterate(matrix.dot, precondition, scaled, goal, size, MOST_DOUBLE_CYCLES)
            self.iterations += result.iterations
        except RuntimeError:  # SuperLU's, for a singular matrix
            pass
        if result is None or not result.is_met or result.iterations > MOST_CYCLES_OF_OTHER_SLOPE:
            self._precondition = None
        if result is None or not result.is_met:
            self.needs_double = False  # for other slopes
            raise ConvergenceError(f"the equations can't be solved: {self._obstacle}")
        return result

    @property
    def _obstacle(self) -> str:
        """Why iterations fail, and what helps."""
        lattice = self._equations.lattice
        if has_factors(lattice):
            return f"rounding hides what is lost; {helpful_decay(self._equations)}"
        return (
            f"{'×'.join(map(str, lattice))} nodes are too many for a direct solution, and "
            "diffusivity or uptake vary too much for multigrid, or decay is too weak; "
            f"{helpful_decay(self._equations, SAFE_DECAY)}"
        )


def helpful_decay(equations: Equations, share: float = PROVABLE_DECAY) -> str:
    """Advice for equations that lose too little, with a decay that is this share of D/h²."""
    return (
        f"a decay of {share * equations.unit:.0e} or more usually helps, and so do an absorbing "
        "side, a fixed node, more uptake or less production"
    )


def _iterate(
    apply: Function,
    precondition: Function,
    scaled: NDArray,
    goal: Goal,
    size: float,
    most: int,
    height: float = 0.0,
) -> LinearStep:
    """Conjugate gradients to within a goal, for b that is divided by its size.

    `height` is about the largest of A⁻¹1 if the goal is provable.
    """
    least = goal.reduction * float(np.linalg.norm(scaled))

    def is_met(solution: NDArray, residual: NDArray) -> bool:
        if goal.condition is not None:
            return goal.condition(solution, residual)
        return float(np.linalg.norm(residual)) <= least

    def is_near(solution: NDArray, residual: NDArray, estimate: float) -> bool:
        error = goal.error / size
        if goal.relative_error:
            error = max(error, goal.relative_error * largest(solution))
        return estimate <= error and (
            not height or height * float(np.abs(residual).mean()) <= error
        )

    estimates = goal.error or goal.relative_error
    return conjugate_gradients(
        apply, precondition, scaled, is_met, most, is_near if estimates else None
    )
