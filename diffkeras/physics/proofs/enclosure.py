"""Linear steps, and the proven bounds of the error of any field û that they give.

A linear step solves (A + d) x = b on the free nodes roughly: by conjugate gradients in single
precision, preconditioned by a geometric multigrid cycle (`block_cycles`). Where these take too many
iterations, double precision takes over, with a stronger preconditioner: the factors of A + d where
they are small enough (SuperLU with minimum degree, Li 2005), and on larger lattices a V-cycle of
algebraic multigrid (Ruge & Stüben 1987). It is set up once and used for other slopes d while it
serves. The callers correct what single precision leaves.

Let û have the fixed values, b ≥ 0 be 0 on the fixed nodes, and d be at most the slopes of φ
between û − b and û + b. If (A + d) b ≥ |F(û)| on the free nodes, then

    F(û + b) = F(û) + A b + φ(û + b) − φ(û) ≥ F(û) + (A + d) b ≥ 0,    F(û − b) ≤ 0,

so û − b is a subsolution, û + b a supersolution, and |û − u| ≤ b node by node (`equations`). The
inequality is checked on every node, with the rounding of the check; how b was found plays no part.
Conjugate gradients find it: they solve (A + d) y = |F(û)| + ε, where ε is the root mean square of
F: the larger the peaks of F, which take most iterations, the larger it is beside the mean |F|. As
soon as (A + d) y is positive on every free node, b = t y passes for

    t = max |F(û)| / ((A + d) y).

The iterations go on until t is little more than 1 or b is as small as it is needed.

The slopes are taken on û ± radius, and the bound holds if no b is above the radius. With an
infinite radius d = 0, and it holds always, but there is none if A alone loses nothing. Once |û − u|
is known to be at most b, d may be taken on û ± b, which gives a smaller b without this condition.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import DTypeLike, NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.equations.block_cycles import (
    SINGLE,
    Function,
    LinearStep,
    conjugate_gradients,
)
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import (
    EPSILON,
    SLACK,
    STENCIL,
    FiniteVolumes,
    rounding_of,
)

SINGLE_REDUCTION = 1e-4  # single precision gives no more digits of a residual in one step
MOST_CYCLES, MOST_DOUBLE_CYCLES = 25, 100  # of one step, in single and in double precision
MOST_CYCLES_OF_OTHER_SLOPE = 15  # by a preconditioner that was set up for another slope
MOST_DIRECT_COST = 1e8  # eight seconds and 1.4 GB for 1024×1024 nodes, 3 s for 33×33×33
# Shares of D/h² with which closed lattices had a proof, however cells saturate; and with which
# algebraic multigrid converged for all contrasts
PROVABLE_DECAY, SAFE_DECAY = 1e-8, 1e-6
ESTIMATE_MARGIN = 0.7  # share of what an error must be, below which an estimate of it is trusted
SHARP_MULTIPLE = 1.25  # t, from which iterations hardly sharpen the bound
ATTEMPTS = 10  # single precision may take one digit each where D varies by orders
# Share of ε up to which the largest rounding of any node may stand for each node's, which takes
# half of the time
NEGLIGIBLE_ROUNDING = 1e-3
CAUTION = 0.99  # share of a needed bound, as iterations see bounds in single precision


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
        from scipy.sparse.linalg import splu  # `solve` doesn't wait for its import

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


class Enclosure:
    """The proofs for one problem."""

    def __init__(self, equations: Equations, steps: LinearSteps) -> None:
        self._equations, self._steps = equations, steps
        # whether the last one ended without a bound, as it would exceed the needed one
        self.is_too_wide = False

    def bound(
        self,
        field: NDArray,
        radius: NDArray | float,
        precision: DTypeLike,
        needed: float = 0.0,
        remainder: NDArray | None = None,
        *,
        may_fail: bool = False,
    ) -> NDArray[np.float64] | None:
        """b ≥ 0 on the lattice with (A + d) b ≥ |F|, 0 on the fixed nodes; None if none was found.

        It bounds the error of û if it is at most the radius, or if that is proven; d are the least
        slopes on û ± radius. It needn't be smaller than the needed bound, and may fail once it
        exceeds that. With the remainder e of a linear problem it bounds û − e − u, whose residual
        F(û) − A e has more digits than û − e could have.
        """
        self.is_too_wide = False
        equations, free = self._equations, self._equations.free
        slope = equations.least_slope(field, radius)
        operator = equations.operator_at(slope, precision)
        residual, size = self._scaled_residual(field, precision, remainder)
        more = _root_mean_square(residual)  # ε
        missing = residual + more
        missing *= free
        test = _Test(residual, missing, free, needed / size, may_fail)
        bound: NDArray[np.float64] | None = None
        for _ in range(ATTEMPTS):
            test.begin(largest(missing), 0.0 if bound is None else largest(bound))
            try:
                found = self._steps.solve(slope, missing, Goal(condition=test)).solution
            except ConvergenceError:  # A + d is singular, for example
                return None
            self.is_too_wide = test.is_too_wide
            if self.is_too_wide:
                return None
            del missing
            bound = found if bound is None else np.add(bound, found, out=bound)
            del found
            np.maximum(bound, 0.0, out=bound)
            applied = operator.apply_rounded_down(
                bound.astype(precision, copy=False), NEGLIGIBLE_ROUNDING * more
            )
            np.copyto(applied, 1.0, where=equations.fixed)
            factor = _factor(residual, applied)
            if test.is_enough(factor, largest(bound)):
                break
            missing = np.subtract(residual, applied, out=applied)
            missing += more
            missing *= free
        if bound is None or not np.isfinite(factor):
            return None
        bound *= factor * size * SLACK
        return bound

    def _scaled_residual(
        self, field: NDArray, precision: DTypeLike, remainder: NDArray | None
    ) -> tuple[NDArray, float]:
        """At least |F|, 0 on the fixed nodes, divided by its largest value; and that value."""
        residual, rounding = self._residual(field, precision)
        if remainder is not None:
            applied, sizes = self._equations.volumes_in(precision).apply_with_sizes(remainder)
            residual -= applied
            # two more of the difference and the sum; F, which has no φ, includes both
            rounding = rounding + rounding_of(STENCIL + 2, precision) * sizes
        np.abs(residual, out=residual)
        residual += rounding
        np.copyto(residual, 0.0, where=self._equations.fixed)
        size = largest(residual)
        if not size:
            # it stands for |F|, far below the rounding of A û
            most = largest(field) * float(self._equations.volumes.diagonal.max())
            size = max(EPSILON**2 * most, float(np.finfo(np.float64).tiny))
            residual = np.where(self._equations.free, size, 0.0).astype(precision)
        residual /= size
        return residual, size

    def _residual(self, field: NDArray, precision: DTypeLike) -> tuple[NDArray, NDArray | float]:
        """F, and at least its error on each node, or on any node where that is negligible."""
        if precision == np.float64:
            residual, rounding = self._equations.residual_and_largest_rounding(field)
            if rounding <= NEGLIGIBLE_ROUNDING * _root_mean_square(residual):
                return residual, rounding
        return self._equations.residual_with_rounding(field, precision)


class _Test:
    """Whether conjugate gradients have come far enough, or b is larger than needed."""

    def __init__(
        self, residual: NDArray, target: NDArray, free: NDArray, needed: float, may_fail: bool
    ) -> None:
        """Of |F| and |F| + ε, and a bound that is enough."""
        self._residual = residual.astype(SINGLE).ravel()
        self._target = target.astype(SINGLE)
        np.copyto(self._target, 1.0, where=~free)  # where nothing is needed
        self._target = self._target.ravel()
        self._needed, self._most = needed, needed if may_fail else np.inf
        self.is_too_wide = False

    def begin(self, size: float, height: float) -> None:
        """Get ready for the next y, in units of a size; it is added to one of that height."""
        self._size, self._height, self._is_first = size, height, True

    def is_enough(self, factor: float, highest: float) -> bool:
        """Whether t and the largest y are small enough."""
        return factor <= SHARP_MULTIPLE or factor * highest <= CAUTION * self._needed

    def __call__(self, solution: NDArray, residual: NDArray) -> bool:
        """Of y and the residual of (A + d) y = |F| + ε."""
        if self._is_first:
            self._is_first = False
            return False
        highest = self._height + self._size * float(solution.max())
        self.is_too_wide = highest > self._most
        if self.is_too_wide:
            return True
        applied = residual * SINGLE.type(-self._size)
        applied += self._target
        return self.is_enough(_factor(self._residual, applied), highest)


def _root_mean_square(values: NDArray) -> float:
    return float(np.sqrt(np.vdot(values, values) / values.size))


def _factor(residual: NDArray, applied: NDArray) -> float:
    """The least t with t (A + d) y ≥ |F|; infinite if there is none."""
    if not applied.min() > 0:
        return np.inf
    return float((residual / applied).max()) * SLACK
