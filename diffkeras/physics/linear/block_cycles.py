"""A multigrid cycle of blocks of nodes, for equations that vary.

Each level's nodes are blocks of the next finer level, two nodes long along each axis. The row sum
of a block is the sum of its nodes', and the coupling of two blocks is half the sum of the couplings
across their common side: the distance of two blocks is twice the distance of nodes (Braess 1995;
Notay 2010). So any map of diffusivity and decay, and fixed nodes of any shape, give equations of
neighbours on all levels by sums of arrays, which take no time to set up. A cycle smooths by Jacobi
steps and interpolates linearly. The steps are damped by the roots of a Chebyshev polynomial, which
is small for the rough errors: those with D⁻¹A ≥ 0.3 on the finest level and 0.2 on the others, D
being A's diagonal and D⁻¹A at most 2. The polynomial is below 1 in absolute value on all of (0, 2],
so that the cycle is symmetric positive definite in any medium (Adams, Brezina, Hu & Tuminaro 2003).
`nn.equation.multigrid` has a similar cycle with learned numbers, in two dimensions.

With it, conjugate gradients (`cg`) converge in about five iterations in tissues, whose diffusivity
is constant over regions. Where it jumps by orders of magnitude from node to node, algebraic
multigrid is better (`direct`).
"""

import copy
import math
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from diffkeras.physics.linear.finite_volumes import FiniteVolumes, along

FACTOR = 0.5  # what the couplings of blocks are multiplied by
OWN_SHARE, NEXT_SHARE = 0.75, 0.25  # of a node's block, and of the block next to it
MOST_NODES_INVERTED = 100
SINGLE = np.dtype(np.float32)


def _chebyshev(steps: int, rough: float) -> list[float]:
    """The damping of Jacobi steps: reciprocal roots of the polynomial for [rough, 2]."""
    angles = (2 * np.arange(steps) + 1) * np.pi / (2 * steps)
    roots = (2 + rough) / 2 + (2 - rough) / 2 * np.cos(angles)
    return [1 / float(root) for root in roots]


FINEST, COARSER = _chebyshev(2, 0.3), _chebyshev(3, 0.2)


class BlockCycle:
    """A V-cycle for the equations of the free nodes: about A⁻¹r, for r (n,) on all n nodes."""

    def __init__(self, volumes: FiniteVolumes) -> None:
        """Set the levels up for equations that `FiniteVolumes.on` gives."""
        self._levels = [_Level(volumes, FINEST)]
        nodes = self._levels[0].free.reshape(volumes.row_sums.shape)
        while volumes.row_sums.size > MOST_NODES_INVERTED:
            couplings = (_between_blocks(c, axis) for axis, c in enumerate(volumes.couplings))
            volumes = FiniteVolumes(tuple(couplings), _sums(volumes.row_sums))
            nodes = _sums(nodes)
            self._levels.append(_Level(volumes, COARSER))
        self._nodes = nodes.ravel()  # how many free ones the coarsest blocks have
        # in double precision: a slow decay is a small share of the diagonal
        self._dense = volumes.matrix(np.dtype(np.float64)).toarray()
        self._inverse = _inverse(self._dense)

    def plus(self, added: NDArray[np.float64], spare: "BlockCycle | None" = None) -> "BlockCycle":
        """The cycle of A + diag(added), `added` being on the lattice, and 0 on fixed nodes.

        An earlier result that is no longer needed, `spare`, is changed into the new one.
        """
        other = spare or copy.copy(self)
        others = [None] * len(self._levels) if spare is None else spare._levels
        other._levels = []
        for level, old in zip(self._levels, others, strict=True):
            other._levels.append(level.plus(added.ravel(), old))
            added, last = _sums(added), added
        other._inverse = _inverse(self._dense + np.diag(last.ravel()))
        return other

    @property
    def matrix(self) -> sp.dia_array:
        """A, sparse (n, n) in single precision."""
        return self._levels[0].matrix

    @property
    def height(self) -> float:
        """About the largest of A⁻¹1 [time], by the coarsest level."""
        return max(float((self._inverse @ self._nodes).max()), 0.0)

    @np.errstate(over="ignore", invalid="ignore")
    def __call__(self, residual: NDArray) -> NDArray:
        """The correction (n,) in the residual's precision."""
        correction = self._cycle(0, residual.astype(SINGLE, copy=False))
        return correction.astype(residual.dtype, copy=False)

    def _cycle(self, number: int, right_hand_side: NDArray) -> NDArray:
        if number == len(self._levels) - 1:
            return self._inverse @ right_hand_side
        level = self._levels[number]
        first, *others = level.smoothing
        field = first * right_hand_side
        for smoothing in others:
            level.smooth(field, right_hand_side, smoothing)
        residual = level.residual(field, right_hand_side)
        residual *= level.free
        correction = level.interpolate(self._cycle(number + 1, level.restrict(residual)))
        correction *= level.free
        field += correction
        for smoothing in reversed(level.smoothing):
            level.smooth(field, right_hand_side, smoothing)
        return field


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    matrix = matrix + np.diag(matrix.diagonal() == 0)  # blocks of fixed nodes
    try:
        return np.linalg.inv(matrix).astype(SINGLE)
    except np.linalg.LinAlgError:  # singular: conjugate gradients won't converge
        return np.zeros(matrix.shape, SINGLE)


class _Level:
    """The equations of one level, and linear interpolation to its n nodes from the next one's."""

    def __init__(self, volumes: FiniteVolumes, damping: list[float]) -> None:
        self.matrix = volumes.matrix(SINGLE)  # A, sparse (n, n)
        self._damping = damping
        self._diagonal = volumes.diagonal.ravel()
        self._interpolations = _interpolations(volumes.row_sums.shape)
        self._take_memory()
        self._set_diagonal()

    def plus(self, added: NDArray[np.float64], spare: "_Level | None" = None) -> "_Level":
        """See `BlockCycle.plus`, for `added` (n,)."""
        other = spare
        if other is None:
            other = copy.copy(self)
            other._diagonal = np.empty_like(self._diagonal)
            other.matrix = self.matrix.copy()
            other._take_memory()
        np.add(self._diagonal, added, out=other._diagonal)
        other.matrix.setdiag(other._diagonal.astype(SINGLE))
        other._set_diagonal()
        return other

    def _take_memory(self) -> None:
        # (n,) each: what Jacobi steps multiply a residual by, and 1 on nodes that have equations
        self.smoothing = [np.empty(self._diagonal.shape, SINGLE) for _ in self._damping]
        self.free = np.empty(self._diagonal.shape, SINGLE)

    def _set_diagonal(self) -> None:
        diagonal = self._diagonal
        np.greater(diagonal, 0, out=self.free, casting="unsafe")
        inverse = self.smoothing[-1]
        with np.errstate(divide="ignore"):  # faster than a division of some nodes only
            np.divide(1.0, diagonal, out=inverse, casting="same_kind")
        np.copyto(inverse, 0.0, where=diagonal <= 0)
        for damping, smoothing in zip(self._damping, self.smoothing, strict=True):
            np.multiply(inverse, SINGLE.type(damping), out=smoothing)

    def smooth(self, field: NDArray, right_hand_side: NDArray, smoothing: NDArray) -> None:
        """A Jacobi step, in place."""
        residual = self.residual(field, right_hand_side)
        residual *= smoothing
        field += residual

    def residual(self, field: NDArray, right_hand_side: NDArray) -> NDArray:
        """b − A u, (n,)."""
        applied = self.matrix @ field
        return np.subtract(right_hand_side, applied, out=applied)

    def interpolate(self, blocks: NDArray) -> NDArray:
        """Values of the blocks, to the nodes."""
        for matrix, _, shape in self._interpolations:
            blocks = matrix @ blocks.reshape(shape)
        return blocks.ravel()

    def restrict(self, values: NDArray) -> NDArray:
        """The transpose: values of the nodes, summed up over blocks."""
        for matrix, transpose, shape in reversed(self._interpolations):
            values = transpose @ values.reshape(matrix.shape[0], *shape[1:])
        return values.ravel()


# a matrix, its transpose, and the shape of what the matrix multiplies
Interpolation = tuple[sp.csr_array, sp.csc_array, tuple[int, ...]]


@lru_cache(maxsize=32)
def _interpolations(lattice: tuple[int, ...]) -> list[Interpolation]:
    """Linear interpolation along each axis, from the last to the first; constant at a wall."""
    blocks = tuple((side + 1) // 2 for side in lattice)
    matrices: list[Interpolation] = []
    for axis in reversed(range(len(lattice))):
        nodes = np.arange(lattice[axis])
        beside = np.clip(nodes // 2 + 2 * (nodes % 2) - 1, 0, blocks[axis] - 1)
        along = np.stack([nodes // 2, beside], axis=1).ravel()
        before, after = math.prod(blocks[:axis]), math.prod(lattice[axis + 1 :])
        columns = (np.arange(before)[:, None] * blocks[axis] + along).ravel()
        rows = before * lattice[axis]
        shares = np.tile(np.array([OWN_SHARE, NEXT_SHARE], SINGLE), rows)
        starts = np.arange(0, 2 * rows + 1, 2)
        matrix = sp.csr_array((shares, columns, starts), shape=(rows, before * blocks[axis]))
        shape = (before * blocks[axis], after)
        # scipy multiplies a vector faster than a matrix of one column
        matrices.append((matrix, matrix.T, shape if after > 1 else shape[:1]))
    return matrices


def _between_blocks(coupling: NDArray, axis: int) -> NDArray:
    """The couplings of blocks along an axis, from the couplings of their nodes."""
    last = coupling[along(axis, slice(1, None, 2))]
    if coupling.shape[axis] % 2:
        # the last block of a periodic axis stays coupled to the first
        last = np.concatenate([last, coupling[along(axis, slice(-1, None))]], axis)
    others = [other for other in range(coupling.ndim) if other != axis]
    return FACTOR * _sums(last, others)


def _sums(values: NDArray, axes: Iterable[int] | None = None) -> NDArray:
    """Sums of each two that lie next to each other along some axes, or all."""
    for axis in range(values.ndim) if axes is None else axes:
        first, second = (
            values[along(axis, slice(0, None, 2))],
            values[along(axis, slice(1, None, 2))],
        )
        values = first.copy()
        values[along(axis, slice(second.shape[axis]))] += second
    return values
