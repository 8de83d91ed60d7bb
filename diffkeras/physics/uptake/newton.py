"""Newton's method for saturating uptake.

Newton's step solves (A + φ'(û)) δ = −F(û) on the free nodes (`linear_steps`). Where φ is concave,
its tangents lie above it, so û + δ is a subsolution: from the second iterate on the iterates ascend
to the solution, from any start (Ortega & Rheinboldt 1970, §13.3). Fixed values and productions ≥ 0
make 0 a subsolution, too, and the larger one of two subsolutions is one again. So iterates are
raised to 0, and no node is ever negative.

Steps are solved only as well as they pay (inexact Newton, Dembo, Eisenstat & Steihaug 1982), so the
ascent holds to within that. It ends when the proven bound of the error (`enclosure`) meets the
tolerance; only that decides.
"""

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.problem import Problem
from diffkeras.physics.solution import SolveStatistics
from diffkeras.physics.uptake.enclosure import Enclosure
from diffkeras.physics.uptake.equations import Equations
from diffkeras.physics.uptake.linear_steps import LinearSteps

MOST_STEPS = 60
MOST_PROOFS = 6
LEAST_REDUCTION = 1e-4  # of a residual in one step: single precision gives no more digits
MOST_REDUCTION = 0.1
MARGIN = 0.12  # an estimated error this far below the tolerance is worth a proof
CORRECTION = 0.01  # of a prediction's residual, first
MOST_CORRECTIONS = 3
SHARP = 0.5  # share of a prediction's error that may remain in the corrected field
STALLED = 0.95  # share of a bound that a step leaves where rounding is in the way
ENCLOSED = 16.0  # how much larger than the estimated error the first radius is
WIDER = 8.0  # the next one
WIDE = 0.01  # share of the field within which slopes hardly change
PROVABLE = 1e-8  # of D/h²: a decay with which a closed lattice had a proof, however cells saturate
STOPPED = 10  # steps without progress, which is then due to rounding
# The final field is rounded to float64, and its bound is the result of some sums.
FINAL_ROUNDING = 2 * float(np.finfo(np.float64).eps)


def solve_by_newton(
    problem: Problem,
    *,
    tolerance: float,
    precision: np.dtype,
    workers: int | None,
    initial: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.floating], SolveStatistics]:
    """See `table.Solver`; on one thread.

    The statistics hold all iterations of conjugate gradients, and for the residual the proven bound
    of the error, relative to the largest |value|.
    """
    run = NewtonRun(problem, None if initial is None else initial / problem.scale)
    run.iterate(tolerance)
    # the steps of a linear problem only correct what conjugate gradients have left
    steps = 0 if problem.uptake is None else run.steps
    statistics = SolveStatistics(
        "newton-cg", 0, run.iterations, run.relative_bound, newton_steps=steps
    )
    return run.rounded(), statistics


class NewtonRun:
    """A field on its way to the solution.

    Attributes:
        field: (rows, columns), divided by the problem's scale; its fixed nodes hold their values.
        bound: the proven bound of its error, rounding to float64 included; infinite before.
        steps: of Newton's method, so far.
    """

    def __init__(self, problem: Problem, start: NDArray[np.float64] | None = None) -> None:
        """Begin with `start` (rows, columns), or 0 where that is nearer or none is given."""
        self._equations = Equations(problem)
        self._linear = LinearSteps(self._equations)
        self._enclosure = Enclosure(self._equations, self._linear)
        self._precision: np.dtype = np.dtype(np.float64)
        self._held = problem.values / (problem.scale or 1.0)
        self._ring_size = largest(problem.ring_values)
        # of the fixed values, by division: no field is changed by more (maximum principle)
        self._held_rounding = 0.0 if problem.scale == 1 else FINAL_ROUNDING * self._ring_size
        self.bound, self.steps = np.inf, 0
        self._last_norm = np.inf
        zeros = np.zeros(problem.lattice)
        self._set(zeros)
        if start is not None:
            # not by residuals, which are large for rough errors and small for smooth ones
            error_of_zeros = self._estimate()
            self._set(start)
            if not self._estimate() < error_of_zeros:
                self._set(zeros)

    @property
    def iterations(self) -> int:
        """Of conjugate gradients, so far."""
        return self._linear.iterations

    @property
    def relative_bound(self) -> float:
        """The bound, divided by the least that the largest |value| of u may be."""
        size = self._size - self.bound if np.isfinite(self.bound) else 0.0
        size = max(size, self._ring_size)
        return self.bound / size if size > 0 else (np.inf if self.bound else 0.0)

    @property
    def _size(self) -> float:
        return max(largest(self.field[self._equations.free]), self._ring_size)

    def rounded(self) -> NDArray[np.float64]:
        """The field in float64."""
        return self.field.astype(np.float64)

    def iterate(self, tolerance: float) -> None:
        """Steps until the relative bound is proven to meet the tolerance.

        Raises:
            ConvergenceError: it can't be met.
        """
        aim = MARGIN * tolerance
        best = np.inf
        for _ in range(MOST_PROOFS):
            estimate = self._descend(aim)
            least = max(4 * tolerance, 8 * FINAL_ROUNDING) * self._size
            self._prove(max(least, ENCLOSED * estimate))
            if self.relative_bound <= tolerance:
                return
            if not self.relative_bound < best / 2:
                if self._precision == np.longdouble and np.isfinite(self.relative_bound):
                    break
                self._take_extended_precision()
            best = self.relative_bound
            lacking = tolerance / best if np.isfinite(best) else MOST_REDUCTION
            aim = min(lacking, 0.5) / 2 * estimate / (self._size or 1.0)
        reached = min(best, self.relative_bound)
        proven = (
            f"the error was proven to be below {reached:.1e} and not {tolerance:.1e}; ask for "
            f"{2 * reached:.0e} or more"
            if reached < 0.4
            else f"no error could be proven to be below {tolerance:.1e}: {self._obstacle}"
        )
        raise ConvergenceError(f"newton-cg: after {self.steps} steps {proven}")

    def enclose(self) -> NDArray[np.float64]:
        """Proven bounds of the error of `rounded`, (rows, columns), 0 on the fixed nodes.

        The field is corrected by steps until there are any.

        Raises:
            ConvergenceError: none was found.
        """
        best, share = np.inf, FINAL_ROUNDING
        while self.steps < MOST_STEPS:
            estimate = self._estimate()
            bound, radius = self._bound(max(ENCLOSED * estimate, share * self._size))
            if bound is not None:
                if bound.max() < radius / WIDER:
                    bound = self._enclosure.sharpened(self.field, bound, self._precision)
                return self._with_rounding(bound)
            if not estimate < best:
                # where hardly anything is lost, rounding spoils proofs, and estimates are too low
                self._take_extended_precision()
                share = WIDE
            self.step(CORRECTION if estimate < best else LEAST_REDUCTION)
            best = min(best, estimate)
        raise ConvergenceError(
            f"newton-cg: after {self.steps} steps no bound of the error was found: {self._obstacle}"
        )

    def certify(self, prediction: NDArray[np.float64]) -> NDArray[np.float64]:
        """Correct the field until its proven error is a small share of the prediction's.

        Or until rounding ends that. Returns the bounds of `enclose`.

        Raises:
            ConvergenceError: no bound was found.
        """
        self._correct(prediction)
        bound = self.enclose()
        while self.steps < MOST_STEPS:
            remaining = float(bound.max())
            wrong = self._difference(prediction)
            if remaining <= SHARP * wrong:
                break
            field, least = self.field, max(SHARP * wrong / remaining / 4, LEAST_REDUCTION)
            self.step(least)
            nearer = self.enclose()
            if nearer.max() < remaining:
                bound = nearer
            else:
                self._set(field)
            if nearer.max() < STALLED * remaining:
                continue
            if self._precision == np.longdouble:
                break
            self._take_extended_precision()
        return bound

    @property
    def _obstacle(self) -> str:
        """Why proofs fail, and what helps."""
        decay = PROVABLE * self._equations.problem.medium.unit
        return (
            "diffusivity or uptake vary too much, or too little is lost; a decay of "
            f"{decay:.0e} or more helps as a rule, and so does more uptake or less production"
        )

    def _correct(self, prediction: NDArray[np.float64]) -> None:
        """Steps until a bound is likely to be a small share of what they changed."""
        wrong = 0.0
        for _ in range(MOST_CORRECTIONS):
            # of a bound, whose right-hand side is |F|
            estimate = self._linear.estimate(self._slope, np.abs(self._missed))
            wanted = SHARP / 2 * wrong
            if estimate <= wanted:
                return
            self.step(max(wanted / estimate, LEAST_REDUCTION) if wrong else CORRECTION)
            wrong = self._difference(prediction)

    def _difference(self, prediction: NDArray[np.float64]) -> float:
        """The largest |prediction − field| on the free nodes."""
        difference = np.abs(prediction - self.rounded())
        return float(difference.max(where=self._equations.free, initial=0.0))

    def step(self, reduction: float) -> None:
        """One step of Newton's method, solved to `reduction` of F."""
        self.steps += 1
        try:
            move = self._linear.solve(self._slope, -self._missed, reduction)
        except ConvergenceError:
            if not self.field[self._equations.free].any():
                raise
            # a start where all uptake is at its maximum, and nothing else is lost
            move = -self.field
        self._last_norm = self._norm
        self._set(self.field + move)

    def _descend(self, aim: float) -> float:
        """Steps until the estimated error is `aim` times the size, or rounding ends them.

        Returns:
            The estimated error.
        """
        best, stopped = np.inf, 0
        while True:
            estimate, wanted = self._estimate(), aim * self._size
            stopped = 0 if estimate < best / 2 else stopped + 1
            if estimate <= wanted or stopped > STOPPED or self.steps >= MOST_STEPS:
                return estimate
            best = min(best, estimate)
            self.step(self._reduction(needed=wanted / estimate))

    def _reduction(self, needed: float) -> float:
        """How well the next step is to be solved, by what the last one has left of F."""
        ratio = self._norm / self._last_norm  # 0 before the first step
        if ratio >= 1:
            # exact steps ascend, inexact ones may jump to and fro
            return LEAST_REDUCTION
        quadratic = 0.9 * ratio**2 if ratio else MOST_REDUCTION
        return min(max(quadratic, needed, LEAST_REDUCTION), MOST_REDUCTION)

    def _estimate(self) -> float:
        """About the largest error."""
        return self._linear.estimate(self._slope, self._missed)

    def _prove(self, radius: float) -> None:
        """Find the bound of the error."""
        bound, _ = self._bound(radius)
        self.bound = np.inf if bound is None else float(self._with_rounding(bound).max())

    def _bound(self, radius: float) -> tuple[NDArray[np.float64] | None, float]:
        """The bound of the present field within the radius or a larger one, and that radius."""
        for _ in range(MOST_PROOFS):
            bound = self._enclosure.within(self.field, radius, self._precision)
            if bound is not None:
                break
            radius *= WIDER
        return bound, radius

    def _take_extended_precision(self) -> None:
        """Go on in extended precision, as rounding may be what is in the way."""
        if self._precision != np.longdouble:
            self._precision = np.dtype(np.longdouble)
            self._set(self.field)

    def _with_rounding(self, bound: NDArray[np.float64]) -> NDArray[np.float64]:
        rounding = FINAL_ROUNDING * np.abs(self.field.astype(np.float64)) + self._held_rounding
        return np.where(self._equations.free, bound + rounding, 0.0)

    def _set(self, field: NDArray) -> None:
        if self._equations.is_positive:
            field = np.maximum(field, 0.0)
        held = np.where(self._equations.free, field, self._held)
        self.field: NDArray = held.astype(self._precision)
        self._slope = self._equations.slope(self.field)
        self._missed: NDArray = self._equations.of(self.field)
        self._norm = float(np.sqrt(np.vdot(self._missed, self._missed)))
