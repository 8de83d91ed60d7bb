"""Conjugate gradients with a geometric multigrid cycle for media that vary.

A level's nodes are blocks of the next finer level, two nodes long along each axis. The drain of a
block is the sum of its nodes', and the coupling of two blocks is half the sum of the couplings
across their common side: the distance of two blocks is twice that of two nodes (Braess 1995; Notay
2010). So any map of diffusivity and decay, and fixed nodes of any shape, give equations of
neighbours on all levels by sums of arrays, which take no time to set up. A cycle smooths by damped
Jacobi steps and interpolates linearly. It is symmetric positive definite in any medium.
`nn.equation.multigrid` has the same cycle with learned numbers, in two dimensions.

It converges in about ten iterations in tissues, whose diffusivity is constant over regions. Where
it jumps by orders of magnitude from node to node, algebraic multigrid is better (`multigrid`).
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.operators.finite_volumes import FiniteVolumes

DAMPING = 0.8  # of Jacobi steps
FACTOR = 0.5  # of the couplings of blocks
NEAR, FAR = 0.75, 0.25  # shares of a node's own block and of the block next to it
SMALLEST_SIDE = 4  # of a lattice that gets a coarser level
SWEEPS = 12  # on the coarsest level
MOST_STEPS = 25  # of one solution; more are a sign that algebraic multigrid is better

Array = NDArray[np.float64]


class _Level(NamedTuple):
    """Couplings to the next node along each axis, A's diagonal, and its inverse or 0."""

    couplings: tuple[Array, ...]
    diagonal: Array
    inverse: Array

    @classmethod
    def of(cls, couplings: tuple[Array, ...], drain: Array) -> "_Level":
        diagonal = drain + sum(c + np.roll(c, 1, axis) for axis, c in enumerate(couplings))
        inverse = np.divide(1, diagonal, out=np.zeros_like(diagonal), where=diagonal > 0)
        return cls(couplings, diagonal, inverse)

    def apply(self, field: Array) -> Array:
        """A u on the lattice."""
        result = self.diagonal * field
        for axis, along in enumerate(self.couplings):
            coupling, to, u = (np.moveaxis(array, axis, 0) for array in (along, result, field))
            to[:-1] -= coupling[:-1] * u[1:]
            to[1:] -= coupling[:-1] * u[:-1]
            if coupling[-1].any():  # periodic
                to[-1] -= coupling[-1] * u[0]
                to[0] -= coupling[-1] * u[-1]
        return result

    def smooth(self, field: Array, residual: Array) -> None:
        """Make a damped Jacobi step of a field towards A⁻¹ of a right-hand side."""
        step = residual - self.apply(field)
        step *= self.inverse
        step *= DAMPING
        field += step


class BlockCycles:
    """Conjugate gradients on the free nodes, preconditioned by one V-cycle.

    Attributes:
        iterations: so far, over all solutions.
        converged: whether the last solution reached its reduction.
    """

    def __init__(self, volumes: FiniteVolumes, free: NDArray[np.bool_]) -> None:
        self._free = free
        self._levels = _levels(volumes, free)
        self.iterations = 0
        self.converged = True

    def solve(self, right_hand_side: NDArray, reduction: float) -> tuple[Array, Array]:
        """About A⁻¹b and the residual b − A x of it, (f,), for b (f,).

        The residual is `reduction` times b in the Euclidean norm, or more if `converged` is False.
        """
        size = float(np.abs(right_hand_side).max()) or 1.0
        residual, found = np.zeros(self._free.shape), np.zeros(self._free.shape)
        residual[self._free] = right_hand_side / size
        aim, earlier = reduction * np.linalg.norm(residual), 0.0
        direction = found
        for _ in range(MOST_STEPS):
            self.converged = bool(np.linalg.norm(residual) <= aim)
            if self.converged:
                break
            correction = _cycle(self._levels, residual)
            product = float(np.vdot(residual, correction))
            direction = correction + (product / earlier if earlier else 0.0) * direction
            applied = self._levels[0].apply(direction)
            curvature = float(np.vdot(direction, applied))
            if not (product > 0 and curvature > 0):  # rounding
                break
            found = found + product / curvature * direction
            residual -= product / curvature * applied
            earlier = product
            self.iterations += 1
        else:
            self.converged = bool(np.linalg.norm(residual) <= aim)
        return found[self._free] * size, residual[self._free] * size


def _levels(volumes: FiniteVolumes, free: NDArray[np.bool_]) -> list[_Level]:
    """The equations of the free nodes, and of blocks, from the finest to the coarsest."""
    drain, couplings = volumes.drain.copy(), []
    for axis, coupling in enumerate(volumes.couplings):
        beyond = np.roll(free, -1, axis)
        # what flows to a fixed node is a drain of its neighbour
        drain += coupling * ~beyond + np.roll(coupling * ~free, 1, axis)
        couplings.append(coupling * (free & beyond))
    drain = drain * free
    levels = [_Level.of(tuple(couplings), drain)]
    while max(drain.shape) >= SMALLEST_SIDE:
        couplings = [_between_blocks(c, axis) for axis, c in enumerate(couplings)]
        drain = _pair_sums(_even(drain), range(drain.ndim))
        levels.append(_Level.of(tuple(couplings), drain))
    return levels


def _between_blocks(coupling: Array, axis: int) -> Array:
    """The couplings of blocks along an axis, from those of their nodes."""
    # the last block of a periodic axis stays coupled to the first if its side is odd
    sides = [(0, n % 2 if other == axis else 0) for other, n in enumerate(coupling.shape)]
    last = _even(np.pad(coupling, sides, "edge"))
    last = np.moveaxis(np.moveaxis(last, axis, 0)[1::2], 0, axis)
    return FACTOR * _pair_sums(last, (other for other in range(coupling.ndim) if other != axis))


def _pair_sums(values: Array, axes: Iterable[int]) -> Array:
    """Sums of each two that lie next to each other along some axes, whose sides are even."""
    for axis in axes:
        along = np.moveaxis(values, axis, 0)
        values = np.moveaxis(along[::2] + along[1::2], 0, axis)
    return values


def _cycle(levels: list[_Level], residual: Array) -> Array:
    """About A⁻¹r by a V-cycle."""
    level, *coarser = levels
    field: Array = DAMPING * level.inverse * residual
    if not coarser:
        for _ in range(SWEEPS):
            level.smooth(field, residual)
        return field
    correction = _interpolate(_cycle(coarser, _restrict(residual - level.apply(field))))
    field += correction[tuple(map(slice, field.shape))] * (level.inverse > 0)
    level.smooth(field, residual)
    return field


def _interpolate(blocks: Array) -> Array:
    """Linear interpolation from blocks to their nodes; at a wall, the block's own value goes on."""
    for _ in range(blocks.ndim):  # along axis 0, which then becomes the last one
        nodes = np.repeat(NEAR * blocks, 2, axis=0)
        far = FAR * blocks
        nodes[2::2] += far[:-1]
        nodes[0] += far[0]
        nodes[1:-1:2] += far[1:]
        nodes[-1] += far[-1]
        blocks = np.moveaxis(nodes, 0, -1)
    return blocks


def _restrict(values: Array) -> Array:
    """The transpose of `_interpolate`: values of nodes, summed up over blocks."""
    values = _even(values)
    for _ in range(values.ndim):
        first, second = values[::2], values[1::2]
        blocks = NEAR * (first + second)
        blocks[:-1] += FAR * first[1:]
        blocks[0] += FAR * first[0]
        blocks[1:] += FAR * second[:-1]
        blocks[-1] += FAR * second[-1]
        values = np.moveaxis(blocks, 0, -1)
    return values


def _even(values: Array) -> Array:
    """The values with zeros appended to odd sides."""
    odd = [(0, side % 2) for side in values.shape]
    return np.pad(values, odd) if any(map(any, odd)) else values
