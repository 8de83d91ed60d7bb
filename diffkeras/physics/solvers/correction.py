"""Bounds of the error of any field, by a corrected field and its own bounds.

Any field is proven by an enclosure between a sub- and a supersolution (`proofs.enclosure`). Two
kinds of fields in uniform media need none: fields of a production without fixed nodes, and of the
ring methods. They satisfy the equation on the free nodes but for rounding (`proofs.rounding`).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.arguments import largest
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import SLACK
from diffkeras.physics.proofs.rounding import rounding_allowance
from diffkeras.physics.solvers.interface import SolveStatistics
from diffkeras.physics.solvers.newton import NewtonRun
from diffkeras.physics.solvers.uniform import particular_field


class Corrected(NamedTuple):
    """A field near another one, which its proof computes."""

    field: NDArray[np.float64]  # on the lattice; its fixed nodes have their values
    statistics: SolveStatistics
    bound: NDArray[np.float64]  # at least |field − u|, node by node

    def bound_of(self, other: NDArray[np.floating]) -> NDArray[np.float64]:
        """At least |other − u|, node by node."""
        bound = other - self.field
        np.abs(bound, out=bound)
        bound += self.bound
        bound *= SLACK
        return bound


def corrected(field: NDArray[np.floating], equations: Equations) -> Corrected:
    """The field that proves how far another one is from the solution.

    Without fixed nodes in a uniform medium, transforms give the exact field, so any field is
    compared with it. Where little decays and nothing absorbs, no enclosure would be found; there
    the balance gives the mean of the field (`rounding_allowance`).

    Otherwise Newton steps, of which a linear problem is one, correct the field, and `enclosure`
    proves node by node how far the corrected field is from the solution. Steps follow until what is
    left of the error is a small share of what they corrected, so that the bound says how wrong the
    field is, and not how rough the proof.
    """
    if not equations.scale:  # nothing reaches a free node: 0 there
        zeros = np.zeros(field.shape)
        return Corrected(equations.hold(zeros.copy()), SolveStatistics("newton-cg", 0), zeros)
    if equations.problem.is_uniform and not equations.fixed.any():
        assert equations.production is not None
        exact = particular_field(equations, equations.production)
        bound = np.full(exact.shape, rounding_allowance(equations, exact) * SLACK)
        relative = float(bound.flat[0]) / (largest(exact) or 1.0)
        exact, bound = equations.leave(exact, bound)
        return Corrected(exact, SolveStatistics("transform", 0, reached=relative), bound)
    prediction = equations.enter(field.astype(np.float64, copy=False))
    run = NewtonRun(equations, prediction)
    bound = run.certify(prediction)
    exact, bound = equations.leave(run.rounded(), bound)  # whose rounding is in the bound already
    return Corrected(equations.hold(exact), run.statistics(), bound)


class Proof:
    """What proves bounds of the error of a field, when they are asked for.

    A `Solution` gives it its field and its equations. So a proof stores only what the run that made
    the field has left, and can be pickled. This one stores nothing, and corrects the field.
    """

    def error_bound(self, field: NDArray[np.floating], equations: Equations) -> float:
        """At least the largest |field − u|."""
        return float(self.node_bound(field, equations).max())

    def node_bound(self, field: NDArray[np.floating], equations: Equations) -> NDArray[np.float64]:
        """At least |field − u| node by node."""
        return corrected(field, equations).bound_of(field)


@dataclass(frozen=True, eq=False)
class KnownBounds(Proof):
    """Bounds that were proven together with their field, as enclosures are."""

    bound: NDArray[np.float64]

    def node_bound(self, field: NDArray, equations: Equations) -> NDArray[np.float64]:
        """See `Proof`."""
        return self.bound


@dataclass(frozen=True, eq=False)
class RingProof(Proof):
    """Of a field in a uniform medium, by the maximum principle.

    Before it got the fixed nodes' values, the field satisfied the equation on the free nodes but
    for rounding. A is an M-matrix, weakly diagonally dominant, so a field e with A e = 0 on the
    free nodes is nowhere larger than on the fixed nodes next to them, the ring (Varga 2000, §3.5;
    Ciarlet 1970). So the error is at most the mismatch on the ring and what rounding adds.
    """

    on_ring: NDArray[np.floating]  # (m,), its values on the ring before that
    # of the field, relative to its largest |value|. In double precision, a bound of this size
    # needn't be sharpened
    tolerance: float

    def error_bound(self, field: NDArray[np.floating], equations: Equations) -> float:
        """See `Proof`."""
        nodes = equations.ring.nodes
        before = field.astype(np.float64)
        before[nodes] = self.on_ring
        mismatch = largest(before[nodes] - equations.values[nodes])
        bound = mismatch + rounding_allowance(equations, before)
        # on the fixed nodes, whose values are rounded
        off = np.abs(equations.values - field).max(where=equations.fixed, initial=0.0)
        bound = max(bound, float(off)) * SLACK
        shown = self.on_ring if equations.production is None else field
        # single precision loosens this bound by orders, and without a ring the sharp one is cheap
        is_sharp = field.dtype == np.float64 and equations.ring.size
        if is_sharp and bound <= self.tolerance * largest(shown):
            return bound
        return min(bound, float(self.node_bound(field, equations).max()))
