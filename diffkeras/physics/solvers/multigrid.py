"""The steady state in a medium that varies from node to node, by algebraic multigrid.

There A is not diagonal in the basis of any fast transform, and the ring system has no table of
Green's function. The finite-volume equations of the free nodes (`finite_volumes`) are an M-matrix,
symmetric positive definite: conjugate gradients, preconditioned by one V-cycle of Ruge-Stüben
multigrid (Ruge & Stüben 1987; PyAMG, Bell, Olson & Schroder 2023), solve them in a number of
iterations that hardly depends on the lattice's size. They are repeated on the residual in extended
precision until a proven bound of the error meets the tolerance.

A small residual says little about the error where D varies over orders of magnitude. Let û hold the
fixed values, r = s − A û on the free nodes with their production s, and let a barrier w, 0 on the
fixed nodes, have A w > 0 on the free ones. A of the free nodes is an M-matrix, for which the
comparison principle (Varga 2000, §3.5; Ciarlet 1970) gives, node by node,

    |u − û| ≤ β w,    β = max |r| / (A w).

Both A û and A w are computed in extended precision, as σ u_i + Σ κ (u_i − u_k) (`finite_volumes`).
Each of these at most five terms goes through at most five roundings: difference, product, and up to
three sums. With the unit roundoff η the result is therefore wrong by at most

    5η / (1 − 5η) · m,    m = σ |u_i| + Σ κ |u_i − u_k|    (Higham 2002, §3.1),

and so is m itself, relatively. 8η times the computed m covers both, so |r| is taken larger by it
and A w smaller. The bound is about the equations whose coefficients are the rounded σ and κ.
"""

import math
import warnings

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.operators.finite_volumes import FiniteVolumes, finite_volumes
from diffkeras.physics.problem import Problem, largest
from diffkeras.physics.solution import SolveStatistics

MOST_ITERATIONS = 200
LEAST_REDUCTION = 1e-6  # of a residual in one run: rounding stops runs that shall do much more
BARRIER_REDUCTION = 1e-2  # the barrier of the bound needs no more digits
ROUNDING = 8 * np.finfo(np.longdouble).eps / 2
LEAST_SUPPLY = 0.1  # of A w, which should be about 1
WAY_OUT = "the diffusivities vary too much, or decay is too slow"

Extended = NDArray[np.longdouble]

# Fixed values are divided by the scale, and the field is rounded to float64 and multiplied by it.
SCALING_ROUNDING = 3 * float(np.finfo(np.float64).eps) / 2


def solve_by_multigrid(
    problem: Problem, *, tolerance: float, precision: np.dtype, workers: int | None
) -> tuple[NDArray[np.floating], SolveStatistics]:
    """See `table.Solver`; always in float64 and on one thread.

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
    bound = _Comparison(volumes, problem)
    barrier = np.zeros(problem.lattice)
    missing: NDArray | None = np.ones(matrix.shape[0], np.longdouble)
    held = largest(problem.ring_values)
    reached, best = np.inf, np.inf
    while missing is not None and cycles.may_go_on:
        barrier[free] += cycles.solve(missing, BARRIER_REDUCTION)
        missing = bound.take_barrier(barrier)
    while missing is None:
        reached, residual = bound.of(field)
        found = largest(field[free])
        reached += SCALING_ROUNDING * max(held, found)
        # the solution's largest |value| is at least this
        size = max(held, found - reached)
        reached = reached / size if size > 0 else np.inf
        stalled = best < np.inf and not reached < best / 2
        if reached <= tolerance or stalled or not cycles.may_go_on:
            break
        best = reached
        # the first field is 0 on the free nodes, an error of 1 at most; its bound may be larger
        field[free] += cycles.solve(residual, tolerance / min(reached, 1.0) / 4)
    if not reached <= tolerance:
        proven = (
            f"the error was proven to be below {reached:.1e} and not {tolerance:g}; ask for "
            f"{2 * reached:.0e} or more"
            if reached < 0.1
            else f"no error could be proven to be below {tolerance:g}"
        )
        raise ConvergenceError(
            f"multigrid: after {cycles.iterations} iterations {proven}; {WAY_OUT}"
        )
    return field.astype(np.float64), SolveStatistics("multigrid", 0, cycles.iterations, reached)


class _Comparison:
    """The bound for one operator and set of fixed nodes."""

    def __init__(self, volumes: FiniteVolumes, problem: Problem) -> None:
        self._volumes = volumes
        self._free = ~problem.fixed
        supply = problem.supply
        self._source = 0.0 if supply is None else supply[self._free]
        self._height = math.inf
        self._supplied: Extended | None = None

    def apply(self, field: NDArray) -> tuple[Extended, Extended]:
        """A u on the free nodes, (f,), and the bound of its rounding, for u (rows, columns)."""
        extended = field.astype(np.longdouble)
        applied = self._volumes.apply(extended)[self._free]
        return applied, ROUNDING * self._volumes.magnitude(extended)[self._free]

    def take_barrier(self, barrier: NDArray) -> Extended | None:
        """Use w, (rows, columns), unless A w is too small somewhere: then 1 − A w, (f,)."""
        applied, rounding = self.apply(barrier)
        supply = applied - rounding
        if not supply.min() > LEAST_SUPPLY:
            return 1 - applied
        self._supplied, self._height = supply, float(barrier.max())
        return None

    def of(self, field: NDArray) -> tuple[float, Extended]:
        """The bound of |u − û|, for û (rows, columns), and the residual s − A û, (f,)."""
        assert self._supplied is not None
        applied, rounding = self.apply(field)
        residual = self._source - applied
        ratio = float(((np.abs(residual) + rounding) / self._supplied).max())
        # five roundings at most: of the difference, the ratio, to float64, and two products here
        return ratio * self._height * (1 + 4 * float(np.finfo(np.float64).eps)), residual


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
