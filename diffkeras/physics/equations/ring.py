"""The ring: the fixed nodes that have a free neighbour."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.problem.sides import AxisBoundary


@dataclass(frozen=True, eq=False)
class Ring:
    """Fixed nodes that have a free neighbour.

    A free node's neighbours are free or on the ring, so the other fixed nodes have no influence.

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
