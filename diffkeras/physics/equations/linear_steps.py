"""Approximate solutions of the linear steps, (A + d) x = b on the free nodes.

Conjugate gradients (Hestenes & Stiefel 1952) in single precision, preconditioned by a geometric
multigrid cycle (`block_cycles`). Where these take too many iterations, double precision takes over,
with a stronger preconditioner: the factors of A + d where they are small enough (SuperLU with
minimum degree, Li 2005), and on larger lattices a V-cycle of algebraic multigrid (Ruge & Stüben
1987). It is set up once and used for other slopes d while it serves.

The callers correct what single precision leaves.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import get_blas_funcs
from scipy.sparse.linalg import splu

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.equations.block_cycles import SINGLE
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import FiniteVolumes

SINGLE_REDUCTION = 1e-4  # single precision gives no more digits of a residual in one step
MOST_CYCLES, MOST_DOUBLE_CYCLES = 25, 100  # of one step, in single and in double precision
MOST_CYCLES_OF_OTHER_SLOPE = 15  # by a preconditioner that was set up for another slope
MOST_DIRECT_COST = 1e8  # eight seconds and 1.4 GB for 1024×1024 nodes, 3 s for 33×33×33
# Shares of D/h² with which closed lattices had a proof, however cells saturate; and with which
# algebraic multigrid converged for all contrasts
PROVABLE_DECAY, SAFE_DECAY = 1e-8, 1e-6
ESTIMATE_MARGIN = 0.7  # share of what an error must be, below which an estimate of it is trusted

Function = Callable[[NDArray], NDArray]


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


class LinearStep(NamedTuple):
    """What conjugate gradients end with."""

    solution: NDArray  # about A⁻¹b
    # largest |value| of the last correction, about the error before it, and of the first one, about
    # the largest |A⁻¹b|; 0 if no estimate was asked for
    estimate: float = 0.0
    first_estimate: float = 0.0
    iterations: int = 0  # products with A
    is_met: bool = True  # whether a goal was reached


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
            precondition = self._precondition or self._set_up(matrix)
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
        if direct_cost(lattice) <= MOST_DIRECT_COST:
            return f"rounding hides what is lost; {helpful_decay(self._equations)}"
        return (
            f"{'×'.join(map(str, lattice))} nodes are too many for a direct solution, and "
            "diffusivity or uptake vary too much for multigrid, or decay is too weak; "
            f"{helpful_decay(self._equations, SAFE_DECAY)}"
        )

    def _set_up(self, matrix: sp.dia_array) -> Function:
        """A preconditioner in double precision: factors, or a V-cycle of algebraic multigrid."""
        free = self._equations.free.ravel()
        own = matrix.tocsr()[free][:, free]
        if direct_cost(self._equations.lattice) <= MOST_DIRECT_COST:
            # as the matrix is an M-matrix, elimination needs no pivots
            inverse = splu(
                own.tocsc(), "MMD_AT_PLUS_A", diag_pivot_thresh=0, options={"SymmetricMode": True}
            ).solve
        else:
            inverse = ruge_stuben_hierarchy(own).aspreconditioner().matvec

        def precondition(residual: NDArray) -> NDArray:
            result = np.zeros(residual.shape)
            result[free] = inverse(residual[free])
            return result

        self._precondition = precondition
        return precondition


def helpful_decay(equations: Equations, share: float = PROVABLE_DECAY) -> str:
    """Advice for equations that lose too little, with a decay that is this share of D/h²."""
    return (
        f"a decay of {share * equations.unit:.0e} or more usually helps, and so do an absorbing "
        "side, a fixed node, more uptake or less production"
    )


def direct_cost(lattice: tuple[int, ...]) -> float:
    """About the entries of the factors of a lattice's equations, up to 1.5 times as many.

    In two dimensions they grow as n log n (George 1973). In three, where each takes more time, it
    is two to five times as many. SuperLU's minimum degree was measured on 1,000 to 1,000,000 nodes.
    """
    shortest, *others = sorted(lattice)
    per_node = 8 * math.log2(shortest) if len(lattice) == 2 else 2 * shortest * others[0]
    return math.prod(lattice) * (4 + per_node)


def ruge_stuben_hierarchy(matrix: sp.csr_array) -> Any:
    """PyAMG's hierarchy of grids of an M-matrix."""
    import pyamg  # seconds to import, and few programs need it

    # splu: the default, a pseudoinverse, drops the slowest modes of extreme media
    return pyamg.ruge_stuben_solver(sp.csr_matrix(matrix), max_coarse=100, coarse_solver="splu")


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


@np.errstate(over="ignore", invalid="ignore")  # an overflow ends it, without meeting the goal
def conjugate_gradients(
    apply: Function,
    precondition: Function,
    right_hand_side: NDArray,
    is_met: Callable[[NDArray, NDArray], bool],
    most: int,
    is_near: Callable[[NDArray, NDArray, float], bool] | None = None,
) -> LinearStep:
    """Solve A x = b (n,) in b's precision, from x = 0, by preconditioned iterations.

    They end when a goal is reached, after the most products with A, or where rounding spoils them.

    Args:
        apply: x ↦ A x, symmetric positive definite on the vectors that occur.
        precondition: r ↦ about A⁻¹r, symmetric positive definite.
        right_hand_side: b.
        is_met: a goal for solution and residual.
        most: products with A.
        is_near: a goal for solution, residual and the largest |value| of the next correction, which
            estimates the error. The correction is then added to the solution: it costs no product,
            and leaves a smooth residual.
    """
    residual, direction = right_hand_side.copy(), None
    solution, energy = np.zeros_like(right_hand_side), 1.0
    (axpy,) = get_blas_funcs(("axpy",), (residual,))  # in place, where NumPy would take a copy
    estimate = first_estimate = 0.0
    iterations = 0
    while True:
        if is_met(solution, residual):
            return LinearStep(solution, estimate, first_estimate, iterations)
        if iterations == most:
            break
        corrected = precondition(residual)
        if is_near is not None:
            estimate = max(float(corrected.max()), -float(corrected.min()))
            first_estimate = first_estimate or estimate
            # a preconditioner that gives 0 is singular, and says nothing of the error
            if estimate > 0 and is_near(solution, residual, estimate):
                solution += corrected
                return LinearStep(solution, estimate, first_estimate, iterations)
        energy, last = float(np.vdot(residual, corrected)), energy
        if direction is None:
            direction = corrected
        else:
            direction *= energy / last
            direction += corrected
        del corrected
        product = apply(direction)
        curvature = float(np.vdot(direction, product))
        if not (energy > 0 and curvature > 0):  # rounding, or an overflow
            break
        axpy(direction, solution, a=energy / curvature)
        axpy(product, residual, a=-energy / curvature)
        iterations += 1
    return LinearStep(solution, estimate, first_estimate, iterations, is_met=False)
