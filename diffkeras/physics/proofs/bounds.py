"""Bounds of the error of one image's field, by the proof that its problem allows.

In a uniform medium that is the maximum principle on the ring (`ring`), and otherwise an enclosure
between a sub- and a supersolution (`enclosure`).
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.arguments import largest
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import SLACK
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.proofs.ring import Bounds, certify_ring
from diffkeras.physics.proofs.rounding import inverse_norm_bound, rounding_allowance
from diffkeras.physics.solvers.interface import SolveStatistics
from diffkeras.physics.solvers.newton import NewtonRun


class Proof(Protocol):
    """What proves bounds of the error of a field, when they are asked for.

    A `Solution` holds one and gives it its field and its problem, both of one image. So a proof has
    what it knows of the run that made the field and nothing else, and can go from one process to
    another.
    """

    def error_bound(self, field: NDArray[np.floating], problem: Problem) -> float:
        """At least the largest |field − u|."""

    def node_bound(self, field: NDArray[np.floating], problem: Problem) -> NDArray[np.float64]:
        """At least |field − u| node by node."""


class KnownBounds(NamedTuple):
    """Bounds that were proven together with their field, as enclosures are."""

    bound: NDArray[np.float64]

    def error_bound(self, field: NDArray, problem: Problem) -> float:
        """See `Proof`."""
        return float(self.bound.max())

    def node_bound(self, field: NDArray, problem: Problem) -> NDArray[np.float64]:
        """See `Proof`."""
        return self.bound


def bounds_of(field: NDArray[np.float64], equations: Equations) -> Bounds:
    """The bounds of any field of one image, and a corrected field with its own."""
    is_uniform = equations.problem.is_uniform
    return (certify_ring if is_uniform else _certify_enclosed)(equations, field)


class RingProof(NamedTuple):
    """Of a field in a uniform medium, by the maximum principle: a `Proof`.

    Before it got the fixed nodes' values, the field satisfied the equation on the free nodes but
    for rounding. So its error is at most its mismatch on the ring and what rounding adds.

    Attributes:
        on_ring: (m,), its values on the ring before that.
        enough: a bound that needn't be sharpened. Rounding in single precision is large, and a
            certificate, which takes five times as long as the solution, bounds it more sharply.
    """

    on_ring: NDArray[np.floating]
    enough: float

    def error_bound(self, field: NDArray[np.floating], problem: Problem) -> float:
        """See `Proof`."""
        equations = Equations(problem)
        nodes = equations.ring.nodes
        before = field.astype(np.float64)
        before[nodes] = self.on_ring
        mismatch = largest(before[nodes] - equations.values[nodes])
        bound = mismatch + rounding_allowance(equations, inverse_norm_bound(equations), before)
        # on the fixed nodes, whose values are rounded
        off = np.abs(equations.values - field).max(where=equations.fixed, initial=0.0)
        bound = max(bound, float(off)) * SLACK
        if bound <= self.enough:
            return bound
        return min(bound, float(self.node_bound(field, problem).max()))

    def node_bound(self, field: NDArray[np.floating], problem: Problem) -> NDArray[np.float64]:
        """See `Proof`."""
        return bounds_of(field.astype(np.float64, copy=False), Equations(problem)).node_bound


def _certify_enclosed(equations: Equations, field: NDArray[np.float64]) -> Bounds:
    """The corrected field, and the bounds of both.

    Newton steps, of which a linear problem is one, correct the field, and `enclosure` proves node
    by node how far the corrected field is from the solution. Steps follow until what is left of the
    error is a small share of what they corrected, so that the bound says how wrong the field is,
    and not how rough the proof.
    """
    scale, fixed, values = equations.scale, equations.fixed, equations.values
    if not scale:  # nothing reaches a free node: 0 there
        exact = np.where(fixed, values, 0.0)
        stats = SolveStatistics("newton-cg", 0)
        return Bounds(np.abs(field - exact) * SLACK, exact, np.zeros(field.shape), stats)
    prediction = field if scale == 1 else field / scale
    run = NewtonRun(equations, prediction)
    bound = run.certify(prediction)
    bound *= scale * SLACK
    corrected = run.rounded()
    corrected *= scale  # whose rounding is in the bound already
    np.copyto(corrected, values, where=fixed)
    node_bound = field - corrected
    np.abs(node_bound, out=node_bound)
    node_bound += bound
    node_bound *= SLACK
    return Bounds(node_bound, corrected, bound, run.statistics(float(bound.max()) / scale))
