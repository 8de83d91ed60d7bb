"""The ring: the fixed nodes next to free ones, and the matrix G of Green's function between them.

A free node's neighbours are free or on the ring, so the other fixed nodes have no influence.
"""

import itertools
import math
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import DTypeLike, NDArray

from diffkeras.physics.equations.axis import sum_of_images
from diffkeras.physics.equations.spectral import SpectralOperator
from diffkeras.physics.problem.sides import AxisBoundary

ROWS_AT_A_TIME = 32


@dataclass(frozen=True)
class Ring:
    """Fixed nodes that have a free neighbour.

    Attributes:
        nodes: (m,) coordinates along each axis, to index an array of the lattice.
    """

    nodes: tuple[NDArray[np.int32], ...]

    @property
    def size(self) -> int:
        """Number m of ring nodes."""
        return self.nodes[0].size

    def part(self, chosen: NDArray) -> "Ring":
        """The ring of some of the nodes, by their numbers or a mask."""
        return Ring(tuple(coordinates[chosen] for coordinates in self.nodes))


def find_ring(fixed: NDArray[np.bool_ | np.integer], boundaries: tuple[AxisBoundary, ...]) -> Ring:
    """The ring of the fixed nodes of a mask on the lattice, in row-major order.

    `fixed` may also hold each source's number, from 1 on, instead of True. Then the result holds
    the ring that each source has alone.
    """
    # few nodes are fixed as a rule: asking their neighbours beats operations on whole masks
    numbers = np.flatnonzero(fixed)
    flat = fixed.ravel()
    own = flat[numbers]
    enclosed = np.ones(numbers.size, dtype=bool)
    coordinates: list[NDArray[np.int32]] = []
    rest, stride = numbers.astype(np.int32), 1
    for position in reversed(range(fixed.ndim)):
        side = fixed.shape[position]
        along = rest
        if position:
            rest, along = np.divmod(rest, np.int32(side))
        start = numbers - along * np.intp(stride)
        for step in (-1, +1):
            next_along = along + np.int32(step)
            if boundaries[position] == "periodic":
                next_along %= np.int32(side)
            else:  # at a wall the node itself, as no free node is beyond
                next_along = next_along.clip(0, side - 1)
            beyond = start + next_along * np.intp(stride)
            enclosed &= flat[beyond] == own
        coordinates.insert(0, along)
        stride *= side
    return Ring(tuple(coordinates)).part(~enclosed)


def ring_matrix(
    operator: SpectralOperator, ring: Ring, dtype: DTypeLike = np.float64
) -> NDArray[np.floating]:
    """G of a ring, (m, m), by the method of images: only its lower triangle, as G is symmetric.

    It is filled a few rows at a time, so that the index arrays stay in the cache.
    """
    table = operator.green_table_as(np.dtype(dtype))
    flat = table.ravel()
    strides = [stride // table.itemsize for stride in table.strides]
    nodes = [coordinates.astype(np.intp) for coordinates in ring.nodes]
    matrix = np.empty((ring.size, ring.size), table.dtype)
    for start in range(0, ring.size, ROWS_AT_A_TIME):
        stop = min(start + ROWS_AT_A_TIME, ring.size)
        part = slice(start, stop)
        images = [
            [(sign, offsets * stride) for sign, offsets in axis.images(i[part, None], i[:stop])]
            for axis, i, stride in zip(operator.axes, nodes, strides, strict=True)
        ]
        matrix[part, :stop] = sum_of_images(
            # the indices are in range by construction; "clip" checks without a second pass
            (
                math.prod(sign for sign, _ in image),
                flat.take(reduce(np.add, (offsets for _, offsets in image)), mode="clip"),
            )
            # those of axis 0 vary first
            for image in itertools.product(*reversed(images))
        )
    return matrix
