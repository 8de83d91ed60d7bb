"""Bounds of the error of one image's field, by the proof that its problem allows.

In a uniform medium that is the maximum principle on the ring (`ring`), and otherwise an enclosure
between a sub- and a supersolution (`enclosure`).
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.arguments import largest
from diffkeras.physics.blas_threads import blas_threads
from diffkeras.physics.equations.finite_volumes import SLACK
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.proofs.results import Bounds
from diffkeras.physics.proofs.ring import certify_ring
from diffkeras.physics.proofs.rounding import inverse_norm_bound, rounding_allowance
from diffkeras.physics.solvers.newton import NewtonRun
from diffkeras.physics.solvers.statistics import SolveStatistics


def bounds_of(field: NDArray[np.float64], problem: Problem) -> Bounds:
    """The bounds of any field of one image, and a corrected field with its own."""
    plain = problem.homogeneous
    return (certify_ring if plain.is_uniform else _certify_enclosed)(plain, field)


class Proof(Protocol):
    """What proves bounds of the error of a field of one image, when they are asked for."""

    def error_bound(self, field: NDArray[np.floating], problem: Problem) -> float:
        """At least the largest |field − u|."""

    def node_bound(self, field: NDArray[np.floating], problem: Problem) -> NDArray[np.float64]:
        """At least |field − u| node by node."""


class KnownBounds(NamedTuple):
    """Bounds that were proven together with their field."""

    bound: NDArray[np.float64]

    def error_bound(self, field: NDArray, problem: Problem) -> float:
        """See `Proof`."""
        return float(self.bound.max())

    def node_bound(self, field: NDArray, problem: Problem) -> NDArray[np.float64]:
        """See `Proof`."""
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
        """See `Proof`."""
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
        """See `Proof`."""
        return bounds_of(field.astype(np.float64, copy=False), problem).field


class EnclosureProof(NamedTuple):
    """Of a field that was enclosed when it was solved.

    Attributes:
        bound: of its error.
        each: (rows, columns), of its error node by node.
    """

    bound: float
    each: NDArray[np.float64]

    def error_bound(self, field: NDArray[np.floating], problem: Problem) -> float:
        """See `Proof`."""
        return self.bound

    def node_bound(self, field: NDArray[np.floating], problem: Problem) -> NDArray[np.float64]:
        """See `Proof`."""
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
