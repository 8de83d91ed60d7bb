"""Proofs of bounds of the error.

Any field is proven by an enclosure between a sub- and a supersolution (`proofs.enclosure`). Fields
that `steady.uniform` has solved need none: they satisfy the equation on the free nodes but for
rounding (`proofs.rounding`).
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.equations import Equations
from diffkeras.physics.linear.finite_volumes import SLACK
from diffkeras.physics.proofs.rounding import rounding_allowance


class Proof:
    """What proves bounds of the error of a field, when they are asked for.

    A `Solution` gives it its field and its equations. So a proof stores only what the run that made
    the field has left, and can be pickled.
    """

    def error_bound(self, field: NDArray[np.floating], equations: Equations) -> float:
        """At least the largest |field − u|."""
        return float(self.node_bound(field, equations).max())

    def node_bound(self, field: NDArray[np.floating], equations: Equations) -> NDArray[np.float64]:
        """At least |field − u| node by node."""
        raise NotImplementedError


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

    Before it got the fixed nodes' values, if any, the field satisfied the equation on the free
    nodes but for rounding. A is an M-matrix, weakly diagonally dominant, so a field e with A e = 0
    on the free nodes is nowhere larger than on the fixed nodes next to them, the ring (Varga 2000,
    §3.5; Ciarlet 1970). So the error is at most the mismatch on the ring and what rounding adds.
    """

    on_ring: NDArray[np.float64]  # (m,), its values on the ring before that
    tolerance: float  # of the field, relative to its largest |value|: a larger bound is sharpened
    # what bounds a field node by node by its equations, if this bound is too large
    sharpen: Callable[[NDArray[np.floating], Equations], NDArray[np.float64]]

    def error_bound(self, field: NDArray[np.floating], equations: Equations) -> float:
        """See `Proof`."""
        return float(np.max(self._on_free_nodes(field, equations)))

    def node_bound(self, field: NDArray[np.floating], equations: Equations) -> NDArray[np.float64]:
        """See `Proof`."""
        return np.where(equations.free, self._on_free_nodes(field, equations), 0.0)

    def _on_free_nodes(
        self, field: NDArray[np.floating], equations: Equations
    ) -> NDArray[np.float64] | float:
        """One bound for all free nodes, or one for each where that is above the tolerance."""
        nodes, before = equations.ring.nodes, field.astype(np.float64, copy=False)
        if self.on_ring.size:  # values inside fixed regions play no part
            before = np.where(equations.free, field, 0.0)
            before[nodes] = self.on_ring
        mismatch = largest(self.on_ring - equations.values[nodes])
        bound: NDArray | float = (mismatch + rounding_allowance(equations, before)) * SLACK
        size = largest(self.on_ring if equations.production is None else field)
        if self.on_ring.size and bound > self.tolerance * size:
            with suppress(ConvergenceError):
                bound = np.minimum(bound, self.sharpen(field, equations))
        return bound
