"""Sources: discs of constant value."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_lattice, real_array
from diffkeras.physics.short_repr import ShortRepr

LARGEST_PLACE = 2.0**30  # lattice steps
SINGLE = (float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max))


@dataclass(frozen=True, eq=False, repr=False)
class Sources(ShortRepr):
    """Discs on the lattice, each of one value: the field there, or what it adds to the field.

    A node (i, j) belongs to a disc when (i − row)² + (j − column)² ≤ radius² (arXiv 2302.03786).

    Attributes:
        rows, columns: (n,) int32, centres [lattice steps].
        radii: (n,) float32 [lattice steps].
        values: (n,) float32, on the nodes inside and on the rim [concentration].
        lattice: (rows, columns) that they were sampled for; None where they come from lists.
        overlap: whether the values of overlapping discs add; otherwise the later disc wins.
    """

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    radii: NDArray[np.float32]
    values: NDArray[np.float32]
    lattice: tuple[int, int] | None = None
    overlap: bool = False

    @classmethod
    def from_lists(
        cls,
        rows: Sequence[float] | NDArray,
        columns: Sequence[float] | NDArray,
        radii: Sequence[float] | NDArray,
        values: Sequence[float] | NDArray,
    ) -> "Sources":
        """Sources from any sequences of equal length.

        Raises:
            PhysicsError: lengths differ, a centre off the nodes, a radius that is negative, or a
                value or radius that is not finite.
        """
        given = {"rows": rows, "columns": columns, "radii": radii, "values": values}
        arrays = [np.atleast_1d(real_array(name, array)) for name, array in given.items()]
        if len({a.shape for a in arrays}) != 1 or arrays[0].ndim != 1:
            raise PhysicsError(
                "rows, columns, radii and values must be lists of one length, not of shapes "
                + ", ".join(str(a.shape) for a in arrays)
            )
        if not all(np.isfinite(a).all() for a in arrays):
            raise PhysicsError("rows, columns, radii and values of sources must be finite")
        if not all(np.array_equal(a, np.rint(a)) for a in arrays[:2]):
            raise PhysicsError("centres of sources lie on nodes: rows and columns must be integers")
        if (arrays[2] < 0).any():
            raise PhysicsError(f"radii of sources must not be negative, not {arrays[2].min()}")
        for name, array in zip(("row", "column", "radius", "value"), arrays, strict=True):
            size = np.abs(array)
            least, largest = SINGLE if name == "value" else (0.0, LARGEST_PLACE)
            lost = (size > largest) | ((size < least) & (size != 0))
            if lost.any():
                raise PhysicsError(
                    f"a {name} of {array[lost][0]:g} is beyond what sources hold, sizes from "
                    f"{least:.0e} to {largest:.0e}"
                )
        return cls(
            arrays[0].astype(np.int32),
            arrays[1].astype(np.int32),
            arrays[2].astype(np.float32),
            arrays[3].astype(np.float32),
        )

    @property
    def count(self) -> int:
        """Number n of discs."""
        return self.rows.size

    def image(self, lattice: Any = None, dtype: DTypeLike = np.float32) -> NDArray:
        """The source image, (rows, columns): each disc's value on its nodes, 0 elsewhere.

        Parts of a disc outside the lattice are cut off. Where discs overlap, the later one wins, or
        their values add one after another (`overlap`).

        Args:
            lattice: (rows, columns), or a side; by default the lattice they were sampled for.
            dtype: of the image, a type of floating-point numbers.

        Raises:
            PhysicsError: a lattice is missing, or can't be one, or values don't fit the type.
        """
        if np.dtype(dtype).kind != "f":
            raise PhysicsError(
                f"source values need a type of floating-point numbers, not {np.dtype(dtype)}"
            )
        image = np.zeros(self._lattice(lattice), dtype=dtype)
        for index in range(self.count):
            patch, inside = self._patch(index, image.shape)
            if self.overlap:
                image[patch][inside] += self.values[index]
            else:
                image[patch][inside] = self.values[index]
        return image

    def labels(self, lattice: Any = None) -> NDArray[np.int32]:
        """(rows, columns): k + 1 on the nodes of disc k, 0 elsewhere; a lattice as for `image`."""
        labels = np.zeros(self._lattice(lattice), dtype=np.int32)
        for index in range(self.count):
            patch, inside = self._patch(index, labels.shape)
            labels[patch][inside] = index + 1
        return labels

    def _lattice(self, lattice: Any) -> tuple[int, int]:
        lattice = self.lattice if lattice is None else lattice
        if lattice is None:
            raise PhysicsError(
                "these sources know no lattice: give one, sources.image((rows, columns))"
            )
        return check_lattice(lattice)

    def _patch(
        self, index: int, lattice: tuple[int, ...]
    ) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
        row, column = int(self.rows[index]), int(self.columns[index])
        radius = float(self.radii[index])
        reach = math.floor(radius)
        top, bottom = max(row - reach, 0), min(row + reach + 1, lattice[0])
        left, right = max(column - reach, 0), min(column + reach + 1, lattice[1])
        rows = np.arange(top, bottom)[:, None] - row
        columns = np.arange(left, right) - column
        inside = rows**2 + columns**2 <= radius**2
        return (slice(top, max(bottom, top)), slice(left, max(right, left))), inside
