"""The preconditioner of the ring system: from ring values to densities that nearly give them.

G is the covariance of a Gaussian free field with the precision matrix A, and such fields screen:
conditioned on nearby ring nodes, distant ones add almost no information. So the inverse Cholesky
factor of G is nearly sparse, and small dense systems give the best factor L of a given pattern
(block-wise factorised sparse approximate inverse, Kolotilina & Yeremin 1993; optimal in the
Kullback-Leibler sense, Schäfer, Katzfuss & Owhadi 2021):

    G⁻¹ ≈ LᵀL,    the rows of block I: the last rows of C⁻¹ with G_SS = C Cᵀ, S = near blocks, I.

LᵀL is symmetric positive definite for any pattern, as conjugate gradients require. Bisection groups
nearby nodes into blocks, of any mask. The blocks are ordered from coarse to fine,
and the pattern of a block consists of its nine nearest blocks, itself included, as far as they come
before it; the first blocks have few or none.

The small systems take G from a window of the lattice, whose walls are some hundred nodes away. Its
table is cheap. It is exact if the lattice fits into it, and otherwise its walls are screened too.

Where no axis absorbs, the mode of constant fields has the same weight in every entry of G, however
far apart the nodes are. There G = G₀ + s·11ᵀ with the matrix G₀ of the deflated operator
(`spectral`), which LᵀL does approximate, and the formula of Sherman & Morrison (1950) gives the
inverse. Where the operator itself is deflated, so is G, and the constant is found separately.

In three dimensions rings are surfaces. A node has many near ones there, and the sparse factors that
serve in the plane would be large. But most sources are compact, and the field of one is
smooth at the others. So with blocks of near nodes, usually whole sources,

    G ≈ D + P F Pᵀ,    D: G within each block,    F: G between the centres of different blocks,

with a column of ones for each block in P. Blocks that are alone and have the value 1 have
the densities D⁻¹P, and their sums C = PᵀD⁻¹P are the blocks' capacities. With V = D⁻¹P C^(−½),
Woodbury's formula gives

    G⁻¹ ≈ D⁻¹ − V (1 − (1 + S)⁻¹) Vᵀ,    S = C^(½) F C^(½).

It is symmetric, and positive definite if 1 + S is, which Cholesky's method tells. Blocks of one
shape share their part of D⁻¹, if no wall is near.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotri, dtrtrs, spotrf, spotri, spotrs

from diffkeras.physics.linear.finite_volumes import Ring
from diffkeras.physics.linear.spectral import SpectralOperator, spectral_operator
from diffkeras.physics.problem.medium import Medium

# Most nodes of a block, and of the ring of a source that stays in one block
RIMS = (32, 96)
SURFACES = (256, 1024)
NEAR_BLOCKS = 9
MOST_BLOCKS = 2048  # whose dense system takes as long as some transforms
WALL_REACH = 2  # up to which a wall changes the field of a block much
WINDOW_SIDE = 511  # its transforms have the length 2·512
# Most nodes between the centres of a block's sources along an axis. No source reaches further from
# its centre than its rim has nodes, so a block is well inside its window.
REACH = 128


class RingPreconditioner:
    """M⁻¹, symmetric positive definite."""

    def __init__(self, operator: SpectralOperator, ring: Ring) -> None:
        self._inverse: SparseInverse | BlockInverse | None = None
        self._of_ones: NDArray[np.float64] | None = None
        if ring.size == 0:
            return
        if not operator.medium.is_closed or operator.is_deflated:
            self._inverse = _inverse(operator, ring)
            return
        others = spectral_operator(operator.lattice, operator.medium, deflate=True)
        self._inverse = _inverse(others, ring)
        self._of_ones = self._inverse.apply(np.ones(ring.size, np.float32)).astype(np.float64)
        self._share = 1 / (others.inverse_weight + self._of_ones.sum())

    def __call__(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Densities (m,) for values (m,) on the ring, in the values' precision."""
        if self._inverse is None:
            return values.copy()
        # scaled, so that the end of a long iteration doesn't underflow in single precision
        scale = np.abs(values).max() or 1.0
        single = self._inverse.apply((values / scale).astype(np.float32))
        densities = single.astype(values.dtype) * scale
        if self._of_ones is not None:
            densities -= (self._share * densities.sum() * self._of_ones).astype(densities.dtype)
        return densities


def _inverse(operator: SpectralOperator, ring: Ring) -> "SparseInverse | BlockInverse":
    if len(operator.lattice) == 2:
        return SparseInverse(operator, ring)
    return BlockInverse(operator, ring, _blocks(ring, operator.lattice, *SURFACES))


class SparseInverse:
    """LᵀL ≈ G⁻¹ of a ring."""

    def __init__(self, operator: SpectralOperator, ring: Ring) -> None:
        from scipy.spatial import cKDTree  # small rings don't wait for its import

        window = Window.of(operator)
        blocks = _blocks(ring, operator.lattice, *RIMS, reach=window.reach)
        entries, columns, starts = [], [], np.zeros(ring.size + 1, dtype=np.int64)
        centres = np.array([[i[block].mean() for i in ring.nodes] for block in blocks])
        box = np.array([axis.nodes * (axis.boundary == "periodic") for axis in operator.axes])
        tree = cKDTree(centres, boxsize=box)
        _, near = tree.query(centres, k=range(1, min(NEAR_BLOCKS, len(blocks)) + 1))
        for number, (block, row) in enumerate(zip(blocks, np.asarray(near), strict=True)):
            before = row[row < number][::-1]  # the nearest blocks that come before it
            nodes = np.concatenate([*(blocks[other] for other in before), block])
            rows = _last_rows_of_inverse_factor(window, ring, nodes, block.size)
            entries.append((block, rows))
            columns.append(nodes)
            starts[block + 1] = nodes.size
        np.cumsum(starts, out=starts)
        data = np.empty(starts[-1], dtype=np.float32)
        indices = np.empty(starts[-1], dtype=np.int32)
        for (block, rows), nodes in zip(entries, columns, strict=True):
            places = starts[block][:, None] + np.arange(nodes.size)
            data[places] = rows
            indices[places] = nodes
        # L, lower triangular in the blocks' order
        self.factor = sp.csr_array((data, indices, starts), shape=(ring.size, ring.size))
        self._transposed = self.factor.T

    def apply(self, single: NDArray[np.float32]) -> NDArray[np.float32]:
        """LᵀL r, (m,), in single precision."""
        return self._transposed @ (self.factor @ single)


@dataclass(frozen=True, eq=False)
class _Alike:
    """Blocks of one shape."""

    nodes: NDArray[np.intp]  # (blocks, n), their numbers in the ring
    inverse: NDArray[np.float32]  # D⁻¹ of each, (n, n)
    capacity: float  # C of each
    density: NDArray[np.float32]  # V of each, (n,)

    @classmethod
    def of(cls, operator: SpectralOperator, ring: Ring, blocks: list[NDArray[np.intp]]) -> "_Alike":
        nodes = ring.part(blocks[0]).nodes
        factor, failed = operator.green_factor(nodes, np.float32)
        if not failed:
            triangle, _ = spotri(factor, overwrite_c=True)
        else:
            factor, _ = operator.green_factor(nodes)
            triangle, _ = dpotri(factor, overwrite_c=True)
        inverse = np.triu(triangle.astype(np.float32, copy=False))
        inverse += np.triu(inverse, 1).T
        density = inverse.sum(axis=1)
        capacity = float(density.sum())
        return cls(np.stack(blocks), inverse, capacity, density / np.float32(np.sqrt(capacity)))


class BlockInverse:
    """About G⁻¹ of a ring, from blocks of its nodes that cover it."""

    def __init__(
        self, operator: SpectralOperator, ring: Ring, blocks: list[NDArray[np.intp]]
    ) -> None:
        groups: dict[bytes, list[NDArray[np.intp]]] = {}
        for block in blocks:
            groups.setdefault(_shape(operator, ring, block), []).append(block)
        self._groups = [_Alike.of(operator, ring, group) for group in groups.values()]
        self._factor: NDArray[np.float32] | None = None
        if 1 < len(blocks) <= MOST_BLOCKS:
            self._factor = self._between_blocks(operator, ring)

    def apply(self, single: NDArray[np.float32]) -> NDArray[np.float32]:
        """About G⁻¹r, (m,), in single precision."""
        result = np.empty_like(single)
        for group in self._groups:
            result[group.nodes] = single[group.nodes] @ group.inverse
        if self._factor is not None:
            shares = np.concatenate([single[group.nodes] @ group.density for group in self._groups])
            solved, _ = spotrs(self._factor, shares)
            shares -= solved
            start = 0
            for group in self._groups:
                part = shares[start : (start := start + len(group.nodes))]
                result[group.nodes] -= part[:, None] * group.density
        return result

    def _between_blocks(self, operator: SpectralOperator, ring: Ring) -> NDArray[np.float32] | None:
        """Cholesky's factor of 1 + S, (blocks, blocks); None if that isn't positive definite."""
        centres = [
            np.concatenate([i[group.nodes].mean(axis=1).round() for group in self._groups])
            for i in ring.nodes
        ]
        centre = Ring(tuple(i.astype(np.int32) for i in centres))
        matrix = np.tril(operator.green_matrix(centre.nodes, np.float32))
        roots = np.concatenate(
            [np.full(len(group.nodes), np.sqrt(group.capacity)) for group in self._groups]
        ).astype(np.float32)
        matrix *= roots[:, None]
        matrix *= roots
        np.fill_diagonal(matrix, 1.0)
        factor, failed = spotrf(matrix.T, overwrite_a=True)
        return None if failed else factor


def _shape(operator: SpectralOperator, ring: Ring, block: NDArray[np.intp]) -> bytes:
    """The same for blocks of one shape that have no wall near, or have it at one distance."""
    parts = []
    for coordinates, axis in zip(ring.part(block).nodes, operator.axes, strict=True):
        low, high = coordinates.min(), coordinates.max()
        parts.append(coordinates - low)
        if axis.boundary != "periodic":
            parts.append(np.minimum([low, axis.nodes - 1 - high], WALL_REACH).astype(np.int32))
    return np.concatenate(parts).tobytes()


@dataclass(frozen=True, eq=False)
class Window:
    """A part of the lattice that stands for all of it, near a group of nodes."""

    # A on the window; its walls are the lattice's where the lattice is in reach
    operator: SpectralOperator
    lattice: tuple[int, ...]  # the sides of the lattice
    # whether the lattice is periodic along each axis, while the window is not
    wraps: tuple[bool, ...]

    @classmethod
    def of(cls, operator: SpectralOperator) -> "Window":
        """The window of a lattice."""
        whole, medium = operator.lattice, operator.medium
        sides = tuple(min(nodes, WINDOW_SIDE) for nodes in whole)
        wraps = tuple(
            name == "periodic" and side < nodes
            for name, side, nodes in zip(medium.side_kinds, sides, whole, strict=True)
        )
        if sides == whole:
            return cls(operator, whole, wraps)
        pairs = zip(wraps, medium.side_kinds, strict=True)
        boundaries = tuple("absorbing" if is_cut else name for is_cut, name in pairs)
        window = Medium(medium.diffusivity, medium.decay, medium.step, boundaries)
        return cls(spectral_operator(sides, window, operator.is_deflated), whole, wraps)

    @property
    def reach(self) -> float:
        """Most nodes between the sources of a block, see `REACH`."""
        return math.inf if self.operator.lattice == self.lattice else REACH

    def place(
        self, ring: Ring, nodes: NDArray[np.intp], count: int
    ) -> tuple[Ring, NDArray[np.bool_]]:
        """Some of the ring's nodes in the window's coordinates, and which of them fall inside.

        The last `count` nodes, which form a block, always do.
        """

        def middle_of(coordinates: NDArray[np.integer]) -> int:
            return (int(coordinates.min()) + int(coordinates.max())) // 2

        placed, inside = [], np.ones(nodes.size, dtype=bool)
        for axis, coordinates in enumerate(ring.part(nodes).nodes):
            side, whole = self.operator.lattice[axis], self.lattice[axis]
            middle = middle_of(coordinates[-count:])
            if self.wraps[axis]:
                local = (coordinates - middle + whole // 2) % whole
                local = local - (whole // 2 - side // 2)
            elif side < whole:
                if np.ptp(coordinates) < side:
                    middle = middle_of(coordinates)
                local = coordinates - min(max(middle - side // 2, 0), whole - side)
            else:
                local = coordinates
            inside &= (local >= 0) & (local < side)
            placed.append(local.astype(np.int32))
        return Ring(tuple(placed)).part(inside), inside


def _last_rows_of_inverse_factor(
    window: Window, ring: Ring, nodes: NDArray[np.intp], count: int
) -> NDArray[np.float32]:
    """The last `count` rows of C⁻¹, (count, nodes), of G = C Cᵀ on some nodes of the ring."""
    placed, inside = window.place(ring, nodes, count)
    factor, _ = window.operator.green_factor(placed.nodes)  # Cᵀ
    last = np.zeros((placed.size, count), order="F")
    last[np.arange(placed.size - count, placed.size), np.arange(count)] = 1.0
    solved, _ = dtrtrs(factor, last, lower=0, overwrite_b=True)
    rows = np.zeros((count, nodes.size), dtype=np.float32)
    rows[:, inside] = solved.T
    return rows


def _blocks(
    ring: Ring, lattice: tuple[int, ...], most: int, whole: int, reach: float = math.inf
) -> list[NDArray[np.intp]]:
    """The ring's nodes in blocks of near ones, ordered from coarse to fine.

    A block has at most `most` nodes, and its sources are at most `reach` apart along each axis. But
    a connected source of up to `whole` nodes stays in one block, as its nodes screen each other
    most.
    """
    source, points = _sources(ring, lattice, whole)
    blocks: list[NDArray[np.intp]] = []
    waiting = [np.arange(ring.size)]
    while waiting:
        nodes = waiting.pop()
        extents = np.ptp(points.take(nodes, axis=1), axis=1)
        halves = None
        if nodes.size > most or extents.max() > reach:
            halves = _halves(nodes, source, points[extents.argmax()])
        if halves is None:
            blocks.append(nodes)
        else:
            waiting += halves
    # bisection depth first gives them along a curve, which reversed bits leave
    bits = max(len(blocks) - 1, 1).bit_length()
    order = (int(f"{number:0{bits}b}"[::-1], 2) for number in range(1 << bits))
    return [blocks[number] for number in order if number < len(blocks)]


def _sources(
    ring: Ring, lattice: tuple[int, ...], whole: int
) -> tuple[NDArray[np.integer], NDArray[np.float64]]:
    """The source of each ring node, (m,), and where it is taken to be, (dimensions, m).

    That is the centre of its source, but of a source of more than `whole` nodes, each counts for
    itself.
    """
    from scipy.ndimage import label  # small rings don't wait for its import

    mask = np.zeros(lattice, dtype=bool)
    mask[ring.nodes] = True
    labels, count = label(mask, structure=np.ones((3,) * mask.ndim))
    source = labels[ring.nodes]
    sizes = np.bincount(source, minlength=count + 1)
    small = sizes[source] <= whole
    points = np.stack(ring.nodes).astype(np.float64)
    for coordinates in points:
        centres = np.bincount(source, coordinates, minlength=count + 1) / np.maximum(sizes, 1)
        coordinates[small] = centres[source[small]]
    source[~small] = count + 1 + np.arange(np.count_nonzero(~small))
    return source, points


def _halves(
    nodes: NDArray[np.intp], source: NDArray[np.integer], along: NDArray[np.float64]
) -> list[NDArray[np.intp]] | None:
    """The nodes, cut between two sources near the middle of an axis; None if there is one only."""
    nodes = nodes[np.lexsort((source[nodes], along[nodes]))]
    cuts = np.flatnonzero(np.diff(source[nodes])) + 1
    if cuts.size == 0:
        return None
    cut = cuts[np.abs(cuts - nodes.size // 2).argmin()]
    return [nodes[:cut], nodes[cut:]]
