"""Bounds of the error of one image's field.

Any field is proven by an enclosure between a sub- and a supersolution (`enclosure`). Two kinds of
fields in uniform media need none, because they satisfy the equation on the free nodes but for
rounding, which is bounded after the fact (`rounding`): those of a production without fixed nodes,
and those of the ring methods.
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import SLACK
from diffkeras.physics.proofs.rounding import rounding_allowance
from diffkeras.physics.real_arrays import largest
from diffkeras.physics.solvers.interface import SolveStatistics
from diffkeras.physics.solvers.newton import NewtonRun
from diffkeras.physics.solvers.production import particular_field


class Proof(Protocol):
    """What proves bounds of the error of a field, when they are asked for.

    A `Solution` holds one and gives it its field and its equations, both of one image. So a proof
    has what it knows of the run that made the field and nothing else, and can go from one process
    to another.
    """

    def error_bound(self, field: NDArray[np.floating], equations: Equations) -> float:
        """At least the largest |field − u|."""

    def node_bound(self, field: NDArray[np.floating], equations: Equations) -> NDArray[np.float64]:
        """At least |field − u| node by node."""


class KnownBounds(NamedTuple):
    """Bounds that were proven together with their field, as enclosures are."""

    bound: NDArray[np.float64]

    def error_bound(self, field: NDArray, equations: Equations) -> float:
        """See `Proof`."""
        return float(self.bound.max())

    def node_bound(self, field: NDArray, equations: Equations) -> NDArray[np.float64]:
        """See `Proof`."""
        return self.bound


class RingProof(NamedTuple):
    """Of a field in a uniform medium, by the maximum principle: a `Proof`.

    Before it got the fixed nodes' values, the field satisfied the equation on the free nodes but
    for rounding. A is an M-matrix, weakly diagonally dominant, so a field e with A e = 0 on the
    free nodes is nowhere larger than on the fixed nodes next to them, the ring (Varga 2000, §3.5;
    Ciarlet 1970). So the error is at most the mismatch on the ring and what rounding adds.

    Attributes:
        on_ring: (m,), its values on the ring before that.
        tolerance: of the field, relative to its largest |value|. In double precision, a bound of
            this size needn't be sharpened.
    """

    on_ring: NDArray[np.floating]
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

    def node_bound(self, field: NDArray[np.floating], equations: Equations) -> NDArray[np.float64]:
        """See `Proof`."""
        return bounds_of(field.astype(np.float64, copy=False), equations).node_bound


class Bounds(NamedTuple):
    """What a proof finds for one image.

    Attributes:
        node_bound: (rows, columns), at least |field − u| of the field that it was asked about.
        corrected: (rows, columns), the corrected field; its fixed nodes have their values.
        corrected_bound: (rows, columns), at least |corrected − u|.
        stats: how it was corrected.
    """

    node_bound: NDArray[np.float64]
    corrected: NDArray[np.float64]
    corrected_bound: NDArray[np.float64]
    stats: SolveStatistics

    @classmethod
    def of(
        cls,
        field: NDArray[np.float64],
        corrected: NDArray[np.float64],
        corrected_bound: NDArray[np.float64],
        stats: SolveStatistics,
    ) -> "Bounds":
        """The bound of the field by that of the corrected one."""
        node_bound = field - corrected
        np.abs(node_bound, out=node_bound)
        node_bound += corrected_bound
        node_bound *= SLACK
        return cls(node_bound, corrected, corrected_bound, stats)


def bounds_of(field: NDArray[np.float64], equations: Equations) -> Bounds:
    """The bounds of any field of one image, and a corrected field with its own."""
    fixed, scale = equations.fixed, equations.scale
    if not scale:  # nothing reaches a free node: 0 there
        exact = np.where(fixed, equations.values, 0.0)
        return Bounds.of(field, exact, np.zeros(field.shape), SolveStatistics("newton-cg", 0))
    if equations.problem.is_uniform and not fixed.any():
        return _by_transforms(equations, field)
    return _by_enclosure(equations, field)


def _by_transforms(equations: Equations, field: NDArray[np.float64]) -> Bounds:
    """Without fixed nodes, transforms give the exact field, so any field is compared with it.

    Where little decays and nothing absorbs, no enclosure would be found. There the balance gives
    the mean of the field (`rounding`).
    """
    assert equations.production is not None
    exact = particular_field(equations, equations.production)
    bound = np.full(field.shape, rounding_allowance(equations, exact) * SLACK)
    relative = float(bound.flat[0]) / (largest(exact) or 1.0)
    return Bounds.of(field, exact, bound, SolveStatistics("transform", 0, reached=relative))


def _by_enclosure(equations: Equations, field: NDArray[np.float64]) -> Bounds:
    """An enclosure of a corrected field.

    Newton steps, of which a linear problem is one, correct the field, and `enclosure` proves node
    by node how far the corrected field is from the solution. Steps follow until what is left of the
    error is a small share of what they corrected, so that the bound says how wrong the field is,
    and not how rough the proof.
    """
    scale = equations.scale
    prediction = field if scale == 1 else field / scale
    run = NewtonRun(equations, prediction)
    bound = run.certify(prediction)
    bound *= scale * SLACK
    corrected = run.rounded()
    corrected *= scale  # whose rounding is in the bound already
    np.copyto(corrected, equations.values, where=equations.fixed)
    return Bounds.of(field, corrected, bound, run.statistics(float(bound.max()) / scale))
