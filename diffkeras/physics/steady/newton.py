"""Newton's method, of which one step solves a linear problem.

Newton's step solves (A + φ'(û)) δ = −F(û) on the free nodes (`enclosure`). Where φ is concave,
its tangents lie above it, so û + δ is a subsolution: from the second iterate on the iterates ascend
to the solution, from any start (Ortega & Rheinboldt 1970, §13.3). Fixed values and productions ≥ 0
make 0 a subsolution, and the larger one of two subsolutions is one again. So iterates are
raised to 0, and no node is ever negative.

Steps are solved only as well as they pay (inexact Newton, Dembo, Eisenstat & Steihaug 1982), so the
ascent holds to within that. In a linear problem a step only corrects what single precision has left
of the one before. The run ends when the proven bound of the error (`enclosure`) meets the
tolerance; only that decides.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import SMALLEST_TOLERANCE, largest
from diffkeras.physics.equations import Equations
from diffkeras.physics.linear.cg import LinearStep
from diffkeras.physics.linear.finite_volumes import EXTENDED, SLACK, rounding_of
from diffkeras.physics.linear.steps import (
    ESTIMATE_MARGIN,
    SINGLE_REDUCTION,
    Goal,
    LinearSteps,
    helpful_decay,
)
from diffkeras.physics.proofs.enclosure import Enclosure
from diffkeras.physics.steady.interface import Corrected, Options, Solved, SolveStatistics

MOST_STEPS, MOST_PROOFS = 60, 12  # reached only where rounding is in the way
STALLED_STEPS, STALLED_LINEAR_STEPS = 10, 2  # without progress; Newton's may oscillate
MOST_REMAINDERS = 3  # corrections of a remainder, each of which may gain four digits only
ONE_DIGIT = 0.1
# Of a field's error, what the bound of its corrected field may be. The smaller it is, the smaller
# are the bounds of nodes where the field is hardly wrong, and the longer it takes.
CERTIFIED_SHARE = 0.5

# Slopes of uptake are bounded within a radius r: 16 times the estimated error, or, if that is more,
# 16 times the needed bound, which counts up to 1 % of the field. If the bound exceeds r, r grows
# 16-fold.
RADIUS_FACTOR, ALIKE_SLOPES = 16.0, 0.01

# the final field is rounded to float64 and multiplied by the scale
FINAL_ROUNDING = rounding_of(2, np.float64)
LEAST_ERROR = rounding_of(4, np.float64)  # relative; double precision isn't asked for less


def solve_by_newton(equations: Equations, options: Options) -> Solved:
    """See `table.SOLVERS`; on one thread."""
    start = None if options.initial is None else equations.enter(options.initial)
    run = NewtonRun(equations, start)
    try:
        bound = run.solve(options.tolerance)
    except ConvergenceError:
        if start is None:
            raise
        # in extreme media it may lead nowhere
        return solve_by_newton(equations, options._replace(initial=None))
    return Solved(run.rounded(), run.statistics(), bound)


class NewtonRun:
    """A field on its way to the solution."""

    # the ring has its values, and fixed nodes inside, which have no influence, are 0
    field: NDArray[np.floating]

    def __init__(self, equations: Equations, start: NDArray[np.float64] | None = None) -> None:
        """Begin with `start` on the lattice, or with 0."""
        self._equations = equations
        self._linear = LinearSteps(equations)
        self._enclosure = Enclosure(equations, self._linear)
        self._precision: np.dtype = np.dtype(np.float64)
        self._has_remainder = False
        self._ring_size = largest(equations.ring_values)
        # of the fixed values, by division: no field is changed by more (maximum principle). Of
        # quotients up to 1, none is rounded by more than half a unit roundoff.
        most = min(self._ring_size, 0.5)
        self._fixed_rounding = 0.0 if equations.scale == 1 else rounding_of(most, np.float64)
        self.bound = np.inf  # the smallest proven one, rounding to float64 included
        self.steps = 0
        self._last_norm = self._last_change = np.inf
        self._has_start = start is not None
        self._set(np.zeros(equations.lattice) if start is None else np.array(start))

    def statistics(self) -> SolveStatistics:
        """Those of the run, with the proven bound of its error."""
        steps = 0 if self._equations.is_linear else self.steps
        return SolveStatistics(
            "newton-cg", 0, self._linear.iterations, self._relative_bound, newton_steps=steps
        )

    @property
    def _relative_bound(self) -> float:
        """The bound, divided by the least that the largest |value| of u may be."""
        size = self._size - self.bound if np.isfinite(self.bound) else 0.0
        size = max(size, self._ring_size)
        return self.bound / size if size > 0 else (np.inf if self.bound else 0.0)

    @property
    def _size(self) -> float:
        return largest(self.field)

    def rounded(self) -> NDArray[np.float64]:
        """The field in float64, which the caller may change once the run has ended."""
        return self.field.astype(np.float64, copy=False)

    def solve(self, tolerance: float) -> NDArray[np.float64]:
        """Steps until the relative bound proves the tolerance; the bound of `rounded`."""
        # relative to the exact field's size, which may be smaller by the bound
        share = tolerance / SLACK
        bound = self._run(lambda: share * max(self._size / (1 + tolerance), self._ring_size))
        reached = self._relative_bound
        if bound is not None and reached <= tolerance:
            return bound
        raise ConvergenceError(
            f"the error is proven to be at most {reached:.1e} of the field's largest value, and "
            f"the tolerance is {tolerance:.1e}; ask for {2 * reached:.0e} or more"
            if reached < 0.4
            else f"the tolerance of {tolerance:.1e} couldn't be proven: {self._obstacle}"
        )

    def certify(self, prediction: NDArray[np.float64]) -> NDArray[np.float64]:
        """Correct a prediction, which was the start, until its proven error is a small share.

        Or until it meets the smallest tolerance of solutions, or rounding ends that. The result is
        the bound of `rounded`.
        """
        free = self._equations.free

        def needed() -> float:
            change = prediction - self.field
            change *= free
            # no solution is asked for with a smaller tolerance, which may take extended precision
            return max(CERTIFIED_SHARE * largest(change), SMALLEST_TOLERANCE * self._size)

        # half of it: a proof that fails costs more than an iteration
        bound = self._run(needed, CERTIFIED_SHARE / 2)
        if bound is None:
            raise ConvergenceError(f"no bound of the error was found: {self._obstacle}")
        return bound

    def _run(
        self, needed: Callable[[], float], first_share: float = 0.0
    ) -> NDArray[np.float64] | None:
        """Steps and proofs until the bound is as needed, or rounding ends that.

        With a first share, the first step stops once the estimated error is below this share of its
        correction. The result is the smallest proven bound, whose field the run keeps, or None.
        """
        best_bound, best_field, margin = None, self.field, ESTIMATE_MARGIN
        is_linear = self._equations.is_linear
        for attempt in range(MOST_PROOFS):
            estimate = self._reduce_error(needed, margin, 0.0 if attempt else first_share)
            needed_size = needed()
            bound = self._prove(needed_size, estimate, may_fail=not attempt)
            size = np.inf if bound is None else float(bound.max())
            is_better = size < self.bound / 2 or self._enclosure.is_too_wide
            if size < self.bound:
                best_bound, best_field, self.bound = bound, self.field, size
            if size <= needed_size:
                break
            if not is_better:
                if self._precision == EXTENDED and best_bound is not None:
                    if self._has_remainder or not is_linear:
                        break
                    self._has_remainder = True
                if self._precision != EXTENDED:  # rounding may be what is in the way
                    self._precision = EXTENDED
                    self._set(self.field)
            ratio = size / needed_size if needed_size and np.isfinite(size) else 1.0
            margin *= max(ONE_DIGIT / ratio, SINGLE_REDUCTION)
        self.field = best_field
        return best_bound

    @property
    def _obstacle(self) -> str:
        """Why proofs fail, and what helps."""
        return (
            "diffusivity or uptake vary too much, or decay is too weak; "
            f"{helpful_decay(self._equations)}"
        )

    def _reduce_error(
        self, needed: Callable[[], float], margin: float, first_share: float
    ) -> float:
        """Steps until the estimated error is `margin` times what is needed, or rounding ends them.

        With a first share, one step is enough in a linear problem. The result is the estimate.
        """
        is_linear = self._equations.is_linear
        best, stopped = np.inf, 0
        while True:
            error = 0.0 if first_share else self._reachable(margin * needed())
            step = self._step(Goal(self._reduction(), error, first_share, provable=True))
            before, estimate = step.first_estimate, step.estimate
            stopped = 0 if before < best / 2 else stopped + 1
            is_near = (is_linear and first_share > 0) or estimate <= self._reachable(
                margin * needed()
            )
            # a step of a problem that isn't linear leaves more than its solution is off
            is_near &= is_linear or not step.iterations
            stops = stopped > (STALLED_LINEAR_STEPS if is_linear else STALLED_STEPS)
            if is_near or stops or self.steps >= MOST_STEPS:
                return estimate
            best, first_share = min(best, before), 0.0

    def _reachable(self, error: float) -> float:
        """An estimated error to ask for: above rounding, but in extended precision."""
        return error if self._precision == EXTENDED else max(error, LEAST_ERROR * self._size)

    def _reduction(self) -> float:
        """How well the next step is to be solved, by what the last one has left of F."""
        if self._equations.is_linear or not self._last_norm:  # 0 if it is solved to the bit
            return SINGLE_REDUCTION
        ratio = float(np.linalg.norm(self._residual)) / self._last_norm  # 0 before the first step
        if ratio >= 1:  # exact steps ascend, inexact ones may oscillate
            return SINGLE_REDUCTION
        quadratic = 0.9 * ratio**2 if ratio else ONE_DIGIT
        return min(max(quadratic, SINGLE_REDUCTION), ONE_DIGIT)

    def _step(self, goal: Goal) -> LinearStep:
        """One step of Newton's method."""
        self.steps += 1
        if not self._equations.is_linear:
            self._last_norm = float(np.linalg.norm(self._residual))
        try:
            step = self._linear.solve(self._slope, self._residual, goal)
        except ConvergenceError:
            if not self.field[self._equations.free].any():
                raise
            # a start where all uptake is at its maximum, and nothing else is lost
            step = LinearStep(self.rounded(), np.inf, np.inf)
            self._set(np.zeros(self._equations.lattice))
            return step
        self._set(self.field - step.solution)
        if self._equations.is_linear:
            # single precision may round a slow decay away, and then steps lead astray: they correct
            # as much as the last one
            change, last = largest(step.solution), self._last_change
            if change > max(last / 2, SINGLE_REDUCTION * self._size):
                self._linear.needs_double = True
            self._last_change = change
        if self._has_start:
            self._has_start = False
            if largest(step.solution) > 2 * self._size:  # zeros are nearer
                self._set(np.zeros(self._equations.lattice))
                return self._step(goal)
        return step

    def _prove(
        self, needed: float, estimate: float, *, may_fail: bool
    ) -> NDArray[np.float64] | None:
        """Bounds of the error of `rounded`, of about the needed size, 0 on the fixed nodes."""
        size = self._size
        needed = max(needed - FINAL_ROUNDING * size - self._fixed_rounding, 0.0)
        remainder = self._remainder() if self._has_remainder else None
        radius = np.inf
        if not self._equations.is_linear:
            least = min(RADIUS_FACTOR * needed, ALIKE_SLOPES * size)
            radius = max(RADIUS_FACTOR * max(estimate, LEAST_ERROR * size), least)
        for _ in range(MOST_PROOFS):
            bound = self._enclosure.bound(
                self.field, radius, self._precision, needed, remainder, may_fail=may_fail
            )
            is_within = bound is not None and largest(bound) <= radius
            if is_within or self._enclosure.is_too_wide or not np.isfinite(radius):
                break
            radius *= RADIUS_FACTOR
        if bound is None or not is_within:
            return None
        if not self._equations.is_linear and needed < bound.max() < radius / RADIUS_FACTOR:
            sharper = self._enclosure.bound(self.field, bound, self._precision)
            bound = bound if sharper is None else np.minimum(bound, sharper)
        rounding = np.abs(self.field, dtype=np.float64, casting="same_kind")
        rounding *= FINAL_ROUNDING
        rounding += self._fixed_rounding
        rounding += bound
        if remainder is not None:
            rounding += np.abs(remainder).astype(np.float64)
        rounding *= SLACK  # of these sums
        rounding *= self._equations.free
        return rounding

    def _remainder(self) -> NDArray:
        """e ≈ A⁻¹F, the error of a linear problem's field that the field has no digits for.

        Where little is lost, A⁻¹|F| is far above |A⁻¹F|: what rounding of the field adds to F sums
        to about 0.
        """
        equations, remainder = self._equations, np.zeros(self.field.shape, self._precision)
        for _ in range(MOST_REMAINDERS):
            left = self._residual - equations.volumes.apply(remainder)
            left *= equations.free
            remainder += self._linear.solve(0.0, left, Goal(SINGLE_REDUCTION)).solution
        return remainder

    def _set(self, field: NDArray) -> None:
        """Go on from a field, which is changed in place."""
        equations = self._equations
        field = field.astype(self._precision, copy=False)
        if equations.is_positive:
            np.maximum(field, 0.0, out=field)
        np.copyto(field, 0.0, where=equations.fixed)
        field[equations.ring.nodes] = equations.ring_values
        self.field = field
        self._slope = equations.slope(field)
        self._residual_at: NDArray | None = None

    @property
    def _residual(self) -> NDArray:
        """F of the field."""
        if self._residual_at is None:
            self._residual_at = self._equations.residual(self.field)
        return self._residual_at


def enclosed(field: NDArray[np.floating], equations: Equations) -> Corrected:
    """The field that proves how far another one is from the solution, by an enclosure.

    Newton steps, of which a linear problem is one, correct the field, and `proofs.enclosure` proves
    node by node how far the corrected field is from the solution. Steps follow until what is left
    of the error is a small share of what they corrected, so that the bound says how wrong the field
    is, and not how rough the proof.
    """
    prediction = equations.enter(field.astype(np.float64, copy=False))
    run = NewtonRun(equations, prediction)
    bound = run.certify(prediction)
    exact, bound = equations.leave(run.rounded(), bound)  # whose rounding is in the bound already
    return Corrected(equations.hold(exact), run.statistics(), bound)


def enclosing_bound(field: NDArray[np.floating], equations: Equations) -> NDArray[np.float64]:
    """At least |field − u| node by node, by an enclosure."""
    return enclosed(field, equations).bound_of(field)
