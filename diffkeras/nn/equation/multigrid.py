"""One multigrid cycle for the free nodes of media that vary, on every backend.

A level's nodes are 2×2 blocks of the next finer level. The row sum of a block is the sum over its
nodes, and the coupling of two blocks is the sum of the couplings across their common side, times a
factor: 1/2 for smooth fields, as blocks are twice as far apart as nodes (Braess 1995; Notay 2010).
So any medium and fixed nodes of any shape give five-point equations on all levels, by sums alone.
A cycle smooths by damped Jacobi steps and interpolates linearly; dampings and factors can be
learned.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from keras import ops

from diffkeras.nn.equation.equations import LinearEquations, neighbours

# where they aren't learned: the damping of Jacobi steps, and the factor of coarser couplings
DAMPING, FACTOR = 0.8, 0.5
SWEEPS = 4  # Jacobi steps on the coarsest level
NEAR, FAR = 0.75, 0.25  # linear interpolation weighs a node's own block and the next one so


class Level(NamedTuple):
    """The equations of a level, and 1/diagonal of A, which is 0 where a node has no equation."""

    equations: LinearEquations
    inverse: Any

    @classmethod
    def of(cls, equations: LinearEquations) -> "Level":
        """The level of some equations."""
        diagonal = equations.diagonal()
        known = diagonal > 0
        inverse = ops.where(known, 1 / ops.where(known, diagonal, 1.0), 0.0)
        return cls(equations, inverse)

    def smooth(self, field: Any, residual: Any, damping: Any) -> Any:
        """A field after a damped Jacobi step towards A⁻¹ of a right-hand side."""
        return field + damping * self.inverse * (residual - self.equations.apply(field))


def hierarchy(equations: LinearEquations, factors: Any, levels: int) -> list[Level]:
    """Levels of the equations of free nodes, from the finest to the coarsest.

    `factors` (levels − 1,) are of the couplings of each coarser level.
    """
    result = [Level.of(equations)]
    for k in range(levels - 1):
        (along, across), row_sums = result[-1].equations
        couplings = (
            factors[k] * pairs(between_blocks(along, 1), 2),
            factors[k] * pairs(between_blocks(across, 2), 1),
        )
        result.append(Level.of(LinearEquations(couplings, pairs(pairs(row_sums, 1), 2))))
    return result


def between_blocks(coupling: Any, axis: int) -> Any:
    """The couplings across the sides of blocks, those along axis 1 or 2 of the second node of each.

    An odd number of nodes leaves the last block one, which is next to the first one of a periodic
    axis. A single block isn't next to itself.
    """
    cut, nodes = (slice(None),) * axis, ops.shape(coupling)[axis]
    is_known = isinstance(nodes, int)  # then no part is empty, of which XLA has no gradient
    if is_known and nodes <= 2:
        return ops.zeros_like(coupling[(*cut, slice(None, 1))])
    result = coupling[(*cut, slice(1, None, 2))]
    if is_known and nodes % 2 == 0:
        return result
    last = coupling[(*cut, slice(-1, None))]
    if not is_known:
        last = last[(*cut, slice(None, nodes % 2))]
    result = ops.concatenate([result, last], axis)
    return result if is_known else result * ops.cast(nodes > 2, result.dtype)


def pairs(values: Any, axis: int) -> Any:
    """The sums of two nodes each along axis 1 or 2; an odd last one is alone."""
    cut, nodes = (slice(None),) * axis, ops.shape(values)[axis]
    padding = [[0, 0], [0, 0], [0, 0]]
    padding[axis] = [0, nodes % 2]
    values = ops.pad(values, padding)
    return values[(*cut, slice(None, None, 2))] + values[(*cut, slice(1, None, 2))]


def cycle(levels: Sequence[Level], damping: Any, residual: Any) -> Any:
    """About A⁻¹r by one V-cycle, (batch, rows, columns).

    `damping` (levels, 2) is of the Jacobi steps before and after the coarser levels.
    """
    level, *coarser = levels
    field = damping[0, 0] * level.inverse * residual
    if not coarser:
        for _ in range(SWEEPS):
            field = level.smooth(field, residual, damping[0, 1])
        return field
    remainder = restrict(residual - level.equations.apply(field))
    correction = interpolate(cycle(coarser, damping[1:], remainder))
    rows, columns = ops.shape(residual)[1:]
    correction = correction[:, :rows, :columns]
    field = field + ops.where(level.inverse > 0, correction, 0.0)
    return level.smooth(field, residual, damping[0, 1])


def interpolate(blocks: Any) -> Any:
    """Linear interpolation from blocks to their nodes, (batch, 2·rows, 2·columns)."""
    for axis in (1, 2):
        before, after = neighbours(blocks, axis, "reflecting")
        pair = [NEAR * blocks + FAR * before, NEAR * blocks + FAR * after]
        sides = list(ops.shape(blocks))
        sides[axis] = 2 * sides[axis]
        blocks = ops.reshape(ops.stack(pair, axis + 1), [-1, *sides[1:]])
    return blocks


def restrict(values: Any) -> Any:
    """The transpose of `interpolate`: values of nodes, summed up over blocks."""
    values = even(values)
    for axis in (1, 2):
        cut = (slice(None),) * axis
        first, second = values[(*cut, slice(0, None, 2))], values[(*cut, slice(1, None, 2))]
        # a wall's blocks have themselves for neighbours
        before = ops.concatenate(
            [first[(*cut, slice(None, 1))], second[(*cut, slice(None, -1))]], axis
        )
        after = ops.concatenate(
            [first[(*cut, slice(1, None))], second[(*cut, slice(-1, None))]], axis
        )
        values = NEAR * (first + second) + FAR * (before + after)
    return values


def even(values: Any) -> Any:
    """The values (batch, rows, columns) with a row or column of zeros appended to odd sides."""
    rows, columns = ops.shape(values)[1:]
    return ops.pad(values, [[0, 0], [0, rows % 2], [0, columns % 2]])
