"""Slices of a volume for a picture: where most is to be seen."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.lattice import PLANE

AXES = {"plane": "z", "row": "y", "column": "x"}  # of a lattice, and their coordinates
TALLEST = 12.0  # inches of a row of panels
ALIKE = 1e-6  # gradients that differ by less, relative to the largest, are the same one


class Slice(NamedTuple):
    """A picture of a lattice: its nodes, the names of its axes, and what the slice is across."""

    nodes: tuple[int | slice, ...]
    axes: tuple[str, str]
    axis: str = ""
    number: int = 0

    @property
    def title(self) -> str:
        """For example ", plane 3"."""
        return f", {self.axis} {self.number}" if self.axis else ""

    @classmethod
    def of(cls, name: str, number: int) -> "Slice":
        """One plane, row or column of a lattice of three axes."""
        names = tuple(AXES)
        cut: list[int | slice] = [slice(None)] * 3
        cut[names.index(name)] = number
        first, second = (other for other in names if other != name)
        return cls(tuple(cut), (first, second), name, number)


def row_height(shape: tuple[int, ...]) -> float:
    """Inches of a row of panels, of which each is 5 wide with its colour bar."""
    rows, columns = shape
    return min(3.7 * rows / columns + 0.9, TALLEST)


def slices_of(field: NDArray, sources: Mapping[str, NDArray]) -> list[Slice]:
    """In two dimensions the field; in three a plane, a row and a column.

    They go through the node where the |gradient| of the field is largest, or through a source next
    to it. Without sources they go through the lowest value that isn't at a side, if that is the
    lowest of all: where the most is taken up. Of several such nodes, the one next to their middle.

    Args:
        field: (rows, columns) or (planes, rows, columns).
        sources: arrays of its shape, by the symbols of `fields.SOURCES`; NaN where there are none.
    """
    if field.ndim == PLANE:
        return [Slice((slice(None),) * 2, ("row", "column"))]
    node = _lowest_inside(field) if not _drawn(sources) else None
    node = node or _source_beside(_steepest(field), sources)
    return [Slice.of(*one) for one in zip(AXES, node, strict=True)]


def _steepest(field: NDArray) -> list[int]:
    """The node where the |gradient| of a field is largest, next to the middle of all such nodes."""
    along = [k for k, side in enumerate(field.shape) if side > 1]
    gradients = np.gradient(field.astype(np.float64), axis=along) if along else np.zeros(1)
    size = np.sum(np.square(np.reshape(gradients, (-1, *field.shape))), axis=0) if along else field
    return _middle(size >= size.max() * (1 - ALIKE))


def _lowest_inside(field: NDArray) -> list[int] | None:
    """The node with the lowest value; None if that is at a side."""
    node = _middle(field <= field.min() + ALIKE * np.ptp(field))
    inside = all(0 < k < side - 1 for k, side in zip(node, field.shape, strict=True))
    return node if inside else None


def _middle(chosen: NDArray[np.bool_]) -> list[int]:
    """Of the chosen nodes, the one next to their middle."""
    nodes = np.argwhere(chosen)
    nearest = np.square(nodes - nodes.mean(axis=0)).sum(axis=1).argmin()
    return [int(number) for number in nodes[nearest]]


def _drawn(sources: Mapping[str, NDArray]) -> list[NDArray]:
    """The arrays of fixed values and production that hold any."""
    arrays = [values for symbol, values in sources.items() if symbol in "usx"]
    return [values for values in arrays if np.isfinite(values).any()]


def _source_beside(node: list[int], sources: Mapping[str, NDArray]) -> list[int]:
    """The node or a neighbour, the first that is a source: fields are steepest just outside one."""
    drawn = _drawn(sources)
    steps = np.vstack([np.zeros(3, int), np.eye(3, dtype=int), -np.eye(3, dtype=int)])
    for place in (steps + node).tolist():
        for values in drawn:
            inside = all(0 <= k < side for k, side in zip(place, values.shape, strict=True))
            if inside and np.isfinite(values[tuple(place)]):
                return place
    return node
