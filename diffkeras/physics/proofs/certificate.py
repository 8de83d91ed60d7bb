"""Certificates: proven bounds of how far any field is from the exact one.

In a uniform medium the proof is the maximum principle on the ring (`ring`), and otherwise an
enclosure between a sub- and a supersolution (`enclosure`). None of this is an estimate, and the
effect of rounding is included.
"""

from typing import Any, NamedTuple, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.physics.arguments import largest, real_values
from diffkeras.physics.blas_threads import blas_threads
from diffkeras.physics.equations.finite_volumes import EPSILON, SLACK
from diffkeras.physics.problem.keywords import ProblemKeywords, show_keywords
from diffkeras.physics.problem.problem import Problem, as_problem
from diffkeras.physics.proofs.results import BatchCertificate, Bounds, Certificate
from diffkeras.physics.proofs.ring import certify_ring
from diffkeras.physics.proofs.rounding import inverse_norm_bound, rounding_allowance
from diffkeras.physics.solution import Solution, SolveStatistics
from diffkeras.physics.solvers.newton import NewtonRun


@show_keywords
@blas_threads()
def certify(
    field: ArrayLike,
    problem: "Problem | ArrayLike | None" = None,
    **keywords: Unpack[ProblemKeywords],
) -> Certificate:
    """Prove how far a field is from the exact one, and correct it.

    The exact field is that of coefficients rounded to double precision: couplings and decays where
    the medium varies or uptake saturates, and what given values and fluxes of sides add to the
    production. With coefficients of more digits it may differ by about 1e-16 of the largest value.
    The bounds are about the lattice's solution, not about its distance from the continuum's.

    Args:
        field: (rows, columns), any finite numbers of any precision, however wrong; or a batch,
            (batch, rows, columns), for which a `BatchCertificate` is returned.
        problem: the `Problem` that it should solve, or its source image, as for `solve`.
        **keywords: those of `Problem`, as for `solve`.

    Raises:
        PhysicsError: a field that is not finite or of another shape than the problem, or no problem
            (see `Problem`).
        ConvergenceError: no bound was found, where diffusivity varies by many orders.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> image = np.zeros((64, 64))
        >>> image[30:34, 30:34] = 1.0
        >>> certificate = dk.certify(np.zeros((64, 64)), image)
        >>> true_error = abs(certificate.field - dk.solve(image).field).max()
        >>> bool(true_error <= certificate.error_bound)
        True
        >>> certificate.corrected.error_bound < certificate.error_bound
        True
    """
    problem = as_problem(problem, keywords)
    rounded = problem.check_field("field", field)
    roundings = _rounding(field, rounded)
    if not problem.is_batch:
        return _certificate(rounded, roundings, problem)
    each = zip(rounded, np.broadcast_to(roundings, rounded.shape), problem.images, strict=True)
    return BatchCertificate.of(rounded, problem, [_certificate(*parts) for parts in each])


@blas_threads()
def node_bound_of(field: NDArray[np.floating], problem: Problem) -> NDArray[np.float64]:
    """At least |field − u| node by node, of one image."""
    return _certificate(field.astype(np.float64, copy=False), 0.0, problem).node_bound


def _certificate(
    field: NDArray[np.float64], rounding: NDArray[np.float64] | float, problem: Problem
) -> Certificate:
    """The certificate of one image; `rounding` is how far the field is from that asked about."""
    plain = problem.homogeneous
    bounds = (certify_ring if plain.is_uniform else _certify_enclosed)(plain, field)
    node_bound = bounds.field
    if np.any(rounding):
        node_bound = (node_bound + rounding) * (1 + EPSILON)
    corrected = Solution(
        bounds.corrected, problem, bounds.stats, KnownBounds(bounds.corrected_bound)
    )
    error_bound = float(node_bound.max())
    return Certificate(field, problem, error_bound, node_bound, corrected, bounds.allowance)


class KnownBounds(NamedTuple):
    """Bounds that were proven together with their field, as a `solution.Proof`."""

    bound: NDArray[np.float64]

    def error_bound(self, field: NDArray, problem: Problem) -> float:
        """See `solution.Proof`."""
        return float(self.bound.max())

    def node_bound(self, field: NDArray, problem: Problem) -> NDArray[np.float64]:
        """See `solution.Proof`."""
        return self.bound


class RingProof(NamedTuple):
    """Of a field in a uniform medium, by the maximum principle.

    Before it got the fixed nodes' values, the field satisfied the equation on the free nodes but
    for rounding. So its error is at most its mismatch on the ring and what rounding adds.

    Attributes:
        on_ring: (m,), its values on the ring before that.
        enough: a bound that needn't be sharpened. Rounding in single precision is large, and a
            certificate, which takes five times as long as the solution, bounds it more sharply.
    """

    on_ring: NDArray[np.floating]
    enough: float

    @blas_threads()
    def error_bound(self, field: NDArray[np.floating], problem: Problem) -> float:
        """See `solution.Proof`."""
        plain = problem.homogeneous
        nodes = plain.ring.nodes
        before = field.astype(np.float64)
        before[nodes] = self.on_ring
        mismatch = largest(before[nodes] - plain.values[nodes])
        bound = mismatch + rounding_allowance(plain, inverse_norm_bound(plain), before)
        bound = max(bound, fixed_error(field, plain)) * SLACK
        if bound <= self.enough:
            return bound
        return min(bound, float(self.node_bound(field, problem).max()))

    def node_bound(self, field: NDArray[np.floating], problem: Problem) -> NDArray[np.float64]:
        """See `solution.Proof`."""
        return node_bound_of(field, problem)


class EnclosureProof(NamedTuple):
    """Of a field that was enclosed when it was solved.

    Attributes:
        bound: of its error.
        each: (rows, columns), of its error node by node.
    """

    bound: float
    each: NDArray[np.float64]

    def error_bound(self, field: NDArray[np.floating], problem: Problem) -> float:
        """See `solution.Proof`."""
        return self.bound

    def node_bound(self, field: NDArray[np.floating], problem: Problem) -> NDArray[np.float64]:
        """See `solution.Proof`."""
        return np.minimum(self.each, self.bound)


def fixed_error(field: NDArray[np.floating], problem: Problem) -> float:
    """The largest |field − u| on the fixed nodes: the rounding of their values."""
    return float(np.abs(problem.values - field).max(where=problem.fixed, initial=0.0))


def _certify_enclosed(problem: Problem, field: NDArray[np.float64]) -> Bounds:
    """The corrected field, and the bounds of both.

    Newton steps, of which a linear problem is one, correct the field, and `enclosure` proves node
    by node how far the corrected field is from the solution. Steps follow until what is left of the
    error is a small share of what they corrected, so that the bound says how wrong the field is,
    and not how rough the proof.
    """
    if not problem.scale:  # nothing reaches a free node: 0 there
        exact = np.where(problem.fixed, problem.values, 0.0)
        stats = SolveStatistics("newton-cg", 0)
        return Bounds(np.abs(field - exact) * SLACK, exact, np.zeros(problem.lattice), stats)
    run = NewtonRun(problem, field / problem.scale)
    bound = run.certify(field / problem.scale) * problem.scale * SLACK
    # the rounding of this product is in the bound already
    corrected = run.rounded() * problem.scale
    np.copyto(corrected, problem.values, where=problem.fixed)
    stats = SolveStatistics(
        "newton-cg",
        0,
        run.iterations,
        float(bound.max()) / problem.scale,
        newton_steps=run.steps if problem.uptake else 0,
    )
    return Bounds((np.abs(field - corrected) + bound) * SLACK, corrected, bound, stats)


def _rounding(field: Any, rounded: NDArray[np.float64]) -> NDArray[np.float64] | float:
    """At least |field − rounded|, for fields in extended precision; 0 for others."""
    values = real_values("the field", field)
    if values.dtype.kind != "f" or values.dtype.itemsize <= rounded.itemsize:
        return 0.0
    rounding = np.abs(values - rounded).astype(np.float64)
    # rounded up, with the sum that it is added in
    return np.nextafter(rounding, np.inf) * (values != rounded) * SLACK
