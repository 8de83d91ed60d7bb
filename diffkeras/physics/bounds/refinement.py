"""Refinement: from any predicted field to one whose proven error bound meets a tolerance.

The corrected field of `certificate` satisfies the equation on every free node and misses the values
on the ring by e = c − û'. Correcting its ring densities by p changes the ring by G p, so the ring
system G p = e remains to be solved, and the bound after that is max |e| again. One round is one
step of conjugate gradients on it (Hestenes & Stiefel 1952; `preconditioner`). Its product G p is
one transform pair, whose field is added to û': after every round the field satisfies the equation,
and its bound is read on the ring.
"""

from functools import partial
from typing import Literal, Unpack, get_args

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import (
    Given,
    check_tolerance,
    images_of_batch,
    warn_of_volume,
)
from diffkeras.physics.bounds.enclosed import refine_enclosed
from diffkeras.physics.bounds.predicted_problem import PredictedProblem
from diffkeras.physics.bounds.refinement_run import RefinementRun
from diffkeras.physics.bounds.results import BatchRefinement, Refinement
from diffkeras.physics.medium import Medium, MediumParts, as_medium, names_parts
from diffkeras.physics.operators.blas_threads import blas_threads
from diffkeras.physics.problem import Problem
from diffkeras.physics.solvers.cost import dense_ring, refinement_rounds, transform_pairs
from diffkeras.physics.uptake.linear import Uptake, medium_with_uptake

RefineMethod = Literal["auto", "rounds", "direct"]


@names_parts
@blas_threads()
def refine(
    prediction: NDArray,
    source_image: NDArray | None = None,
    *,
    production: NDArray | None = None,
    uptake: Uptake | None = None,
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
        uptake: as for `solve`.
        medium: by default `Medium()`. In one that varies from node to node, Newton steps start
            from the prediction.
        fixed: as for `solve`.
        method: "rounds" on the ring densities, the "direct" solution of the ring system, which
            doesn't use the prediction, or "auto", what is expected to be the cheaper one. In a
            medium that varies, and with saturating uptake, there is only "auto".
        **parts: diffusivity, decay (1/400 unless given, whatever the diffusivity is), step,
            boundary and dimensions of `Medium`, in place of `medium`.

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
    medium = as_medium(medium, parts, source_image)
    given = Given(source_image, fixed, production, dimensions=medium.dimensions)
    medium, saturating = medium_with_uptake(medium, uptake, given.lattice)
    tolerance = check_tolerance(tolerance)
    if method not in get_args(RefineMethod):
        raise PhysicsError(
            f"method {method!r:.60} is unknown; choose one of {', '.join(get_args(RefineMethod))}"
        )
    if method != "auto" and not (medium.is_uniform and saturating is None):
        raise PhysicsError(
            f"method {method!r} needs a uniform medium and linear uptake, and diffusivity, decay "
            "or uptake vary here; leave it out"
        )
    check = partial(PredictedProblem.check, medium=medium, uptake=saturating)
    if given.is_batch:
        if not (medium.states_dimensions or saturating):
            warn_of_volume(given)
        images = images_of_batch(given, prediction)
        return BatchRefinement.of(
            [_refine(check(predicted, image), tolerance, method) for image, predicted in images]
        )
    return _refine(check(prediction, given), tolerance, method)


def _refine(predicted: PredictedProblem, tolerance: float, method: RefineMethod) -> Refinement:
    problem = predicted.problem
    if problem.uptake is not None or not problem.medium.is_uniform:
        return refine_enclosed(predicted, tolerance)
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
