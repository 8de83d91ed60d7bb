"""The steady state in a medium that varies from node to node, by algebraic multigrid.

There A is not diagonal in the basis of any fast transform, and the ring system has no table of
Green's function. The finite-volume equations of the free nodes (`finite_volumes`) are an M-matrix,
symmetric positive definite: conjugate gradients, preconditioned by one V-cycle of multigrid, solve
them in a number of iterations that hardly depends on the lattice's size. The cycle is geometric
(`block_cycles`), or, where that converges slowly, Ruge-Stüben's (Ruge & Stüben 1987; PyAMG, Bell,
Olson & Schroder 2023), whose setup takes longer than a solution by the former. They are repeated
on the residual in extended precision until a proven bound of the error (`comparison`) meets the
tolerance.
"""

import warnings
from functools import partial

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.operators.finite_volumes import FiniteVolumes, finite_volumes
from diffkeras.physics.problem import Problem
from diffkeras.physics.solution import SolveStatistics
from diffkeras.physics.solvers import block_cycles
from diffkeras.physics.solvers.block_cycles import BlockCycle, conjugate_gradients, norm
from diffkeras.physics.solvers.comparison import SLACK, Comparison, Extended

MOST_ITERATIONS = 200
LEAST_REDUCTION = 1e-6  # of a residual in one run: rounding stops runs that shall do much more
BARRIER_REDUCTION = 1e-2  # the barrier of the bound needs no more digits
CORRECTION = 1e-1  # of a prediction's residual
WAY_OUT = "the diffusivities vary too much, or decay is too slow"

# Fixed values are divided by the scale, and the field is rounded to float64 and multiplied by it.
SCALING_ROUNDING = 3 * float(np.finfo(np.float64).eps) / 2


def solve_by_multigrid(
    problem: Problem, *, tolerance: float, precision: np.dtype, workers: int | None
) -> tuple[NDArray[np.floating], SolveStatistics]:
    """See `table.Solver`; always in float64 and on one thread.

    The statistics hold no ring nodes, all iterations of conjugate gradients, and for the residual
    the proven bound of the error, relative to the largest |value|.
    """
    run = MultigridRun(problem)
    run.iterate(tolerance)
    statistics = SolveStatistics("multigrid", 0, run.iterations, run.relative_bound)
    return run.field.astype(np.float64), statistics


class MultigridRun:
    """A field, divided by the problem's scale, on its way to the solution.

    Attributes:
        field: (rows, columns) in extended precision; its fixed nodes hold their values.
        history: the proven bound of the error of each field so far, once it was asked for; infinite
            where nothing could be proven.
    """

    def __init__(self, problem: Problem, start: NDArray[np.float64] | None = None) -> None:
        """Begin with `start` (rows, columns), divided by the scale, or 0, on the free nodes.

        Numbers larger than u can be are clipped: they only add rounding.
        """
        self._free = ~problem.fixed
        values = problem.values / (problem.scale or 1.0)
        self.field: Extended = np.where(self._free, 0.0, values).astype(np.longdouble)
        self.history: list[float] = []
        self._held = largest(problem.ring_values)
        self._cycles: _Cycles | None = None
        if self._free.any():
            volumes = finite_volumes(problem.lattice, problem.medium.normalised())
            self._cycles = _Cycles(volumes, problem)
            self._comparison = Comparison(volumes, problem)
            self._find_barrier()
        if start is not None:
            most = max(self.bound, self._held)  # no |value| of u is this far from 0
            self.field[self._free] = start[self._free].clip(-most, most)

    @property
    def iterations(self) -> int:
        """Of conjugate gradients, so far."""
        return self._cycles.iterations if self._cycles else 0

    @property
    def bound(self) -> float:
        """The proven bound of the error of `field`; it includes rounding to float64."""
        return self._bound()[0]

    @property
    def relative_bound(self) -> float:
        """The last bound, divided by the least that the largest |value| of u may be."""
        bound = self.history[-1]
        size = max(self._held, largest(self.field[self._free]) - bound)
        return bound / size if size > 0 else (np.inf if bound else 0.0)

    def iterate(self, tolerance: float) -> None:
        """Correct the field until its relative bound meets the tolerance.

        Raises:
            ConvergenceError: it can't be met.
        """
        best = np.inf
        while True:
            bound, residual = self._bound()
            self.history.append(bound)
            reached = self.relative_bound
            stalled = best < np.inf and not reached < best / 2
            if self._cycles is None or reached <= tolerance or stalled or not self._may_go_on:
                break
            best = reached
            # a field of zeros has an error of 1 at most; its bound may be larger
            self.correct(residual, tolerance / min(reached, 1.0) / 4)
        if not reached <= tolerance:
            proven = (
                f"the error was proven to be below {reached:.1e} and not {tolerance:g}; ask for "
                f"{2 * reached:.0e} or more"
                if reached < 0.1
                else f"no error could be proven to be below {tolerance:g}"
            )
            raise ConvergenceError(
                f"multigrid: after {self.iterations} iterations {proven}; {WAY_OUT}"
            )

    def correct(self, residual: Extended | None = None, reduction: float = CORRECTION) -> None:
        """Correct the field, so that its residual falls to about `reduction` times its norm."""
        if self._cycles is None:
            return
        if residual is None:
            residual = self._comparison.of(self.field)[1]
        self.field[self._free] += self._cycles.solve(residual, reduction)

    def node_bound(self) -> NDArray[np.float64]:
        """Proven bounds of the error of `field`, (rows, columns), node by node; 0 on fixed ones."""
        bound = np.zeros(self.field.shape)
        if self._cycles is not None:
            missed = self._comparison.missed(self.field)
            bound[self._free] = self._cycles.solve(missed, BARRIER_REDUCTION).clip(min=0.0)
            bound += self._comparison.missing(bound, missed)
            bound[self._free] += self._rounding
            bound = np.minimum(bound, self.bound) * SLACK
        return bound

    def _find_barrier(self) -> None:
        assert self._cycles is not None
        barrier = np.zeros(self.field.shape)
        missing: NDArray | None = np.ones(int(self._free.sum()), np.longdouble)
        while missing is not None and self._cycles.may_go_on:
            barrier[self._free] += self._cycles.solve(missing, BARRIER_REDUCTION)
            missing = self._comparison.take_barrier(barrier)

    @property
    def _may_go_on(self) -> bool:
        return self._cycles is not None and self._comparison.usable and self._cycles.may_go_on

    @property
    def _rounding(self) -> float:
        return SCALING_ROUNDING * max(self._held, largest(self.field[self._free]))

    def _bound(self) -> tuple[float, Extended | None]:
        """The bound, and the residual on the free nodes."""
        if self._cycles is None:
            return 0.0, None
        bound, residual = self._comparison.of(self.field)
        return bound + self._rounding, residual


class _Cycles:
    """Geometric cycles, which need no setup, and algebraic ones as soon as they converge slowly.

    Attributes:
        may_go_on: whether iterations are left and the last solution took at least one.
    """

    def __init__(self, volumes: FiniteVolumes, problem: Problem) -> None:
        self._free = ~problem.fixed
        on_free = volumes.on(self._free)
        self._matrix = on_free.matrix(np.dtype(np.float64))
        self._blocks = BlockCycle(on_free)
        self._blocks.add(np.zeros(self._free.shape))
        self._by_blocks = 0
        self._equations = partial(volumes.free_system, problem.values, problem.fixed)
        self._algebraic: MultigridCycles | None = None
        self.may_go_on = True

    @property
    def iterations(self) -> int:
        """Of conjugate gradients, over all solutions."""
        return self._by_blocks + (self._algebraic.iterations if self._algebraic else 0)

    def solve(self, right_hand_side: NDArray, reduction: float) -> NDArray[np.float64]:
        """About A⁻¹b, whose residual is `reduction` times b in the Euclidean norm."""
        if self._algebraic is not None:
            solution = self._algebraic.solve(right_hand_side, reduction)
            self.may_go_on = self._algebraic.may_go_on
            return solution
        before, reduction = self.iterations, max(reduction, LEAST_REDUCTION)
        size = float(np.abs(right_hand_side).max()) or 1.0
        given = np.zeros(self._free.shape)
        given[self._free] = right_hand_side / size
        wanted = reduction * norm(given)
        found, residual, iterations = conjugate_gradients(
            self._matrix,
            self._blocks,
            given.ravel(),
            lambda residual: norm(residual) <= wanted,
            block_cycles.MOST_CYCLES,
        )
        self._by_blocks += iterations
        solution, left = found[self._free.ravel()] * size, norm(residual)
        if not left <= wanted:
            self._algebraic = MultigridCycles(self._equations()[0])
            solution = solution + self._algebraic.solve(
                residual[self._free.ravel()] * size, min(wanted / left, 1.0)
            )
        self.may_go_on = before < self.iterations < MOST_ITERATIONS
        return solution


class MultigridCycles:
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
            # PyAMG warns where rounding ends the iteration, which the bound will show. It asks for
            # its warnings to be shown in any case, so they are collected and not ignored.
            with warnings.catch_warnings(record=True):
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
