"""The stencil: the equations of a medium by finite volumes, and the fixed nodes that they reach.

The steady state of ∇·(D∇u) − γu = 0, with fields D and γ, is discretised by finite volumes: across
the face between two neighbours flows κ (u_i − u_k), with the harmonic mean of their diffusivities

    κ = 2 D_i D_k / (D_i + D_k) / h²,

which is the exact flux between two half cells in series (Patankar 1980, §4.2-3). At an absorbing
wall the ghost node has the wall node's own D. Nothing flows through a reflecting wall. On a
periodic axis the last node and the first are neighbours. Constant D and γ give the equations of
`spectral`.

Every proof includes rounding. With the unit roundoff η of a precision, a sum of terms that go
through n roundings each is wrong by at most nη / (1 − nη) times the sum of their |values| (Higham
2002, §3.1). As n is below 100 here, one more roundoff covers the denominator, the computed sizes of
the terms and the product with nη. All numbers n are here, in `problem.uptake` and in
`families.shared_equations`; `tests/physics/proofs/test_roundings.py` counts them in the code.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import DTypeLike, NDArray

from diffkeras.physics.arguments import largest
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.sides import AxisBoundary, both_sides

EPSILON = float(np.finfo(np.float64).eps)  # 2η of double precision
EXTENDED = np.dtype(np.longdouble)  # where rounding to double precision is in the way

# Roundings of each term of A u, κ (u_i − u_k) and σ u_i, and one more: five of κ (h², D/h², and the
# harmonic mean), the difference, the product, and the sums with up to five other neighbours and
# σ u_i. σ has fewer, as each side takes the place of a neighbour.
STENCIL = 5 + 1 + 1 + 6 + 1
# The same of F (`equations`), but for φ's own: the sums with s and φ, and of |F| and its rounding.
EQUATION = STENCIL + 3
# What a bound is multiplied by for its last operations: a few differences, quotients, products and
# sums, none of which cancels, and conversions to double precision. They are fewer than 16.
SLACK = 1 + 8 * EPSILON

Index = tuple[Any, ...]


def rounding_of(number: float, precision: DTypeLike) -> float:
    """So many unit roundoffs of a precision."""
    return number * float(np.finfo(precision).eps) / 2


@dataclass(frozen=True, eq=False)
class FiniteVolumes:
    """The operator A of a medium on a lattice, (A u)_i = σ_i u_i + Σ_k κ_ik (u_i − u_k)."""

    # κ ≥ 0 between each node and the next along each axis, on the lattice; 0 beyond a wall
    couplings: tuple[NDArray[Any], ...]
    # σ ≥ 0 on the lattice, of decay and absorbing walls: A's row sums
    row_sums: NDArray[Any]

    def apply(self, field: NDArray) -> NDArray:
        """A u in the field's precision.

        The differences of neighbours lose no digits, which a rounded diagonal would (Alfa,
        Xue & Ye 2002 on why an M-matrix is known best by its row sums).
        """
        result = self.row_sums * field
        for one, other, flow in self._flows(field):
            result[one] += flow
            result[other] -= flow
        return result

    def apply_with_sizes(self, field: NDArray) -> tuple[NDArray, NDArray]:
        """A u, and the sum of its terms' absolute values, σ |u_i| + Σ κ |u_i − u_k|."""
        result = self.row_sums * field
        sizes = np.abs(result)
        for one, other, flow in self._flows(field):
            result[one] += flow
            result[other] -= flow
            np.abs(flow, out=flow)
            sizes[one] += flow
            sizes[other] += flow
        return result, sizes

    def apply_with_largest_size(self, field: NDArray) -> tuple[NDArray, float]:
        """A u, and at least that sum on any node, which takes half the time."""
        result = self.row_sums * field
        most = largest(result)
        for one, other, flow in self._flows(field):
            result[one] += flow
            result[other] -= flow
            most += 2 * largest(flow)
        return result, most

    def apply_rounded_down(self, field: NDArray, negligible: float = 0.0) -> NDArray:
        """At most A u, computed in the field's precision.

        Negligible roundings all count as the largest one, which takes half the time.
        """
        roundings = rounding_of(STENCIL + 1, field.dtype)  # one more of the differences here
        most = roundings * self.most_terms * largest(field)
        if most <= negligible:
            result = self.apply(field)
            result -= most
            return result
        result, sizes = self.apply_with_sizes(field)
        sizes *= roundings
        result -= sizes
        return result

    def _flows(self, field: NDArray) -> Iterator[tuple[Index, Index, NDArray]]:
        """Where nodes and their next ones are, and what flows between them."""
        for axis, coupling in reversed(list(enumerate(self.couplings))):
            one, other = along(axis, slice(None, -1)), along(axis, slice(1, None))
            flow = field[one] - field[other]
            # in place, unless the couplings have more digits
            in_place = np.result_type(flow, coupling) == flow.dtype
            yield one, other, np.multiply(flow, coupling[one], out=flow if in_place else None)
            first, last = along(axis, slice(0, 1)), along(axis, slice(-1, None))
            if (wrapped := coupling[last]).any():  # a periodic axis
                yield last, first, wrapped * (field[last] - field[first])

    def inflow(self, field: NDArray, nodes: Index) -> NDArray[np.float64]:
        """Σ_k κ_ik u_k at some nodes i, by their coordinates: what of A u their neighbours make.

        The only node of a periodic axis counts as its own neighbour.
        """
        result = np.zeros(nodes[0].size)
        for axis, coupling in enumerate(self.couplings):
            before, after = (_neighbours(nodes, axis, step, field.shape[axis]) for step in (-1, 1))
            result += coupling[before] * field[before]
            result += coupling[nodes] * field[after]
        return result

    @cached_property
    def diagonal(self) -> NDArray[np.float64]:
        """A's diagonal; the only node along a periodic axis is not coupled to itself."""
        result = self.row_sums.copy()
        for axis, coupling in reversed(list(enumerate(self.couplings))):
            if coupling.shape[axis] > 1:
                result += coupling
                result[along(axis, slice(1, None))] += coupling[along(axis, slice(None, -1))]
                result[along(axis, slice(0, 1))] += coupling[along(axis, slice(-1, None))]
        return result

    @cached_property
    def reach(self) -> float:
        """At least the couplings of any node with all its neighbours together."""
        return 2 * sum(float(coupling.max()) for coupling in self.couplings)

    @cached_property
    def most_terms(self) -> float:
        """At least the sum of all |terms| of A u on any node, over the largest |u|."""
        return float(self.row_sums.max()) + 2 * self.reach

    def on(self, free: NDArray[np.bool_]) -> "FiniteVolumes":
        """The equations of the free nodes, where the fixed ones are 0; rows of 0 on those."""
        if free.all():
            return self
        fixed = np.nonzero(~free)
        row_sums, couplings = self.row_sums.copy(), []
        for axis, coupling in enumerate(self.couplings):
            before, after = (_neighbours(fixed, axis, step, free.shape[axis]) for step in (-1, 1))
            # what flows to a fixed node counts in its neighbour's row sum
            row_sums[before] += coupling[before]
            row_sums[after] += coupling[fixed]
            kept = coupling.copy()
            kept[fixed] = 0.0
            kept[before] = 0.0
            couplings.append(kept)
        row_sums[fixed] = 0.0
        return FiniteVolumes(tuple(couplings), row_sums)

    def matrix(self, dtype: np.dtype) -> sp.dia_array:
        """A, (nodes, nodes), by its diagonals."""
        nodes = self.row_sums.size
        # couplings of each node with one that comes later, and by how many numbers
        parts: list[tuple[int, NDArray[np.float64]]] = []
        for axis, coupling in enumerate(self.couplings):
            side, stride = coupling.shape[axis], math.prod(coupling.shape[axis + 1 :])
            last = along(axis, -1)
            if side > 1 and coupling[last].any():  # periodic: the last node is coupled to the first
                inner, wrapped = coupling.copy(), np.zeros_like(coupling)
                inner[last] = 0.0
                wrapped[along(axis, 0)] = coupling[last]
                parts += [(stride, inner), ((side - 1) * stride, wrapped)]
            elif side > 1:
                parts.append((stride, coupling))
        distances = sorted({distance for distance, _ in parts})
        offsets = [0, *distances, *(-distance for distance in distances)]
        diagonals = np.zeros((len(offsets), nodes), dtype)
        diagonals[0] = self.diagonal.ravel()
        for distance, part in parts:
            above, below = (diagonals[offsets.index(sign * distance)] for sign in (1, -1))
            flat = part.ravel().astype(dtype, copy=False)
            # scipy stores an entry of a diagonal in its column's place
            above[distance:] -= flat[: nodes - distance]
            below -= flat
        return sp.dia_array((diagonals, offsets), shape=(nodes, nodes))


def _neighbours(nodes: Index, axis: int, step: int, side: int) -> Index:
    """The next nodes along an axis, whose first one follows the last."""
    return (*nodes[:axis], (nodes[axis] + step) % side, *nodes[axis + 1 :])


def along(axis: int, part: slice | int) -> Index:
    """The index of a part along an axis."""
    return (slice(None),) * axis + (part,)


class MediumNumbers(NamedTuple):
    """What the operator depends on of a medium, in any precision."""

    diffusivities: tuple[Any, ...]
    decay: Any
    step: Any
    side_kinds: tuple[AxisBoundary, ...]

    @classmethod
    def extended(cls, medium: Medium, decay: Any) -> "MediumNumbers":
        """A medium's in extended precision, with a decay in place of its own."""
        diffusivities = tuple(np.asarray(part, EXTENDED) for part in medium.diffusivities)
        return cls(
            diffusivities, EXTENDED.type(decay), EXTENDED.type(medium.step), medium.side_kinds
        )


def finite_volumes(
    lattice: tuple[int, ...],
    medium: Medium | MediumNumbers,
    unit: float = 1.0,
    couplings: tuple[NDArray[Any], ...] = (),
) -> FiniteVolumes:
    """The operator of a medium, divided by `unit`; couplings may be a similar medium's."""
    row_sums = np.empty(lattice, np.asarray(medium.step).dtype)
    row_sums[...] = medium.decay
    for axis, (part, name) in enumerate(zip(medium.diffusivities, medium.side_kinds, strict=True)):
        diffusivity = np.moveaxis(np.broadcast_to(part, lattice), axis, 0)
        for edge, side in zip((0, -1), both_sides(name), strict=True):
            if side == "absorbing":
                np.moveaxis(row_sums, axis, 0)[edge] += diffusivity[edge] / medium.step**2
    if unit != 1:
        row_sums /= unit
    if not couplings:
        couplings = tuple(_coupling(lattice, medium, axis) for axis in range(len(lattice)))
        if unit != 1:
            for coupling in couplings:
                coupling /= unit
    return FiniteVolumes(couplings, row_sums)


def _coupling(lattice: tuple[int, ...], medium: Medium | MediumNumbers, axis: int) -> NDArray[Any]:
    """The harmonic means of D/h² of the nodes and the next ones along an axis."""
    inner, last = along(axis, slice(None, -1)), along(axis, slice(-1, None))
    is_periodic = medium.side_kinds[axis] == "periodic"
    rate = np.asarray(medium.diffusivities[axis])
    if medium.step != 1:
        rate = rate / medium.step**2
    if rate.ndim:
        coupling = np.empty(lattice, rate.dtype)
        pairs = [(inner, along(axis, slice(1, None)))]
        pairs += [(last, along(axis, slice(0, 1)))] * is_periodic
        for one, other in pairs:
            mean = np.multiply(rate[one], rate[other], out=coupling[one])
            mean *= 2
            mean /= rate[one] + rate[other]
    else:
        coupling = np.full(lattice, rate)
    if not is_periodic:
        coupling[last] = 0.0
    return coupling


@dataclass(frozen=True, eq=False)
class Ring:
    """The fixed nodes that have a free neighbour; the other ones have no influence."""

    # (m,) coordinates along each axis, to index an array of the lattice
    nodes: tuple[NDArray[np.int32], ...]

    @property
    def size(self) -> int:
        """Number m of ring nodes."""
        return self.nodes[0].size

    def part(self, chosen: NDArray) -> "Ring":
        """The ring of some of the nodes, by their numbers or a mask."""
        return Ring(tuple(coordinates[chosen] for coordinates in self.nodes))


def find_ring(fixed: NDArray[np.bool_ | np.integer], boundaries: tuple[AxisBoundary, ...]) -> Ring:
    """The ring of a mask, in row-major order; of numbered sources, the ring of each alone."""
    # usually few nodes are fixed: asking their neighbours beats operations on whole masks
    numbers = np.flatnonzero(fixed)
    flat = fixed.ravel()
    own = flat.take(numbers)
    enclosed = np.ones(numbers.size, dtype=bool)
    coordinates: list[NDArray[np.int32]] = []
    rest, stride = numbers.astype(np.int32), 1
    for position in reversed(range(fixed.ndim)):
        side = fixed.shape[position]
        along = rest
        if position:
            rest, along = np.divmod(rest, np.int32(side))
        # at a wall the node itself, as no free node is beyond
        back = (side - 1) * stride if boundaries[position] == "periodic" else 0
        for last, step, to_first in ((0, -stride, back), (side - 1, stride, -back)):
            beyond = numbers + np.where(along == last, to_first, step)
            enclosed &= flat.take(beyond) == own
        coordinates.insert(0, along)
        stride *= side
    return Ring(tuple(coordinates)).part(~enclosed)
