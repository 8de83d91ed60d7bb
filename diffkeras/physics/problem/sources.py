"""Sources: discs or balls of constant value."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import ExplainedKeywords, ShortRepr, check_sides, real_array
from diffkeras.physics.problem.medium import Medium

LARGEST_PLACE = 2.0**30  # lattice steps
SINGLE = (float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max))


@dataclass(frozen=True, eq=False, repr=False)
class Sources(ShortRepr, ExplainedKeywords):
    """Discs on the lattice, each of one value: the field there, or what it adds to the field.

    A node (i, j) belongs to a disc when (i − row)² + (j − column)² ≤ radius² (arXiv 2302.03786).
    With `planes`, they are balls in the same way.

    Attributes:
        rows, columns: (n,) int32, centres [lattice steps].
        radii: (n,) float32 [lattice steps].
        values: (n,) float32, on the nodes inside and on the rim [concentration].
        lattice: its sides, which they were sampled for, or None.
        overlap: whether the values of overlapping discs add; otherwise the later disc wins.
        planes: (n,) int32, centres of balls along the first of three axes; None for discs.

    Example:
        >>> import diffkeras as dk
        >>> sources = dk.Sources.from_lists([10, 20], [12, 30], [3, 4], [1.0, 0.5])
        >>> image = sources.image((40, 40))
        >>> image[20, 30].item()
        0.5
    """

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    radii: NDArray[np.float32]
    values: NDArray[np.float32]
    lattice: tuple[int, ...] | None = None
    overlap: bool = False
    planes: NDArray[np.int32] | None = None
    # of discs, as datasets store them
    ARRAYS: ClassVar[Mapping[str, Any]] = {
        "rows": np.int32,
        "columns": np.int32,
        "radii": np.float32,
        "values": np.float32,
    }

    def __post_init__(self) -> None:
        if not all(
            isinstance(array, np.ndarray) for array in (*self.arrays().values(), *self.centres)
        ):
            raise PhysicsError("Sources hold arrays that are checked: make them by from_lists")

    @classmethod
    def from_lists(
        cls,
        rows: Sequence[float] | NDArray,
        columns: Sequence[float] | NDArray,
        radii: Sequence[float] | NDArray,
        values: Sequence[float] | NDArray,
        planes: Sequence[float] | NDArray | None = None,
    ) -> "Sources":
        """Sources from any sequences of equal length.

        Raises:
            PhysicsError: lengths differ, centres off the nodes, radii below 0, values of 0, or
                numbers that are not finite.
        """
        lists = {"rows": rows, "columns": columns, "radii": radii, "values": values}
        lists |= {} if planes is None else {"planes": planes}
        arrays = {name: np.atleast_1d(real_array(name, each)) for name, each in lists.items()}
        if len({array.shape for array in arrays.values()}) != 1 or arrays["rows"].ndim != 1:
            shapes = ", ".join(str(array.shape) for array in arrays.values())
            raise PhysicsError(f"{', '.join(arrays)} must be lists of one length, not of {shapes}")
        for name, array in arrays.items():
            size = np.abs(array)
            least, most = SINGLE if name == "values" else (0.0, LARGEST_PLACE)
            lost = ~(size <= most) | ((size < least) & (size != 0))
            for wrong in array[lost][:1]:
                limits = f"of a size from {least:.0e} to {most:.0e}"
                rule = limits if np.isfinite(wrong) else "finite"
                raise PhysicsError(f"{name} of sources must be {rule}, not {wrong:g}")
            if name in ("rows", "columns", "planes") and (array != np.rint(array)).any():
                raise PhysicsError(f"centres of sources lie on nodes: {name} must be integers")
        if (arrays["radii"] < 0).any():
            smallest = arrays["radii"].min()
            raise PhysicsError(f"radii of sources must not be negative, not {smallest}")
        if (arrays["values"] == 0).any():  # which would even free nodes of discs before it
            raise PhysicsError(
                "values of sources must not be 0: an image of discs can't tell such nodes from "
                "free ones; name nodes that are held at 0 in a mask, fixed="
            )
        types = {**cls.ARRAYS, "planes": np.int32}
        parts: dict[str, Any] = {name: a.astype(types[name]) for name, a in arrays.items()}
        return cls(**parts)

    @property
    def count(self) -> int:
        """Number n of discs or balls."""
        return self.rows.size

    def arrays(self) -> dict[str, NDArray]:
        """The arrays of discs, (n,) each, by their names."""
        return {name: getattr(self, name) for name in self.ARRAYS}

    @property
    def centres(self) -> tuple[NDArray[np.int32], ...]:
        """(n,) coordinates along each axis."""
        plane = (self.rows, self.columns)
        return plane if self.planes is None else (self.planes, *plane)

    def image(self, lattice: Any = None, dtype: DTypeLike = np.float32) -> NDArray:
        """The source image on the lattice: each disc's value on its nodes, 0 elsewhere.

        Parts of a disc outside the lattice are cut off. Where discs overlap, the later one wins, or
        their values add (`overlap`).

        Args:
            lattice: its sides, or one for all; by default the lattice they were sampled for.
            dtype: of the image, a type of floating-point numbers.

        Raises:
            PhysicsError: no lattice, or a type that doesn't hold a value.
        """
        with np.errstate(over="ignore"):
            values = self.values.astype(dtype)
        lost = ~np.isfinite(values) | ((values == 0) & (self.values != 0))
        if np.dtype(dtype).kind != "f" or lost.any():
            which = f", which loses {self.values[lost][0]:g}" if lost.any() else ""
            raise PhysicsError(
                "a source image has a type of floating-point numbers that holds its values, such "
                f"as float64, not {np.dtype(dtype)}{which}"
            )
        image = np.zeros(self._lattice(lattice), dtype=dtype)
        for index, value in enumerate(values):
            patch, inside = self._patch(index, image.shape)
            if self.overlap:
                image[patch][inside] += value
            else:
                image[patch][inside] = value
        return image

    def labels(self, lattice: Any = None) -> NDArray[np.int32]:
        """k + 1 on the nodes of disc k, 0 elsewhere; of the lattice, which is as for `image`."""
        labels = np.zeros(self._lattice(lattice), dtype=np.int32)
        for index in range(self.count):
            patch, inside = self._patch(index, labels.shape)
            labels[patch][inside] = index + 1
        return labels

    def _lattice(self, lattice: Any) -> tuple[int, ...]:
        lattice = self.lattice if lattice is None else lattice
        if lattice is None:
            sides = "rows, columns" if self.planes is None else "planes, rows, columns"
            raise PhysicsError(f"these sources know no lattice: give one, sources.image(({sides}))")
        return check_sides(lattice, len(self.centres))

    def _patch(
        self, index: int, lattice: tuple[int, ...]
    ) -> tuple[tuple[slice, ...], NDArray[np.bool_]]:
        radius = float(self.radii[index])
        reach = math.floor(radius)
        patch, squares = [], []
        for coordinates, side in zip(self.centres, lattice, strict=True):
            centre = int(coordinates[index])
            start, stop = max(centre - reach, 0), min(centre + reach + 1, side)
            patch.append(slice(start, max(stop, start)))
            squares.append((np.arange(start, stop) - centre) ** 2)
        return tuple(patch), reduce(np.add.outer, squares) <= radius**2


def production_of(image: NDArray, medium: Medium) -> NDArray[np.float64]:
    """The production s = γ·x of sources that produce, of the image's shape [concentration/time].

    Far inside a wide source, the field is then the value of the source.

    Args:
        image: x, (…, rows, columns) [concentration].
        medium: its decay is γ [1/time].

    Raises:
        PhysicsError: an image of no real numbers, or of another shape than the decay.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> production_of(np.array([[0.0, 2.0]]), dk.Medium(decay=0.01)).tolist()
        [[0.0, 0.02]]
    """
    values = real_array("the source image", image)
    if np.ndim(medium.decay) and values.shape[-np.ndim(medium.decay) :] != medium.lattice:
        raise PhysicsError(
            f"the medium has arrays of shape {medium.lattice}, the source image {values.shape}"
        )
    return medium.decay * values
