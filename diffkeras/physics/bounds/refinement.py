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

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import Given, check_number, images_of_batch
from diffkeras.physics.blas_threads import blas_threads
from diffkeras.physics.bounds.predicted_problem import PredictedProblem
from diffkeras.physics.bounds.refinement_run import RefinementRun
from diffkeras.physics.medium import Medium, MediumParts, as_medium
from diffkeras.physics.problem import Problem
from diffkeras.physics.short_repr import ShortRepr
from diffkeras.physics.solvers.cost import dense_ring, refinement_rounds, transform_pairs

RefineMethod = Literal["auto", "rounds", "direct"]


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
    source_image: NDArray | None = None,
    *,
    production: NDArray | None = None,
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
        source_image: of the same shape, the values of the fixed nodes; None if none is fixed.
        production: as for `solve`.
        tolerance: the largest error to be allowed anywhere, relative to the largest |value| of the
            field, as for `solve`.
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
    given = Given(source_image, fixed, production)
    if given.is_batch:
        images = images_of_batch(given, prediction)
        return BatchRefinement.of(
            [_refine(check(predicted, image), tolerance, method) for image, predicted in images]
        )
    return _refine(check(prediction, given), tolerance, method)


def _refine(predicted: PredictedProblem, tolerance: float, method: RefineMethod) -> Refinement:
    problem = predicted.problem
    run = RefinementRun(predicted, tolerance)
    if not run.met():
        if method == "auto":
            # nothing may be proven yet of the size that the tolerance is relative to
            missing = run.mismatch / run.tolerance if run.tolerance else 1 / tolerance
            # only rounding is left if there is no mismatch
            method = _cheaper(problem, max(missing, 1.0))
        if method == "direct" and problem.ring.size:
            run.solve_directly()
        else:
            run.iterate()
    np.copyto(run.field, problem.values, where=problem.fixed)
    return Refinement(
        run.field, run.bound, len(run.history) - 1, tuple(run.history), run.method, run.allowance
    )


def _cheaper(problem: Problem, reduction: float) -> RefineMethod:
    """The way that is likely to take less time to divide the bound by `reduction`."""
    nodes, ring_nodes = problem.values.size, problem.ring.size
    direct = dense_ring(ring_nodes) + transform_pairs(nodes)
    return "rounds" if refinement_rounds(ring_nodes, nodes, reduction) < direct else "direct"
