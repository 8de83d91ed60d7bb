"""Conjugate gradients with a geometric multigrid cycle for media that vary.

A level's nodes are 2×2 blocks of the next finer level. The drain of a block is the sum of its
nodes', and the coupling of two blocks is half the sum of the couplings across their common side:
the distance of two blocks is twice that of two nodes (Braess 1995; Notay 2010). So any map of
diffusivity and decay, and fixed nodes of any shape, give five-point equations on all levels by sums
of arrays, which take no time to set up. A cycle smooths by damped Jacobi steps and interpolates
linearly. It is symmetric positive definite, whatever the medium. `nn.equation.multigrid` has the
same cycle with learned numbers.

It converges in about ten iterations in tissues, whose diffusivity is constant over regions. Where
it jumps by orders of magnitude from node to node, algebraic multigrid is better (`multigrid`).
"""

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

    couplings: tuple[Array, Array]
    diagonal: Array
    inverse: Array

    @classmethod
    def of(cls, couplings: tuple[Array, Array], drain: Array) -> "_Level":
        diagonal = drain + sum(c + np.roll(c, 1, axis) for axis, c in enumerate(couplings))
        inverse = np.divide(1, diagonal, out=np.zeros_like(diagonal), where=diagonal > 0)
        return cls(couplings, diagonal, inverse)

    def apply(self, field: Array) -> Array:
        """A u, (rows, columns)."""
        result = self.diagonal * field
        # along axis 1 on transposed views
        for coupling, to, u in zip(
            (self.couplings[0], self.couplings[1].T),
            (result, result.T),
            (field, field.T),
            strict=True,
        ):
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
    along, across = couplings
    drain = drain * free
    levels = [_Level.of((along, across), drain)]
    while max(drain.shape) >= SMALLEST_SIDE:
        # the last block of a periodic axis stays coupled to the first if its side is odd
        rows = _even(np.pad(along, ((0, len(along) % 2), (0, 0)), "edge"))[1::2]
        columns = _even(np.pad(across, ((0, 0), (0, across.shape[1] % 2)), "edge"))[:, 1::2]
        along = FACTOR * (rows[:, ::2] + rows[:, 1::2])
        across = FACTOR * (columns[::2] + columns[1::2])
        drain = _even(drain)
        drain = drain[::2] + drain[1::2]
        drain = drain[:, ::2] + drain[:, 1::2]
        levels.append(_Level.of((along, across), drain))
    return levels


def _cycle(levels: list[_Level], residual: Array) -> Array:
    """About A⁻¹r by a V-cycle."""
    level, *coarser = levels
    field: Array = DAMPING * level.inverse * residual
    if not coarser:
        for _ in range(SWEEPS):
            level.smooth(field, residual)
        return field
    correction = _interpolate(_cycle(coarser, _restrict(residual - level.apply(field))))
    field += correction[: field.shape[0], : field.shape[1]] * (level.inverse > 0)
    level.smooth(field, residual)
    return field


def _interpolate(blocks: Array) -> Array:
    """Linear interpolation from blocks to their nodes; at a wall, the block's own value goes on."""
    for _ in range(2):  # along axis 0, then along the other
        nodes = np.repeat(NEAR * blocks, 2, axis=0)
        far = FAR * blocks
        nodes[2::2] += far[:-1]
        nodes[0] += far[0]
        nodes[1:-1:2] += far[1:]
        nodes[-1] += far[-1]
        blocks = nodes.T
    return blocks


def _restrict(values: Array) -> Array:
    """The transpose of `_interpolate`: values of nodes, summed up over blocks."""
    values = _even(values)
    for _ in range(2):
        first, second = values[::2], values[1::2]
        blocks = NEAR * (first + second)
        blocks[:-1] += FAR * first[1:]
        blocks[0] += FAR * first[0]
        blocks[1:] += FAR * second[:-1]
        blocks[-1] += FAR * second[-1]
        values = blocks.T
    return values


def _even(values: Array) -> Array:
    """The values with a row or column of zeros appended to odd sides."""
    rows, columns = values.shape
    if rows % 2 or columns % 2:
        return np.pad(values, ((0, rows % 2), (0, columns % 2)))
    return values
