"""Conjugate gradients, and a geometric multigrid cycle in single precision for media that vary.

A level's nodes are blocks of the next finer level, two nodes long along each axis. The drain of a
block is the sum of its nodes', and the coupling of two blocks is half the sum of the couplings
across their common side: the distance of two blocks is twice that of two nodes (Braess 1995; Notay
2010). So any map of diffusivity and decay, and fixed nodes of any shape, give equations of
neighbours on all levels by sums of arrays, which take no time to set up. A cycle smooths by damped
Jacobi steps and interpolates linearly. It is symmetric positive definite in any medium.
`nn.equation.multigrid` has the same cycle with learned numbers, in two dimensions.

With it, conjugate gradients (Hestenes & Stiefel 1952) converge in about ten iterations in tissues,
whose diffusivity is constant over regions. Where it jumps by orders of magnitude from node to node,
algebraic multigrid is better (`multigrid`).
"""

import math
from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from diffkeras.physics.operators.finite_volumes import FiniteVolumes

DAMPING = 0.8  # of Jacobi steps
FACTOR = 0.5  # of the couplings of blocks
NEAR, FAR = 0.75, 0.25  # shares of a node's own block and of the block next to it
COARSEST = 100  # nodes at most of the level whose equations are inverted
MOST_CYCLES = 25  # of one solution; more are a sign that algebraic multigrid is better
SINGLE = np.dtype(np.float32)

Precondition = Callable[[NDArray], NDArray]


@np.errstate(over="ignore", invalid="ignore")  # an overflow ends it, without meeting the goal
def conjugate_gradients(
    matrix: sp.sparray,
    precondition: Precondition,
    right_hand_side: NDArray,
    is_met: Callable[[NDArray], bool],
    most: int,
) -> tuple[NDArray, NDArray, int]:
    """About A⁻¹b in b's precision, its residual b − A x, and the number of iterations.

    They end when the residual meets the goal, at their largest number, or where rounding spoils
    them; the callers ask again which it was.
    """
    residual, direction = right_hand_side.copy(), np.zeros_like(right_hand_side)
    solution, energy = np.zeros_like(right_hand_side), 1.0
    iterations = 0
    while iterations < most and not is_met(residual):
        corrected = precondition(residual)
        energy, last = float(np.vdot(residual, corrected)), energy
        direction *= energy / last
        direction += corrected
        product = matrix @ direction
        curvature = float(np.vdot(direction, product))
        if not (energy > 0 and curvature > 0):  # rounding, or an overflow
            break
        solution += (energy / curvature) * direction
        product *= energy / curvature
        residual -= product
        iterations += 1
    return solution, residual, iterations


def norm(values: NDArray) -> float:
    """The Euclidean norm."""
    return float(np.sqrt(np.vdot(values, values)))


class BlockCycle:
    """A V-cycle for the equations of the free nodes: about A⁻¹r, for r (n,) on all n nodes.

    It is ready once `add` has been called, with zeros for A itself.

    Attributes:
        matrix: A, sparse (n, n) in single precision.
    """

    def __init__(self, volumes: FiniteVolumes) -> None:
        """Set the levels up for equations that `FiniteVolumes.on` gives."""
        self._levels = [_Level(volumes)]
        while volumes.drain.size > COARSEST:
            volumes = _blocks_of(volumes)
            self._levels.append(_Level(volumes))
        self._dense = volumes.matrix(np.dtype(np.float64)).toarray()
        self.matrix = self._levels[0].matrix

    def add(self, drain: NDArray[np.float64]) -> None:
        """Take A + diag(drain) in place of A, for a drain on the lattice, 0 on fixed nodes."""
        for level in self._levels:
            level.add(drain.ravel())
            drain, last = _sums(drain), drain
        dense = self._dense + np.diag(last.ravel())
        dense += np.diag(dense.diagonal() == 0)  # blocks of fixed nodes
        try:
            self._inverse = np.linalg.inv(dense).astype(SINGLE)
        except np.linalg.LinAlgError:  # singular: conjugate gradients won't converge
            self._inverse = np.zeros_like(dense, SINGLE)

    @np.errstate(over="ignore", invalid="ignore")
    def __call__(self, residual: NDArray) -> NDArray:
        """The correction (n,) in the residual's precision."""
        return self._cycle(0, residual.astype(SINGLE, copy=False)).astype(
            residual.dtype, copy=False
        )

    def _cycle(self, number: int, residual: NDArray) -> NDArray:
        if number == len(self._levels) - 1:
            return self._inverse @ residual
        level = self._levels[number]
        field = level.smoothing * residual
        missed = level.missed(field, residual)
        missed *= level.free
        correction = level.interpolate(self._cycle(number + 1, level.restrict(missed)))
        correction *= level.free
        field += correction
        missed = level.missed(field, residual)
        missed *= level.smoothing
        field += missed
        return field


class _Level:
    """The equations of one level, and linear interpolation to its n nodes from the next one's.

    Attributes:
        matrix: A, sparse (n, n).
        smoothing: (n,), what a damped Jacobi step multiplies a residual by.
        free: (n,), 1 on the nodes that have equations and 0 on the others.
    """

    def __init__(self, volumes: FiniteVolumes) -> None:
        self.matrix = volumes.matrix(SINGLE)
        self._diagonal = volumes.diagonal().ravel()
        self._interpolations = _interpolations(volumes.drain.shape)

    def add(self, drain: NDArray[np.float64]) -> None:
        """See `BlockCycle.add`, of a drain (n,)."""
        diagonal = self._diagonal + drain
        positive = diagonal > 0
        self.matrix.setdiag(diagonal.astype(SINGLE))
        self.smoothing = np.divide(DAMPING, diagonal, out=np.zeros_like(diagonal), where=positive)
        self.smoothing = self.smoothing.astype(SINGLE)
        self.free = positive.astype(SINGLE)

    def missed(self, field: NDArray, right_hand_side: NDArray) -> NDArray:
        """The residual b − A u, (n,)."""
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


Interpolation = tuple[sp.csr_array, sp.csc_array, tuple[int, ...]]


@lru_cache(maxsize=32)
def _interpolations(lattice: tuple[int, ...]) -> list[Interpolation]:
    """Linear interpolation along each axis, from the last to the first.

    Each is a matrix, its transpose, and the shape of what the matrix multiplies. At a wall, the
    block's own value goes on.
    """
    blocks = tuple((side + 1) // 2 for side in lattice)
    found: list[Interpolation] = []
    for axis in reversed(range(len(lattice))):
        nodes = np.arange(lattice[axis])
        beside = np.clip(nodes // 2 + 2 * (nodes % 2) - 1, 0, blocks[axis] - 1)
        along = np.stack([nodes // 2, beside], axis=1).ravel()
        before, after = math.prod(blocks[:axis]), math.prod(lattice[axis + 1 :])
        columns = (np.arange(before)[:, None] * blocks[axis] + along).ravel()
        rows = before * lattice[axis]
        shares = np.tile(np.array([NEAR, FAR], SINGLE), rows)
        starts = np.arange(0, 2 * rows + 1, 2)
        matrix = sp.csr_array((shares, columns, starts), shape=(rows, before * blocks[axis]))
        shape = (before * blocks[axis], after)
        # scipy multiplies a vector faster than a matrix of one column
        found.append((matrix, matrix.T, shape if after > 1 else shape[:1]))
    return found


def _blocks_of(volumes: FiniteVolumes) -> FiniteVolumes:
    """The equations of the next coarser level."""
    couplings = (_between_blocks(c, axis) for axis, c in enumerate(volumes.couplings))
    return FiniteVolumes(tuple(couplings), _sums(volumes.drain))


def _between_blocks(coupling: NDArray, axis: int) -> NDArray:
    """The couplings of blocks along an axis, from those of their nodes."""
    last = coupling[_at(axis, slice(1, None, 2))]
    if coupling.shape[axis] % 2:
        # the last block of a periodic axis stays coupled to the first
        last = np.concatenate([last, coupling[_at(axis, slice(-1, None))]], axis)
    others = [other for other in range(coupling.ndim) if other != axis]
    return FACTOR * _sums(last, others)


def _sums(values: NDArray, axes: Iterable[int] | None = None) -> NDArray:
    """Sums of each two that lie next to each other along some axes, or all."""
    for axis in range(values.ndim) if axes is None else axes:
        first, second = values[_at(axis, slice(0, None, 2))], values[_at(axis, slice(1, None, 2))]
        values = first.copy()
        values[_at(axis, slice(second.shape[axis]))] += second
    return values


def _at(axis: int, part: slice) -> tuple[slice, ...]:
    """The index of a part along an axis."""
    return (slice(None),) * axis + (part,)
