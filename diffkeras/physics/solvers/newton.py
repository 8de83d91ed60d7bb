"""Newton's method, of which one step solves a linear problem.

Newton's step solves (A + φ'(û)) δ = −F(û) on the free nodes (`linear_steps`). Where φ is concave,
its tangents lie above it, so û + δ is a subsolution: from the second iterate on the iterates ascend
to the solution, from any start (Ortega & Rheinboldt 1970, §13.3). Fixed values and productions ≥ 0
make 0 a subsolution, too, and the larger one of two subsolutions is one again. So iterates are
raised to 0, and no node is ever negative.

Steps are solved only as well as they pay (inexact Newton, Dembo, Eisenstat & Steihaug 1982), so the
ascent holds to within that. In a linear problem a step only corrects what single precision has left
of the one before. The run ends when the proven bound of the error (`enclosure`) meets the
tolerance; only that decides.
"""

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.rounding import EPSILON
from diffkeras.physics.solvers.enclosure import Enclosure
from diffkeras.physics.solvers.linear_steps import Goal, LinearSteps, Move
from diffkeras.physics.solvers.statistics import SolveStatistics

MOST_STEPS = 60
MOST_PROOFS = 6
LEAST_REDUCTION = 1e-4  # of a residual in one step: single precision gives no more digits
MOST_REDUCTION = 0.1
MARGIN = 0.7  # share of the tolerance that the estimated error has before a proof is tried
CAUTION = 0.99  # single precision takes a bound for small enough at this share
CORRECTION = 0.03  # of a residual, where a bound would be too wide
MOST_FAILURES = 2  # bounds that were too wide
REMAINDER = 0.2  # of a certified field's first correction, what the last iteration still corrects
SHARP = 0.5  # share of a certified field's error that may remain in the corrected field
STALLED = 0.95  # share of a bound that a step leaves where rounding is in the way
ENCLOSED = 16.0  # how much larger than the estimated error the first radius is
WIDER = 8.0  # the next one
WIDE = 0.01  # share of the field within which slopes hardly change
PROVABLE = 1e-8  # of D/h²: a decay with which a closed lattice had a proof, however cells saturate
STOPPED = 10  # steps without progress, which is then due to rounding
STOPPED_LINEAR = 2  # the same of a linear problem, whose steps never jump to and fro
# Four unit roundoffs: the final field is rounded to float64 and multiplied by the scale, and its
# bound is the result of some sums
FINAL_ROUNDING = 2 * EPSILON


def solve_by_newton(
    equations: Equations, tolerance: float, initial: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.floating], SolveStatistics, NDArray[np.float64]]:
    """See `table.Solver`; on one thread.

    The statistics hold all iterations of conjugate gradients, and for the residual the proven bound
    of the error, relative to the largest |value|.
    """
    run = NewtonRun(equations, None if initial is None else initial / equations.scale)
    run.iterate(tolerance)
    statistics = SolveStatistics(
        "newton-cg", 0, run.iterations, run.relative_bound, newton_steps=run.newton_steps
    )
    assert run.node_bound is not None
    return run.rounded(), statistics, run.node_bound


class NewtonRun:
    """A field on its way to the solution.

    Attributes:
        field: (rows, columns), divided by the problem's scale; the ring has its values, and fixed
            nodes inside, which have no influence, are 0.
        bound: the proven bound of its error, rounding to float64 included; infinite before.
        node_bound: the same node by node, (rows, columns), 0 on the fixed nodes; None before.
        steps: of Newton's method, so far.
    """

    field: NDArray[np.floating]

    def __init__(self, equations: Equations, start: NDArray[np.float64] | None = None) -> None:
        """Begin with `start`, (rows, columns), or with 0."""
        self._equations = equations
        self._linear = LinearSteps(self._equations)
        self._enclosure = Enclosure(self._equations, self._linear)
        self._precision: np.dtype = np.dtype(np.float64)
        self._fixed_values = np.zeros(equations.lattice)
        self._fixed_values[equations.ring.nodes] = equations.ring_values
        self._ring_size = largest(equations.ring_values)
        # of the fixed values, by division: no field is changed by more (maximum principle)
        self._fixed_rounding = 0.0 if equations.scale == 1 else FINAL_ROUNDING * self._ring_size
        self.bound, self.steps = np.inf, 0
        self.node_bound: NDArray[np.float64] | None = None
        self._last_norm = np.inf
        self._has_start = start is not None
        self._set(self._fixed_values if start is None else start)

    @property
    def iterations(self) -> int:
        """Of conjugate gradients, so far."""
        return self._linear.iterations

    @property
    def newton_steps(self) -> int:
        """Of Newton's method, so far; 0 in a linear problem."""
        return 0 if self._equations.is_linear else self.steps

    @property
    def relative_bound(self) -> float:
        """The bound, divided by the least that the largest |value| of u may be."""
        size = self._size - self.bound if np.isfinite(self.bound) else 0.0
        size = max(size, self._ring_size)
        return self.bound / size if size > 0 else (np.inf if self.bound else 0.0)

    @property
    def _size(self) -> float:
        return largest(self.field)

    def rounded(self) -> NDArray[np.float64]:
        """The field in float64."""
        return self.field.astype(np.float64)

    def iterate(self, tolerance: float) -> None:
        """Steps until the relative bound is proven to meet the tolerance.

        Raises:
            ConvergenceError: it can't be met.
        """
        estimate = self._descend(MARGIN * tolerance)
        best, may_fail = np.inf, True
        for _ in range(MOST_PROOFS):
            size = self._size
            # the rounding of the field takes some of it
            needed = (tolerance - 2 * FINAL_ROUNDING) * max(size / (1 + tolerance), self._ring_size)
            radius = max(4 * tolerance * size, 8 * FINAL_ROUNDING * size, ENCLOSED * estimate)
            bound, _ = self._bound(radius, CAUTION * max(needed, 0.0), may_fail=may_fail)
            reduction = CORRECTION
            if bound is not None or not self._enclosure.is_too_wide:
                self.node_bound = None if bound is None else self._with_rounding(bound)
                self.bound = np.inf if self.node_bound is None else float(self.node_bound.max())
                relative = self.relative_bound
                if relative <= tolerance:
                    return
                if not relative < best / 2:
                    if self._precision == np.longdouble and np.isfinite(relative):
                        break
                    self._take_extended_precision()
                best = min(best, relative)
                if np.isfinite(relative):
                    reduction = tolerance / relative / 4
            may_fail = False
            if self._equations.is_linear:
                # where D varies by orders, small errors leave large residuals
                self._reduce(min(max(reduction, LEAST_REDUCTION), MOST_REDUCTION))
            else:
                estimate = self._descend(min(2 * reduction, 0.25) * estimate / (size or 1.0))
        reached = min(best, self.relative_bound)
        proven = (
            f"the error was proven to be below {reached:.1e} and not {tolerance:.1e}; ask for "
            f"{2 * reached:.0e} or more"
            if reached < 0.4
            else f"no error could be proven to be below {tolerance:.1e}: {self._obstacle}"
        )
        raise ConvergenceError(f"newton-cg: after {self.steps} steps {proven}")

    def certify(self, prediction: NDArray[np.float64]) -> NDArray[np.float64]:
        """Correct the field until its proven error is a small share of the prediction's.

        Or until rounding ends that.

        Returns:
            Proven bounds of the error of `rounded`, (rows, columns), 0 on the fixed nodes.

        Raises:
            ConvergenceError: no bound was found.
        """
        self._step(Goal(LEAST_REDUCTION, share=REMAINDER))
        best, nearest, least = None, self.field, np.inf
        share, failures = FINAL_ROUNDING, 0
        while self.steps < MOST_STEPS:
            wrong = self._difference(prediction)
            bound = self._node_bound(share, SHARP * wrong, may_fail=failures < MOST_FAILURES)
            remaining = np.inf if bound is None else float(bound.max())
            if remaining < STALLED * least:
                reduction = SHARP * wrong / remaining / 4
            elif bound is None and self._enclosure.is_too_wide:
                failures, reduction = failures + 1, CORRECTION
            elif self._precision == np.longdouble and best is not None:
                break
            else:
                # where hardly anything is lost, rounding spoils proofs, and estimates are too low
                share = WIDE if bound is None and failures else share
                failures, reduction = failures + 1, LEAST_REDUCTION
                self._take_extended_precision()
            if remaining < least:
                best, nearest, least = bound, self.field, remaining
            if least <= SHARP * wrong:
                break
            self._step(Goal(min(max(reduction, LEAST_REDUCTION), MOST_REDUCTION)))
        if best is None:
            raise ConvergenceError(
                f"newton-cg: after {self.steps} steps no bound of the error was found: "
                f"{self._obstacle}"
            )
        self.field = nearest
        return best

    @property
    def _obstacle(self) -> str:
        """Why proofs fail, and what helps."""
        decay = PROVABLE * self._equations.unit
        return (
            "diffusivity or uptake vary too much, or decay is too weak; a decay of "
            f"{decay:.0e} or more helps as a rule, and so does more uptake or less production"
        )

    def _difference(self, prediction: NDArray[np.float64]) -> float:
        """The largest |prediction − field| on the free nodes."""
        difference = prediction - self.field
        difference *= self._equations.free
        return largest(difference)

    def _descend(self, aim: float) -> float:
        """Steps until the estimated error is `aim` times the size, or rounding ends them.

        Returns:
            The estimated error.
        """
        best, stopped = np.inf, 0
        while True:
            move = self._step(Goal(self._reduction(), near=aim * self._size))
            before, estimate = move.first_estimate, move.estimate
            stopped = 0 if before < best / 2 else stopped + 1
            # a step of a problem that isn't linear leaves more than its solution is off
            is_near = estimate <= aim * self._size
            is_near &= self._equations.is_linear or not move.iterations
            if is_near or stopped > STOPPED or self.steps >= MOST_STEPS:
                return estimate
            best = min(best, before)

    def _reduce(self, share: float) -> None:
        """Steps of a linear problem until F is a share of itself, or rounding ends them."""
        before = _norm(self._residual)
        wanted, stopped = share * before, 0
        while before and self.steps < MOST_STEPS:
            self._step(Goal(max(wanted / before, LEAST_REDUCTION)))
            after = _norm(self._residual)
            stopped = 0 if after < before / 2 else stopped + 1
            if after <= wanted or stopped > STOPPED_LINEAR:
                return
            before = after

    def _reduction(self) -> float:
        """How well the next step is to be solved, by what the last one has left of F."""
        if self._equations.is_linear:
            return LEAST_REDUCTION
        if not self._last_norm:  # solved to the bit
            return LEAST_REDUCTION
        ratio = _norm(self._residual) / self._last_norm  # 0 before the first step
        if ratio >= 1:
            # exact steps ascend, inexact ones may jump to and fro
            return LEAST_REDUCTION
        quadratic = 0.9 * ratio**2 if ratio else MOST_REDUCTION
        return min(max(quadratic, LEAST_REDUCTION), MOST_REDUCTION)

    def _step(self, goal: Goal) -> Move:
        """One step of Newton's method."""
        self.steps += 1
        if not self._equations.is_linear:
            self._last_norm = _norm(self._residual)
        try:
            move = self._linear.solve(self._slope, self._residual, goal)
        except ConvergenceError:
            if not self.field[self._equations.free].any():
                raise
            # a start where all uptake is at its maximum, and nothing else is lost
            move = Move(self.rounded(), np.inf, np.inf)
            self._set(self._fixed_values)
            return move
        self._set(self.field - move.solution)
        if self._has_start:
            self._has_start = False
            if largest(move.solution) > 2 * self._size:  # zeros are nearer
                self._set(self._fixed_values)
                return self._step(goal)
        return move

    def _node_bound(
        self, share: float, needed: float, *, may_fail: bool
    ) -> NDArray[np.float64] | None:
        """Bounds of the error of `rounded`, (rows, columns), of about the needed size."""
        radius = np.inf
        if not self._equations.is_linear:
            move = self._linear.solve(self._slope, self._residual, Goal(near=np.inf))
            radius = max(ENCLOSED * move.estimate, share * self._size)
        bound, radius = self._bound(radius, needed, may_fail=may_fail)
        if bound is None:
            return None
        if not self._equations.is_linear and bound.max() < radius / WIDER:
            bound = self._enclosure.sharpened(self.field, bound, self._precision)
        return self._with_rounding(bound)

    def _bound(
        self, radius: float, needed: float, *, may_fail: bool
    ) -> tuple[NDArray[np.float64] | None, float]:
        """The bound of the present field within the radius or a larger one, and that radius."""
        if self._equations.is_linear:
            radius = np.inf
        for _ in range(MOST_PROOFS):
            bound = self._enclosure.within(
                self.field, radius, self._precision, needed, may_fail=may_fail
            )
            if bound is not None or self._enclosure.is_too_wide or not np.isfinite(radius):
                break
            radius *= WIDER
        return bound, radius

    def _take_extended_precision(self) -> None:
        """Go on in extended precision, as rounding may be what is in the way."""
        if self._precision != np.longdouble:
            self._precision = np.dtype(np.longdouble)
            self._set(self.field)

    def _with_rounding(self, bound: NDArray[np.float64]) -> NDArray[np.float64]:
        rounding = np.abs(self.field, dtype=np.float64, casting="same_kind")
        rounding *= FINAL_ROUNDING
        rounding += self._fixed_rounding
        rounding += bound
        rounding *= self._equations.free
        return rounding

    def _set(self, field: NDArray) -> None:
        equations = self._equations
        field = field.astype(self._precision)
        if equations.is_positive:
            np.maximum(field, 0.0, out=field)
        np.copyto(field, self._fixed_values, where=equations.fixed)
        self.field = field
        self._slope = equations.slope(field)
        self._residual_at: NDArray | None = None

    @property
    def _residual(self) -> NDArray:
        """F of the field."""
        if self._residual_at is None:
            self._residual_at = self._equations.of(self.field)
        return self._residual_at


def _norm(residual: NDArray) -> float:
    return float(np.sqrt(np.vdot(residual, residual)))
