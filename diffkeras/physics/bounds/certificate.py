"""Certificates: what any predicted field proves about the exact one.

Let û be a predicted field, c the fixed nodes' values, s the production on the free nodes (0 on the
fixed ones) and A the lattice operator. The prediction's densities q̂ = Aû on the fixed nodes (0 on
the free ones) give a corrected field, with one transform pair:

    û' = A⁻¹(q̂ + s) = û − A⁻¹r,    r = Aû − s on the free nodes, 0 on the fixed ones.

û' satisfies the equation on every free node exactly, so e = û' − u has A e = 0 there, u being the
exact lattice solution. A is an M-matrix, weakly diagonally dominant, for which the discrete maximum
principle holds (Varga 2000, §3.5; Ciarlet 1970): on the free nodes |e| is at most its maximum over
the fixed nodes next to them, the ring, where u = c is known:

    |û' − u| ≤ B = max over the ring of |û' − c|.

No free node is next to a fixed node inside a source, so these have no influence. On the ring the
bound is attained, so B is the exact maximum error of û' over ring and free nodes. The returned
field has the fixed nodes at their values: its error is 0 there, and that of û' on the free nodes.
If no node is fixed, û' is the exact field for any prediction.

Two more transform pairs sharpen the bound node by node. The same principle holds for the difference
of e and any field that satisfies the equation. Let w̃ = A⁻¹p̃ be close to −e, with p̃ from the ring
system solved approximately (`preconditioner`). The remaining error on the ring, e₂, is ten to 1e5
times smaller. For densities p ≥ 0 on the ring, the barrier w = A⁻¹p is positive and decays around
each source with the diffusion length. A w = 0 on the free nodes, hence |e + w̃| ≤ b₂ = β w there,
with β the largest |e₂|/w on the ring. (Next to the ring, the mean of the neighbours' bounds is
sharper.) So

    |û' − u| ≤ min(B, |w̃| + b₂),    |û − u| ≤ |û − û' − w̃| + b₂.

None of this is an estimate. The effect of rounding is bounded too (`rounding`), and included. The
bounds are about the lattice's solution, not about its distance from the continuum's.
"""

from dataclasses import replace
from functools import partial
from typing import Any, Unpack

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from diffkeras.physics.arguments import (
    Given,
    images_of_batch,
    largest,
    warn_of_volume,
)
from diffkeras.physics.bounds.enclosed import certify_enclosed
from diffkeras.physics.bounds.predicted_problem import PredictedProblem
from diffkeras.physics.bounds.results import BatchCertificate, Certificate
from diffkeras.physics.bounds.rounding import (
    operator_diagonal,
    rounding_allowance,
)
from diffkeras.physics.medium import Medium, MediumParts, as_medium, names_parts
from diffkeras.physics.operators.blas_threads import blas_threads
from diffkeras.physics.operators.finite_volumes import ROUNDINGS
from diffkeras.physics.problem import Problem
from diffkeras.physics.solvers.preconditioner import RingPreconditioner
from diffkeras.physics.solvers.ring_cg import RingIteration
from diffkeras.physics.solvers.ring_field import field_of_values
from diffkeras.physics.uptake.linear import Uptake, medium_with_uptake

# Share of the error that may remain in a corrected prediction; with more, the ring system is solved
SHARP = 0.5
MOST_SOLUTIONS = 3
EPSILON = float(np.finfo(np.float64).eps)
AVERAGINGS = 2  # a pass of the stencil each; more hardly sharpen the bound


@names_parts
@blas_threads()
def certify(
    prediction: NDArray,
    source_image: NDArray | None = None,
    *,
    production: NDArray | None = None,
    uptake: Uptake | None = None,
    medium: Medium | None = None,
    fixed: NDArray[np.bool_] | None = None,
    **parts: Unpack[MediumParts],
) -> Certificate:
    """Correct a predicted field and bound the errors of both, by the discrete maximum principle.

    The exact field is that of coefficients rounded to double precision: couplings and decays where
    the medium varies or uptake saturates, and what given values and fluxes of sides add to the
    production. With coefficients of more digits it may differ by about 1e-16 of the largest value.

    Args:
        prediction: (rows, columns), any finite numbers of any precision, however wrong; or a batch,
            (batch, rows, columns), for which a `BatchCertificate` is returned.
        source_image: of the same shape, the values of the fixed nodes; None if none is fixed.
        production: as for `solve`.
        uptake: as for `solve`.
        medium: by default `Medium()`. In one that varies, or with saturating uptake, a
            certificate of a rough prediction takes less time than a solution, and one of a good
            prediction about as long.
        fixed: as for `solve`.
        **parts: diffusivity, decay (1/400 unless given, whatever the diffusivity is), step,
            boundary and dimensions of `Medium`, in place of `medium`.

    Raises:
        PhysicsError: a prediction that is not finite or of another shape than the source image, or
            a problem for which `solve` raises it.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> image = np.zeros((64, 64))
        >>> image[30:34, 30:34] = 1.0
        >>> certificate = certify(np.zeros((64, 64)), image)
        >>> true_error = abs(certificate.field - dk.solve(image).field).max()
        >>> bool(true_error <= certificate.error_bound)
        True
    """
    medium = as_medium(medium, parts, source_image)
    given = Given(source_image, fixed, production, dimensions=medium.dimensions)
    medium, saturating = medium_with_uptake(medium, uptake, given.lattice)
    check = partial(PredictedProblem.check, medium=medium, uptake=saturating)
    if given.is_batch:
        if not (medium.states_dimensions or saturating):
            warn_of_volume(given)
        images = images_of_batch(given, prediction)
        return BatchCertificate.of(
            [certify_problem(check(predicted, image)) for image, predicted in images]
        )
    return certify_problem(check(prediction, given))


@blas_threads()
def certify_problem(predicted: PredictedProblem) -> Certificate:
    """The certificate of one prediction, see `certify`."""
    uniform = predicted.problem.medium.is_uniform and predicted.problem.uptake is None
    certificate = _certify_uniform(predicted) if uniform else certify_enclosed(predicted)
    if not np.any(predicted.rounding):
        return certificate
    slack = 1 + EPSILON
    return replace(certificate, node_bound=(certificate.node_bound + predicted.rounding) * slack)


def _certify_uniform(predicted: PredictedProblem) -> Certificate:
    problem = predicted.problem
    field = predicted.corrected()
    error = predicted.mismatch(field)
    mismatch = float(abs(error).max(initial=0.0))

    precondition = RingPreconditioner(predicted.operator, problem.ring)
    answer = predicted.operator.spread(problem.ring.nodes, precondition(error))
    rest = predicted.mismatch(answer, error)
    for solutions in range(1 + MOST_SOLUTIONS):
        # the differences that gave error and rest are rounded
        sizes = abs(rest) * (1 + EPSILON) + EPSILON * abs(error)
        bound, allowance = _remaining(predicted, precondition, field, answer, sizes)
        wrong = abs(predicted.prediction - field - answer)
        least = SHARP * float(wrong.max(where=~problem.fixed, initial=0.0))
        sharp = float(bound.max(where=~problem.fixed, initial=0.0)) <= least
        if sharp or solutions == MOST_SOLUTIONS or largest(rest) <= least / 4:
            break
        answer += _field_on_ring(problem, rest, least)
        rest = predicted.mismatch(answer, error)
    # the last roundings are relative: of ratios, products, differences and sums
    slack = 1 + 8 * EPSILON
    node_bound = (wrong + bound) * slack
    field_bound = np.minimum(abs(answer) + bound, mismatch + allowance) * slack
    field_bound[problem.fixed] = 0.0
    np.copyto(field, problem.values, where=problem.fixed)
    held_bound = abs(predicted.prediction - problem.values) * slack
    np.copyto(node_bound, held_bound, where=problem.fixed)
    return Certificate(
        field, float(field_bound.max()), field_bound, node_bound, mismatch, allowance
    )


def _remaining(
    predicted: PredictedProblem,
    precondition: RingPreconditioner,
    field: NDArray[np.float64],
    answer: NDArray[np.float64],
    sizes: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float]:
    """The bound of |field + answer − u|, node by node, and what it includes for rounding.

    `sizes` are at least |c − field − answer| on the ring.
    """
    problem = predicted.problem
    barrier = _barrier(problem, precondition, sizes)
    bound = _average(problem, np.minimum(barrier, sizes.max(initial=0.0)), sizes)
    # each averaging adds the residual once more, divided by A's diagonal
    norm = predicted.inverse_norm + AVERAGINGS / operator_diagonal(predicted.operator)
    allowance = rounding_allowance(problem, norm, field, answer, barrier=barrier)
    return bound + allowance, allowance


def _field_on_ring(
    problem: Problem, values: NDArray[np.float64], least: float
) -> NDArray[np.float64]:
    """The field of the equation without production that has values (m,) on the ring, nearly.

    Where many fixed nodes lie close together, one application of the preconditioner leaves too
    much. `least` is what a bound needs to be.
    """
    system = RingIteration(problem.operator, problem.ring)
    tolerance = max(least / 4, EPSILON * largest(values))
    double = np.dtype(np.float64)
    options: dict[str, Any] = {"tolerance": tolerance, "precision": double, "workers": None}
    field, _, _ = field_of_values(problem, system, values, **options)
    return field.astype(np.float64, copy=False)


def _barrier(
    problem: Problem, precondition: RingPreconditioner, error: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A field that is at least `error` on the ring and satisfies the equation on the free nodes.

    Each source's largest error, spread over its ring, is turned into densities. Those that come out
    negative are set to 0.
    """
    operator, ring = problem.operator, problem.ring
    constant = np.full(operator.lattice, error.max(initial=0.0))
    if not error.any() or operator.deflated:
        # constants serve for any operator, and a deflated one has no barrier that falls off
        return constant
    labels, count = scipy.ndimage.label(problem.fixed, structure=np.ones((3,) * problem.fixed.ndim))
    source = labels[ring.nodes]
    largest = np.zeros(count + 1)
    np.maximum.at(largest, source, error)
    barrier = operator.spread(ring.nodes, precondition(largest[source]).clip(min=0.0))
    barrier -= min(float(barrier[ring.nodes].min()), 0.0)  # a constant K ≥ 0 adds γK, no harm
    wrong = error > 0
    least = barrier[ring.nodes][wrong]
    if least.min() <= 0:  # so far from every other source that the barrier underflows
        return constant
    return barrier * float((error[wrong] / least).max())


def _average(
    problem: Problem, bound: NDArray[np.float64], error: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A sharper bound of |e| next to the ring, where |e| = `error` is known node by node.

    With a ≥ A's diagonal, I − A/a has no negative entries, and as A e = 0 on the free nodes,
    |e| = |(I − A/a) e| ≤ (I − A/a) b there.
    """
    diagonal = operator_diagonal(problem.operator)
    for _ in range(AVERAGINGS):
        bound[problem.ring.nodes] = error
        averaged = bound - problem.operator.apply(bound) / diagonal
        # rounding of the stencil, of the quotient and of the difference
        averaged = np.maximum(averaged, 0.0) + 4 * ROUNDINGS * EPSILON * largest(bound)
        np.minimum(bound, averaged, out=bound, where=~problem.fixed)
    return bound
