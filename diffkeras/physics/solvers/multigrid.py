"""The steady state in a medium that varies from node to node, by algebraic multigrid.

There A is not diagonal in the basis of any fast transform, and the ring system has no table of
Green's function. The finite-volume equations of the free nodes (`finite_volumes`) are an M-matrix,
symmetric positive definite: conjugate gradients, preconditioned by one V-cycle of Ruge-Stüben
multigrid (Ruge & Stüben 1987; PyAMG, Bell, Olson & Schroder 2023), solve them in a number of
iterations that hardly depends on the lattice's size. They are repeated on the residual in extended
precision until the proven bound of the error (`comparison`) meets the tolerance.
"""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.medium import Medium
from diffkeras.physics.operators.finite_volumes import finite_volumes
from diffkeras.physics.problem import Problem
from diffkeras.physics.solution import SolveStatistics
from diffkeras.physics.solvers import cost as costs
from diffkeras.physics.solvers.comparison import ComparisonBound

MOST_ITERATIONS = 200
LEAST_REDUCTION = 1e-6  # of a residual in one run: rounding stops runs that shall do much more
BARRIER_REDUCTION = 1e-2  # the barrier of the bound needs no more digits

# Fixed values are divided by the scale, and the field is rounded to float64 and multiplied by it.
SCALING_ROUNDING = 3 * float(np.finfo(np.float64).eps) / 2


def takes(medium: Medium) -> bool:
    """Any medium."""
    return True


def cost(problem: Problem) -> float:
    """Seconds of the hierarchy and the iterations."""
    return costs.multigrid(int(np.count_nonzero(~problem.fixed)))


def solve(
    problem: Problem, *, tolerance: float, precision: np.dtype, workers: int | None
) -> tuple[NDArray[np.floating], SolveStatistics]:
    """See `solvers.table.Solver`; always in float64 and on one thread.

    The statistics hold no ring nodes, all iterations of conjugate gradients, and for the residual
    the proven bound of the error, relative to the largest |value|.
    """
    volumes = finite_volumes(problem.lattice, problem.medium.normalised())
    free = ~problem.fixed
    field = np.where(free, 0.0, problem.values / problem.scale).astype(np.longdouble)
    if not free.any():
        return field.astype(np.float64), SolveStatistics("multigrid", 0)
    matrix, _ = volumes.free_system(problem.values, problem.fixed)
    cycles = _Cycles(matrix)
    bound = ComparisonBound(volumes, problem.fixed)
    barrier = np.zeros(problem.lattice)
    missing: NDArray | None = np.ones(matrix.shape[0], np.longdouble)
    reached, best = np.inf, np.inf
    while missing is not None and cycles.may_go_on:
        barrier[free] += cycles.solve(missing, BARRIER_REDUCTION)
        missing = bound.take_barrier(barrier)
    while missing is None:
        reached, residual = bound.of(field)
        reached += SCALING_ROUNDING * max(1.0, float(np.abs(field[free]).max()))
        if reached <= tolerance or not (reached < best / 2 and cycles.may_go_on):
            break
        best = reached
        # no error is larger than 1, as the fixed values aren't: the first bound may be
        field[free] += cycles.solve(residual, tolerance / min(reached, 1.0) / 4)
    if not reached <= tolerance:
        raise ConvergenceError(_not_met(cycles.iterations, reached, tolerance))
    return field.astype(np.float64), SolveStatistics("multigrid", 0, cycles.iterations, reached)


class _Cycles:
    """Conjugate gradients with multigrid for preconditioner, on one matrix.

    Attributes:
        iterations: so far, over all solutions.
        may_go_on: whether iterations are left and the last solution took at least one.
    """

    def __init__(self, matrix: sp.csr_array) -> None:
        import pyamg  # seconds to import, and few programs need it

        # splu: the default, a pseudoinverse, drops the slowest modes of extreme media
        self._hierarchy = pyamg.ruge_stuben_solver(
            sp.csr_matrix(matrix), max_coarse=100, coarse_solver="splu"
        )
        self.iterations = 0
        self.may_go_on = True

    def solve(self, right_hand_side: NDArray, reduction: float) -> NDArray[np.float64]:
        """About A⁻¹b, whose residual is `reduction` times b in the Euclidean norm."""
        size = float(np.abs(right_hand_side).max()) or 1.0
        norms: list[float] = []
        try:
            solution = self._hierarchy.solve(
                (right_hand_side / size).astype(np.float64),
                tol=max(reduction, LEAST_REDUCTION),
                maxiter=max(MOST_ITERATIONS - self.iterations, 1),
                accel="cg",
                residuals=norms,
            )
        except RuntimeError as error:  # SuperLU's
            raise ConvergenceError(f"multigrid: {error}; {WAY_OUT}") from None
        steps = len(norms) - 1
        self.iterations += max(steps, 0)
        self.may_go_on = steps > 0 and self.iterations < MOST_ITERATIONS
        return solution * size


WAY_OUT = "the diffusivities vary too much, or decay is too slow"


def _not_met(iterations: int, reached: float, tolerance: float) -> str:
    proven = (
        f"no error could be proven to be below {tolerance:g}"
        if not reached < 0.1
        else f"the error was proven to be below {reached:.1e} and not {tolerance:g}; ask for "
        f"{2 * reached:.0e} or more"
    )
    return f"multigrid: after {iterations} iterations {proven}; {WAY_OUT}"
