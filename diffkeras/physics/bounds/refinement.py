"""Refinement: from any predicted field to one whose proven error bound meets a tolerance.

The corrected field of `certificate` satisfies the equation on every free node and misses the values
on the ring by e = c − û'. Correcting its ring densities by p changes the ring by G p, so the ring
system G p = e remains to be solved, and the bound after that is max |e| again. One round is one
step of conjugate gradients on it (Hestenes & Stiefel 1952; `preconditioner`). Its product G p is
one transform pair, whose field is added to û': after every round the field satisfies the equation,
and its bound is read on the ring.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Unpack, get_args

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError, PhysicsError
from diffkeras.physics.arguments import check_number, images_of_batch, is_batch
from diffkeras.physics.blas_threads import blas_threads
from diffkeras.physics.bounds.predicted_problem import PredictedProblem
from diffkeras.physics.bounds.rounding import (
    inverse_norm_bound,
    rounding_allowance,
    stencil_rounding,
)
from diffkeras.physics.medium import Medium, MediumParts, as_medium
from diffkeras.physics.problem import Problem
from diffkeras.physics.short_repr import ShortRepr
from diffkeras.physics.solvers.cost import dense_ring, refinement_rounds, transform_pairs
from diffkeras.physics.solvers.preconditioner import RingPreconditioner
from diffkeras.physics.solvers.ring import DenseRing

RefineMethod = Literal["auto", "rounds", "direct"]

MOST_ROUNDS = 200
PATIENCE = 10  # rounds in a row without progress, which is then due to rounding
RESTARTS = 3


@dataclass(frozen=True, repr=False)
class Refinement(ShortRepr):
    """A field with a proven error bound.

    Attributes:
        field: (rows, columns) float64; its fixed nodes hold their values.
        error_bound: at least max |field − u|, u being the exact solution of the lattice equation.
        rounds: transform pairs after the first correction.
        history: the bound after the first correction and after each round, without the allowance.
        method: "rounds", or "direct" if the ring system was solved instead.
        allowance: what `error_bound` includes for rounding.
    """

    field: NDArray[np.float64]
    error_bound: float
    rounds: int
    history: tuple[float, ...]
    method: str
    allowance: float


@dataclass(frozen=True, repr=False)
class BatchRefinement(Refinement):
    """The refinements of a batch of predictions.

    Attributes:
        field: (batch, rows, columns).
        error_bound, rounds, allowance: the largest of all images.
        history: the largest bound of all images after the first correction and after each round.
        method: "rounds", "direct", or "direct, rounds" where images differ.
        images: the refinement of each.
    """

    images: tuple[Refinement, ...]

    @classmethod
    def of(cls, images: Sequence[Refinement]) -> "BatchRefinement":
        """The batch of one or more refinements."""
        rounds = max(image.rounds for image in images)
        return cls(
            np.stack([image.field for image in images]),
            max(image.error_bound for image in images),
            rounds,
            tuple(
                max(image.history[min(i, image.rounds)] for image in images)
                for i in range(rounds + 1)
            ),
            ", ".join(sorted({image.method for image in images})),
            max(image.allowance for image in images),
            tuple(images),
        )


@blas_threads()
def refine(
    prediction: NDArray,
    source_image: NDArray,
    *,
    tolerance: float,
    medium: Medium | None = None,
    fixed: NDArray[np.bool_] | None = None,
    method: RefineMethod = "auto",
    **parts: Unpack[MediumParts],
) -> Refinement:
    """Correct a predicted field until its proven error bound is at most `tolerance`.

    Args:
        prediction: (rows, columns), any finite numbers; or a batch, (batch, rows, columns), for
            which a `BatchRefinement` is returned.
        source_image: of the same shape, the values of the fixed nodes.
        tolerance: the largest error to be allowed anywhere, relative to the largest |value| of a
            fixed node next to a free one, as for `solve`.
        medium: a uniform medium; by default `Medium()`.
        fixed: as for `solve`.
        method: "rounds" on the ring densities, the "direct" solution of the ring system, which
            doesn't use the prediction, or "auto", what is expected to be the cheaper one.
        **parts: diffusivity, decay, step and boundary of `Medium`, in place of `medium`.

    Raises:
        PhysicsError: a tolerance that is not positive or below what rounding allows, a prediction
            that is not finite or of another shape, or a problem for which `solve` raises it.
        ConvergenceError: rounds that stopped short of the tolerance.

    Example:
        >>> import numpy as np
        >>> image = np.zeros((64, 64))
        >>> image[30:34, 30:34] = 1.0
        >>> refine(np.zeros((64, 64)), image, tolerance=1e-6).error_bound <= 1e-6
        True
    """
    medium = as_medium(medium, parts)
    medium.require_uniform("refine")
    tolerance = check_number("tolerance", tolerance)
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise PhysicsError(f"tolerance must be positive and finite, not {tolerance}")
    if method not in get_args(RefineMethod):
        raise PhysicsError(
            f"method {method!r:.60} is unknown; choose one of {', '.join(get_args(RefineMethod))}"
        )
    check = partial(PredictedProblem.check, medium=medium)
    if is_batch(source_image):
        images = images_of_batch(source_image, fixed, prediction)
        return BatchRefinement.of(
            [_refine(check(predicted, *image), tolerance, method) for *image, predicted in images]
        )
    return _refine(check(prediction, source_image, fixed), tolerance, method)


def _refine(predicted: PredictedProblem, tolerance: float, method: RefineMethod) -> Refinement:
    problem = predicted.problem
    run = _Run(predicted, tolerance * problem.scale)
    run.check_tolerance()
    run.correct()
    if not run.met():
        if method == "auto":
            method = _cheaper(problem, run.mismatch / run.tolerance)
        if method == "direct":
            run.solve_directly()
        else:
            run.iterate()
    np.copyto(run.field, problem.values, where=problem.fixed)
    return Refinement(
        run.field, run.bound, len(run.history) - 1, tuple(run.history), run.method, run.allowance
    )


class _Run:
    """The state of one refinement: a field, its mismatch on the ring, and the bounds so far.

    Attributes:
        tolerance: the largest permitted bound, absolute.
    """

    def __init__(self, predicted: PredictedProblem, tolerance: float) -> None:
        self.predicted = predicted
        self.problem = predicted.problem
        self.tolerance = tolerance
        self.method = "rounds"
        self.history: list[float] = []
        self.allowance = 0.0
        self._norm = inverse_norm_bound(self.problem)

    @property
    def mismatch(self) -> float:
        """The bound of the present field, without the allowance."""
        return self.history[-1]

    @property
    def bound(self) -> float:
        """What is proven of the present field: mismatch and allowance, and their rounding."""
        return (self.mismatch + self.allowance) * (1 + 4 * float(np.finfo(np.float64).eps))

    def check_tolerance(self) -> None:
        """Raise an error for a tolerance that rounding forbids even for the exact field.

        Raises:
            PhysicsError: it names the tolerance that may be asked for.
        """
        scale = self.problem.scale
        least = self._norm * stencil_rounding(self.problem.operator, scale)
        if self.tolerance < least:
            raise PhysicsError(
                f"a tolerance of {self.tolerance / scale:g} can't be proven: the rounding "
                f"allowance of this lattice and medium is {least / scale:.1e}; ask for "
                f"{2 * least / scale:.1e} or more"
            )

    def correct(self) -> None:
        """The field of the prediction's own densities."""
        self._set(self.predicted.corrected())

    def met(self) -> bool:
        """Whether the bound, allowance included, is within the tolerance."""
        if self.mismatch > self.tolerance:
            return False
        self.allowance = rounding_allowance(self.problem, self._norm, self.field)
        return self.bound <= self.tolerance

    def solve_directly(self) -> None:
        """The field of the densities that solve the dense ring system.

        Rounds follow where rounding left it short, as iterative refinement.
        """
        problem = self.problem
        ring = problem.ring
        self.method = "direct"
        density, _ = DenseRing(problem.operator, ring).solve(problem.values[ring.nodes])
        if problem.operator.deflated:
            density -= density.sum() / ring.size  # the constant is found by the mismatch
        self._set(problem.operator.spread(ring.nodes, density))
        if not self.met():
            self.iterate()

    def iterate(self) -> None:
        """Rounds until the tolerance is met; from fresh sums where rounding stops them short."""
        problem = self.problem
        precondition = RingPreconditioner(problem.operator, problem.ring)
        for _ in range(RESTARTS):
            self._rounds(precondition)
            if self.met():
                return
            # the fixed values as a prediction: the rounding that a wild one left is gone
            held = np.where(problem.fixed, problem.values, self.field)
            self._set(self.predicted.corrected(held))
            if self.met():
                return
        self._fail()

    def _rounds(self, precondition: RingPreconditioner) -> None:
        operator, nodes = self.problem.operator, self.problem.ring.nodes
        direction = np.zeros(self.problem.ring.size)
        before, stalled, best = math.inf, 0, self.mismatch
        while len(self.history) <= MOST_ROUNDS and stalled < PATIENCE:
            improved = precondition(self.error)
            now = float(self.error @ improved)
            direction = improved + (now / before) * direction
            before = now
            moved = operator.spread(nodes, direction)
            curvature = float(direction @ moved[nodes])
            if not (now > 0 and curvature > 0):
                return
            moved *= now / curvature
            moved += self.field
            self._set(moved)
            if self.met() or self.mismatch < self.tolerance / 10:
                # the rest is rounding, to which more rounds only add
                return
            stalled = 0 if self.mismatch < 0.9 * best else stalled + 1
            best = min(best, self.mismatch)

    def _set(self, field: NDArray[np.float64]) -> None:
        self.field = field
        self.error = self.predicted.mismatch(field)
        self.history.append(float(abs(self.error).max(initial=0.0)))

    def _fail(self) -> None:
        rounds, scale = len(self.history) - 1, self.problem.scale
        other = ", or for method 'direct'" if self.method == "rounds" else ""
        raise ConvergenceError(
            f"{rounds} rounds by method {self.method!r} reached a bound of "
            f"{self.mismatch / scale:.1e} and a rounding allowance of "
            f"{self.allowance / scale:.1e}, not the tolerance of {self.tolerance / scale:g}, all "
            f"relative to the largest value; ask for a larger tolerance{other}"
        )


def _cheaper(problem: Problem, reduction: float) -> RefineMethod:
    """The way that is likely to take less time to divide the bound by `reduction`."""
    nodes, ring_nodes = problem.values.size, problem.ring.size
    direct = dense_ring(ring_nodes) + transform_pairs(nodes)
    return "rounds" if refinement_rounds(ring_nodes, nodes, reduction) < direct else "direct"
