"""The ring: the fixed nodes next to free ones, and the matrix G of Green's function between them.

A free node's neighbours are free or on the ring, so the other fixed nodes have no influence.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from diffkeras.physics.operators.axis import Axis, sum_of_images
from diffkeras.physics.operators.spectral import SpectralOperator

BLOCK = 32  # rows of G built at a time


@dataclass(frozen=True)
class Ring:
    """Fixed nodes that have a free neighbour.

    Attributes:
        rows, columns: (m,) node coordinates.
    """

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]

    @property
    def size(self) -> int:
        """Number m of ring nodes."""
        return self.rows.size

    @property
    def nodes(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(rows, columns), to index an array of the lattice."""
        return self.rows, self.columns


def find_ring(fixed: NDArray[np.bool_ | np.integer], axes: tuple[Axis, Axis]) -> Ring:
    """The ring of the fixed nodes of a mask (rows, columns), in row-major order.

    `fixed` may also hold each source's number, from 1 on, instead of True. Then the result holds
    the ring that each source has alone.
    """
    width = fixed.shape[1]
    # few nodes are fixed as a rule: asking their neighbours beats operations on whole masks
    nodes = np.flatnonzero(fixed)
    rows, columns = np.divmod(nodes.astype(np.int32), np.int32(width))
    flat = fixed.ravel()
    own = flat[nodes]
    enclosed = flat[nodes - columns + _neighbour(columns, -1, axes[1])] == own
    enclosed &= flat[nodes - columns + _neighbour(columns, +1, axes[1])] == own
    enclosed &= flat[columns + _neighbour(rows, -1, axes[0]) * np.intp(width)] == own
    enclosed &= flat[columns + _neighbour(rows, +1, axes[0]) * np.intp(width)] == own
    return Ring(rows[~enclosed], columns[~enclosed])


def _neighbour(nodes: NDArray[np.int32], step: int, axis: Axis) -> NDArray[np.int32]:
    """The next node; at a wall that is not periodic the node itself, as no free node is beyond."""
    if axis.boundary == "periodic":
        return (nodes + np.int32(step)) % np.int32(axis.nodes)
    return (nodes + np.int32(step)).clip(0, axis.nodes - 1)


def ring_matrix(
    operator: SpectralOperator, ring: Ring, dtype: DTypeLike = np.float64
) -> NDArray[np.floating]:
    """G of a ring, (m, m), by the method of images: only its lower triangle, as G is symmetric.

    It is filled a few rows at a time, so that the index arrays stay in the cache.
    """
    table = operator.green_table_as(np.dtype(dtype))
    flat, width = table.ravel(), table.shape[1]
    rows, columns = (nodes.astype(np.intp) for nodes in ring.nodes)
    matrix = np.empty((ring.size, ring.size), table.dtype)
    for start in range(0, ring.size, BLOCK):
        stop = min(start + BLOCK, ring.size)
        part = slice(start, stop)
        row_images = [
            (sign, offsets * width)
            for sign, offsets in operator.axes[0].images(rows[part, None], rows[:stop])
        ]
        column_images = operator.axes[1].images(columns[part, None], columns[:stop])
        matrix[part, :stop] = sum_of_images(
            # the indices are in range by construction; "clip" checks without a second pass
            (row_sign * column_sign, flat.take(starts + column_offsets, mode="clip"))
            for column_sign, column_offsets in column_images
            for row_sign, starts in row_images
        )
    return matrix
