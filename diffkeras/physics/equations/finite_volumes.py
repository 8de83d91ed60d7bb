"""The equations of a medium that varies from node to node, by finite volumes.

Where D and γ are fields, the steady state of ∇·(D∇u) − γu = 0 is discretised by finite volumes:
across the face between two neighbours flows κ (u_i − u_k), with the harmonic mean of their
diffusivities

    κ = 2 D_i D_k / (D_i + D_k) / h²,

which is the exact flux between two half cells in series (Patankar 1980, §4.2-3). At an absorbing
wall the ghost node has the wall node's own D. Nothing flows through a reflecting wall. On a
periodic axis the last node and the first are neighbours. Constant D and γ give the equations of
`spectral`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from diffkeras.physics.equations.rounding import STENCIL, rounding_of
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.sides import both_sides

Index = tuple[Any, ...]


@dataclass(frozen=True)
class FiniteVolumes:
    """The operator A of a medium on a lattice, (A u)_i = σ_i u_i + Σ_k κ_ik (u_i − u_k).

    Attributes:
        couplings: κ ≥ 0 between each node and the next along each axis, on the lattice; 0 beyond
            a wall.
        drain: σ ≥ 0 on the lattice, of decay and absorbing walls: A's row sums.
    """

    couplings: tuple[NDArray[np.float64], ...]
    drain: NDArray[np.float64]

    def apply(self, field: NDArray) -> NDArray:
        """A u in the field's precision, of fields (…, *lattice).

        The differences of neighbours lose no digits, which those of a rounded diagonal would (Alfa,
        Xue & Ye 2002 on why an M-matrix is known best by its row sums).
        """
        result = self.drain * field
        for one, other, flow in self._flows(field):
            result[one] += flow
            result[other] -= flow
        return result

    def apply_with_sizes(self, field: NDArray) -> tuple[NDArray, NDArray]:
        """A u, and the sum of its terms' absolute values, σ |u_i| + Σ κ |u_i − u_k|."""
        result = self.drain * field
        sizes = np.abs(result)
        for one, other, flow in self._flows(field):
            result[one] += flow
            result[other] -= flow
            np.abs(flow, out=flow)
            sizes[one] += flow
            sizes[other] += flow
        return result, sizes

    def apply_rounded_down(self, field: NDArray) -> NDArray:
        """At most A u, computed in the field's precision."""
        result, sizes = self.apply_with_sizes(field)
        sizes *= rounding_of(STENCIL + 2, field.dtype)  # two more of this difference
        result -= sizes
        return result

    def rounding(self, field: NDArray) -> NDArray:
        """At least the error of `apply` on each node, computed in the field's precision."""
        _, sizes = self.apply_with_sizes(field)
        sizes *= rounding_of(STENCIL, field.dtype)
        return sizes

    def _flows(self, field: NDArray) -> Iterator[tuple[Index, Index, NDArray]]:
        """Where nodes and their next ones are, and what flows between them."""
        for after, coupling in enumerate(reversed(self.couplings)):
            one, other = _along(slice(None, -1), after), _along(slice(1, None), after)
            flow = field[one] - field[other]
            # in place, unless the couplings have more digits
            in_place = np.result_type(flow, coupling) == flow.dtype
            yield one, other, np.multiply(flow, coupling[one], out=flow if in_place else None)
            first, last = _along(slice(0, 1), after), _along(slice(-1, None), after)
            if (wrapped := coupling[last]).any():  # a periodic axis
                yield last, first, wrapped * (field[last] - field[first])

    def diagonal(self) -> NDArray[np.float64]:
        """A's diagonal; the only node along a periodic axis is not coupled to itself."""
        result = self.drain.copy()
        for axis, coupling in enumerate(self.couplings):
            if coupling.shape[axis] > 1:
                result += coupling
                result += np.roll(coupling, 1, axis)
        return result

    @cached_property
    def reach(self) -> float:
        """At least the couplings of any node with all its neighbours together."""
        return 2 * sum(float(coupling.max()) for coupling in self.couplings)

    def on(self, free: NDArray[np.bool_]) -> "FiniteVolumes":
        """The equations of the free nodes, where the fixed ones are 0; rows of 0 on those."""
        if free.all():
            return self
        drain, couplings = self.drain.copy(), []
        for axis, coupling in enumerate(self.couplings):
            kept = coupling.copy()
            kept *= free
            kept *= np.roll(free, -1, axis)
            # what flows to a fixed node is a drain of its neighbour
            lost = coupling - kept
            drain += lost
            drain += np.roll(lost, 1, axis)
            couplings.append(kept)
        drain *= free
        return FiniteVolumes(tuple(couplings), drain)

    def matrix(self, dtype: np.dtype) -> sp.dia_array:
        """A, (nodes, nodes), by its diagonals."""
        lattice, nodes = self.drain.shape, self.drain.size
        diagonals = {0: self.diagonal().ravel().astype(dtype)}
        for axis, coupling in enumerate(self.couplings):
            inner, wrapped = coupling.astype(dtype), np.zeros(0, dtype)
            last = np.moveaxis(inner, axis, 0)[-1]
            if last.any():  # periodic: the last node is coupled to the first
                wrapped = np.zeros_like(inner)
                np.moveaxis(wrapped, axis, 0)[0] = last
                last[...] = 0.0
            stride = math.prod(lattice[axis + 1 :])
            for part, distance in ((inner, stride), (wrapped, (lattice[axis] - 1) * stride)):
                if distance and part.any():
                    # scipy stores an entry of a diagonal in its column's place
                    above = diagonals.setdefault(distance, np.zeros(nodes, dtype))
                    above[distance:] -= part.ravel()[: nodes - distance]
                    below = diagonals.setdefault(-distance, np.zeros(nodes, dtype))
                    below -= part.ravel()
        return sp.dia_array((np.stack([*diagonals.values()]), [*diagonals]), shape=(nodes, nodes))

    def free_system(
        self, values: NDArray[np.float64], fixed: NDArray[np.bool_]
    ) -> tuple[sp.csr_array, NDArray[np.float64]]:
        """The equations A u = b of the f free nodes, row by row."""
        numbers = np.arange(values.size).reshape(values.shape)
        starts = [numbers.ravel()] * values.ndim
        ends = [np.roll(numbers, -1, axis).ravel() for axis in range(values.ndim)]
        one = np.concatenate([*starts, *ends])
        other = np.concatenate([*ends, *starts])
        coupling = np.concatenate([c.ravel() for c in self.couplings] * 2)
        free = ~fixed.ravel()
        count = int(free.sum())
        place = np.cumsum(free) - 1
        inner = free[one] & free[other] & (coupling > 0) & (one != other)
        off_diagonal = sp.coo_array(
            (-coupling[inner], (place[one[inner]], place[other[inner]])), shape=(count, count)
        )
        matrix = (off_diagonal + sp.diags_array(self.diagonal()[~fixed])).tocsr()
        rim = free[one] & ~free[other]
        inflow = coupling[rim] * values.ravel()[other[rim]]
        return matrix, np.bincount(place[one[rim]], inflow, count).astype(np.float64)


def _along(part: slice, after: int) -> Index:
    """The index of a part of the axis that has `after` axes after it."""
    return (..., part, *(slice(None),) * after)


def finite_volumes(
    lattice: tuple[int, ...],
    medium: Medium,
    unit: float = 1.0,
    couplings: tuple[NDArray[np.float64], ...] = (),
) -> FiniteVolumes:
    """The operator of a medium, which is uniform or of the lattice's shape, divided by `unit`.

    `couplings` are those of a medium with the same diffusivity, step and boundaries, if there is
    one.
    """
    drain = np.empty(lattice)
    drain[...] = medium.decay
    for axis, (part, name) in enumerate(zip(medium.diffusivities, medium.boundaries, strict=True)):
        rate = np.broadcast_to(np.asarray(part) / medium.step**2, lattice)
        for edge, side in zip((0, -1), both_sides(name), strict=True):
            if side == "absorbing":
                np.moveaxis(drain, axis, 0)[edge] += np.moveaxis(rate, axis, 0)[edge]
    if unit != 1:
        drain /= unit
    return FiniteVolumes(couplings or _couplings(lattice, medium, unit), drain)


def _couplings(
    lattice: tuple[int, ...], medium: Medium, unit: float
) -> tuple[NDArray[np.float64], ...]:
    couplings = []
    for axis, (part, name) in enumerate(zip(medium.diffusivities, medium.boundaries, strict=True)):
        rate = np.asarray(part) / medium.step**2
        if rate.ndim:
            following = np.roll(rate, -1, axis)
            coupling = rate * following
            coupling *= 2
            following += rate
            coupling /= following  # the harmonic mean
        else:
            coupling = np.full(lattice, rate)
        if name != "periodic":
            np.moveaxis(coupling, axis, 0)[-1] = 0.0
        if unit != 1:
            coupling /= unit
        couplings.append(coupling)
    return tuple(couplings)
