"""Slices of a volume for a picture: those that are chosen, or where most is to be seen."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.lattice import PLANE

AXES = {"plane": "z", "row": "y", "column": "x"}  # of a lattice, and their coordinates
TALLEST = 12.0  # inches of a row of panels
MOST_INCHES = 500.0  # of all rows: matplotlib draws at most 2**16 pixels
ALIKE = 1e-6  # gradients that differ by less, relative to the largest, are the same one

Slices = Mapping[str, int | Sequence[int]]


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


def chosen_slices(lattice: Sequence[int], chosen: Slices) -> list[tuple[str, int]]:
    """The axis and the number of each slice.

    Raises:
        PhysicsError: a slice that the lattice doesn't have, none, or too many for one picture.
    """
    if not isinstance(chosen, Mapping):
        raise PhysicsError(f"slices are numbers by name, {{'plane': [3, 4]}}, not {chosen!r:.60}")
    if len(lattice) == PLANE:
        raise PhysicsError(
            "slices are of volumes, and this lattice has two dimensions; leave out the slices"
        )
    sides = dict(zip(AXES, lattice, strict=True))
    found = []
    for name, numbers in chosen.items():
        if name not in sides:
            raise PhysicsError(f"slices are of {', '.join(AXES)}, not of {name!r:.60}")
        several = numbers if isinstance(numbers, Sequence | np.ndarray) else [numbers]
        for each in several:
            number = each.item() if isinstance(each, np.integer) else each
            if type(number) is not int or not 0 <= number < sides[name]:
                raise PhysicsError(
                    f"there is no {name} {number!r:.60}; the lattice has {name}s 0 to "
                    f"{sides[name] - 1}"
                )
            found.append((name, number))
    if not found:
        raise PhysicsError("slices hold no number; give one, such as {'plane': 3}, or leave it out")
    shapes = ([side for axis, side in sides.items() if axis != name] for name, _ in found)
    height = sum(row_height((rows, columns)) for rows, columns in shapes)
    if height > MOST_INCHES:
        raise PhysicsError(
            f"{len(found)} slices make a picture of {height:.0f} inches, and at most "
            f"{MOST_INCHES:.0f} can be drawn; give fewer slices"
        )
    return found


def row_height(shape: tuple[int, ...]) -> float:
    """Inches of a row of panels, of which each is 5 wide with its colour bar."""
    rows, columns = shape
    return min(3.7 * rows / columns + 0.9, TALLEST)


def slices_of(field: NDArray, sources: Mapping[str, NDArray], chosen: Slices | None) -> list[Slice]:
    """In two dimensions the field; in three the chosen slices, by default three.

    Args:
        field: (rows, columns) or (planes, rows, columns).
        sources: arrays of its shape, by the symbols of `fields.SOURCES`; NaN where there are none.
        chosen: numbers of planes, rows and columns by name.

    Raises:
        PhysicsError: as `chosen_slices`.
    """
    if chosen:
        return [Slice.of(*one) for one in chosen_slices(field.shape, chosen)]
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
