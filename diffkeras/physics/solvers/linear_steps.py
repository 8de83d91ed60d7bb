"""Approximate solutions of the linear steps, (A + d) x = b on the free nodes.

Conjugate gradients in single precision, preconditioned by a geometric multigrid cycle
(`block_cycles`). Where these take too many iterations, double precision and a V-cycle of algebraic
multigrid take over. Its hierarchy is set up once and used for other slopes d, too, while it serves.

The callers correct what single precision leaves.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.equations.block_cycles import SINGLE, BlockCycle
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import FiniteVolumes
from diffkeras.physics.solvers.algebraic_multigrid import ruge_stuben_hierarchy
from diffkeras.physics.solvers.conjugate_gradients import Function, Iterate, conjugate_gradients

MOST_CYCLES = 25  # cycles of one step, beyond which algebraic multigrid takes over
MOST_ALGEBRAIC = 100  # iterations of one step
OLD = 15  # iterations of one step, beyond which the hierarchy is set up again


class Goal(NamedTuple):
    """When a solution x of b is good enough. One of these is enough; 0 or None is never reached.

    Attributes:
        reduction: of the residual's Euclidean norm, relative to that of b.
        near: the largest |value| of a correction, an estimate of the error.
        share: the same, as a share of the largest |x|.
        of_both: a condition for x and its residual, (n,) each.
        provable: whether a correction that is near must also leave a residual of which a bound of
            this size can be proven: about the mean |residual| times the largest of A⁻¹1.
    """

    reduction: float = 0.0
    near: float = 0.0
    share: float = 0.0
    of_both: Callable[[NDArray, NDArray], bool] | None = None
    provable: bool = False


class Move(NamedTuple):
    """A solution x, (rows, columns), 0 on the fixed nodes.

    Attributes:
        estimate: about the largest |error| before the last correction; 0 if none was asked for.
        first_estimate: about the largest |A⁻¹b|; the same if the first correction was enough.
    """

    solution: NDArray[np.float64]
    estimate: float = 0.0
    first_estimate: float = 0.0
    iterations: int = 0


class NearbyCycle(NamedTuple):
    """The multigrid cycle of equations with the same couplings and another drain.

    Attributes:
        cycle: of A on the free nodes.
        drain: A's, on the lattice.
        spares: cycles that aren't used any more (`BlockCycle.plus`).
    """

    cycle: BlockCycle
    drain: NDArray[np.float64]
    spares: list[BlockCycle]

    def spare(self) -> BlockCycle | None:
        """One of the spares, if there is one; threads get different ones."""
        try:
            return self.spares.pop()
        except IndexError:
            return None


class LinearSteps:
    """The solver of all steps of one problem.

    Attributes:
        iterations: of conjugate gradients, so far.
    """

    def __init__(self, equations: Equations, near: "NearbyCycle | None" = None) -> None:
        """`near` is the cycle of other equations, if there is one."""
        self.iterations = 0
        self._equations = equations
        self._by_blocks = True
        self._slope: NDArray | float | None = None
        self._near = near
        self._algebraic: Function | None = None

    def solve(self, slope: NDArray | float, right_hand_side: NDArray, goal: Goal) -> Move:
        """About (A + d)⁻¹ b, for b (rows, columns), to within a goal.

        Raises:
            ConvergenceError: the iterations don't converge.
        """
        size = largest(right_hand_side)
        if not size:
            return Move(np.zeros(right_hand_side.shape))
        result: Iterate | None = None
        if self._by_blocks:
            cycle = self._cycle_of(slope)
            single = np.empty(right_hand_side.shape, SINGLE)
            single = np.divide(right_hand_side, size, out=single, casting="same_kind").ravel()
            height = cycle.height if goal.provable else 0.0
            result = _iterate(cycle.matrix.dot, cycle, single, goal, size, MOST_CYCLES, height)
            self.iterations += result.iterations
            self._by_blocks = result.is_met
        if result is None or not result.is_met:
            scaled = (right_hand_side / size).astype(np.float64)
            result = self._solve_algebraically(slope, scaled.ravel(), goal, size)
        solution = np.multiply(result.solution, size, dtype=np.float64)
        solution = solution.reshape(right_hand_side.shape)
        estimates = size * result.estimate, size * result.first_estimate
        return Move(solution, *estimates, result.iterations)

    def _cycle_of(self, slope: NDArray | float) -> BlockCycle:
        if slope is not self._slope:
            self._cycle = self._new_cycle(slope)
            self._slope = slope
        return self._cycle

    def _new_cycle(self, slope: NDArray | float) -> BlockCycle:
        equations, near = self._equations, self._near
        if near is None:
            cycle = equations.cycle
            if not np.any(slope):
                return cycle
            return cycle.plus((slope * equations.free).astype(np.float64))
        drain = equations.volumes.drain - near.drain
        drain += slope
        drain *= equations.free
        if self._slope is not None:
            self.release()
        return near.cycle.plus(drain, near.spare())

    def release(self) -> None:
        """Give the memory of the last cycle, which isn't used any more, to the next one."""
        if self._near is not None and self._slope is not None:
            self._near.spares.append(self._cycle)
            self._slope = None

    def _solve_algebraically(
        self, slope: NDArray | float, scaled: NDArray[np.float64], goal: Goal, size: float
    ) -> Iterate:
        """The same as `solve`, for b (n,) that is scaled already."""
        result = None
        try:
            matrix = self._matrix(slope)
            precondition = self._algebraic or self._set_up(matrix)
            result = _iterate(matrix.dot, precondition, scaled, goal, size, MOST_ALGEBRAIC)
            self.iterations += result.iterations
        except RuntimeError:  # SuperLU's, for a singular matrix
            pass
        if result is None or not result.is_met or result.iterations > OLD:
            self._algebraic = None
        if result is None or not result.is_met:
            self._by_blocks = True  # for other slopes
            raise ConvergenceError(
                f"conjugate gradients stopped after {self.iterations} iterations: diffusivity or "
                "uptake vary too much, or decay is too weak; check the medium and the uptake"
            )
        return result

    def _matrix(self, slope: NDArray | float) -> sp.dia_array:
        """A + d in double precision, (n, n)."""
        volumes, free = self._equations.volumes.on(self._equations.free), self._equations.free
        drain = (volumes.drain + slope * free).astype(np.float64)
        return FiniteVolumes(volumes.couplings, drain).matrix(np.dtype(np.float64))

    def _set_up(self, matrix: sp.dia_array) -> Function:
        """A V-cycle of algebraic multigrid."""
        free = self._equations.free.ravel()
        cycle = ruge_stuben_hierarchy(matrix.tocsr()[free][:, free]).aspreconditioner()

        def precondition(residual: NDArray) -> NDArray:
            result = np.zeros(residual.shape)
            result[free] = cycle @ residual[free]
            return result

        self._algebraic = precondition
        return precondition


def _iterate(
    apply: Function,
    precondition: Function,
    scaled: NDArray,
    goal: Goal,
    size: float,
    most: int,
    height: float = 0.0,
) -> Iterate:
    """Conjugate gradients to within a goal, for b that is divided by its size.

    `height` is about the largest of A⁻¹1, for goals that are provable.
    """
    least = goal.reduction * float(np.sqrt(np.vdot(scaled, scaled)))

    def is_met(solution: NDArray, residual: NDArray) -> bool:
        if goal.of_both is not None:
            return goal.of_both(solution, residual)
        return float(np.sqrt(np.vdot(residual, residual))) <= least

    def is_near(solution: NDArray, residual: NDArray, estimate: float) -> bool:
        wanted = goal.near / size
        if goal.share:
            wanted = max(wanted, goal.share * largest(solution))
        return estimate <= wanted and (
            not height or height * float(np.abs(residual).mean()) <= wanted
        )

    looks = goal.near or goal.share
    return conjugate_gradients(
        apply, precondition, scaled, is_met, most, is_near if looks else None
    )
