"""Sources: discs of constant value, and their random placement without overlap."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from diffkeras.errors import PackingError, PhysicsError
from diffkeras.physics.sources.placement import Placement, place

Radius = float | tuple[float, float]
ValueDistribution = Literal["uniform", "constant"] | tuple[Literal["log_uniform"], float]

RESTARTS = 100  # placements from scratch before sources count as not fitting, at the most …
PLACEMENTS = 10_000  # … and discs placed in all of them: jammed counts of many discs hardly vary
UNIFORM = Placement()
LARGEST_PLACE = 2.0**30  # lattice steps
SINGLE = (float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max))


@dataclass(frozen=True)
class Sources:
    """Discs on the lattice, each holding the field at a value.

    A node (i, j) belongs to a disc when (i − row)² + (j − column)² ≤ radius² (arXiv 2302.03786).

    Attributes:
        rows, columns: (n,) int32, centres [lattice steps].
        radii: (n,) float32 [lattice steps].
        values: (n,) float32, the field inside and on the rim [concentration].
    """

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    radii: NDArray[np.float32]
    values: NDArray[np.float32]

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
        arrays = [np.atleast_1d(np.asarray(a, dtype=np.float64)) for a in (rows, columns, radii)]
        arrays.append(np.atleast_1d(np.asarray(values, dtype=np.float64)))
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
        for name, given in zip(("row", "column", "radius", "value"), arrays, strict=True):
            size = np.abs(given)
            least, largest = SINGLE if name == "value" else (0.0, LARGEST_PLACE)
            lost = (size > largest) | ((size < least) & (size != 0))
            if lost.any():
                raise PhysicsError(
                    f"a {name} of {given[lost][0]:g} is beyond what sources hold, sizes from "
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

    def image(self, lattice: tuple[int, int], dtype: DTypeLike = np.float32) -> NDArray:
        """The source image, (rows, columns): each disc's value on its nodes, 0 elsewhere.

        Parts of a disc outside the lattice are cut off. Where discs overlap, the later one wins.
        """
        image = np.zeros(lattice, dtype=dtype)
        for index in range(self.count):
            patch, inside = self._patch(index, lattice)
            image[patch][inside] = self.values[index]
        return image

    def labels(self, lattice: tuple[int, int]) -> NDArray[np.int32]:
        """(rows, columns): k + 1 on the nodes of disc k, 0 elsewhere."""
        labels = np.zeros(lattice, dtype=np.int32)
        for index in range(self.count):
            patch, inside = self._patch(index, lattice)
            labels[patch][inside] = index + 1
        return labels

    def _patch(
        self, index: int, lattice: tuple[int, int]
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


def sample_sources(
    count: int,
    lattice: tuple[int, int],
    *,
    radius: Radius = 5.0,
    placement: Placement = UNIFORM,
    values: ValueDistribution = "uniform",
    rng: np.random.Generator,
) -> Sources:
    """Random sources as in arXiv 2302.03786: inside the lattice, apart, one of them of value 1.

    Centres are placed one after another, each uniformly over the nodes that keep its disc inside
    the lattice and off the discs that are there (random sequential adsorption). "Inside" means that
    the whole disc lies between the outermost nodes, and discs that touch in a point count as
    overlapping. Radii are uniform over the range, larger discs are placed first. The other values
    are uniform on (0, 1].

    Args:
        count: number n ≥ 0 of discs.
        lattice: (rows, columns).
        radius: one radius [lattice steps], or a range (smallest, largest).
        placement: how centres are distributed: uniformly, in clusters, or near the edge.
        values: "uniform" on (0, 1], "constant" (all 1), or ("log_uniform", smallest).
        rng: the only source of randomness; the same state gives the same sources.

    Raises:
        PackingError: so many or so large discs don't fit; the message says how many do.
        PhysicsError: a negative count, or a radius that is negative, not finite, or not a range.

    Example:
        >>> import numpy as np
        >>> sources = sample_sources(3, (64, 64), rng=np.random.default_rng(0))
        >>> sources.count, float(sources.values.max())
        (3, 1.0)
    """
    smallest, largest = check_radius(radius)
    check_values(values)
    if count < 0:
        raise PhysicsError(f"the source count must not be negative, not {count}")
    if count == 0:
        return Sources.from_lists([], [], [], [])
    radii = np.full(count, smallest, dtype=np.float32)
    if largest > smallest:
        radii = np.sort(rng.uniform(smallest, largest, count).astype(np.float32))[::-1].copy()
    # by the range, not by the draw, so that a range is refused always or never
    side = 2 * math.ceil(float(np.float32(largest))) + 1
    if side > min(lattice):
        raise PackingError(
            f"a disc of radius {largest:g} needs {side}×{side} nodes and doesn't fit on "
            f"{lattice[0]}×{lattice[1]}: 0 fit; choose a smaller radius or a larger lattice"
        )
    # in float32, like the discs: the rounded radius may need a smaller margin
    _refuse_hopeless(count, lattice, float(np.float32(smallest)))
    most = 0
    restarts = min(RESTARTS, 2 + PLACEMENTS // count)
    for _ in range(restarts):
        centres = place(radii, lattice, rng, placement)
        if len(centres) == count:
            break
        most = max(most, len(centres))
    else:
        size = (
            f"radius {smallest:g}" if smallest == largest else f"radii {smallest:g} to {largest:g}"
        )
        raise PackingError(
            f"{count} discs of {size} don't fit on {lattice[0]}×{lattice[1]} without overlap: at "
            f"most {most} fit in {restarts} random placements; choose fewer sources, a smaller "
            "radius or a larger lattice"
        )
    rows, columns = np.array(centres, dtype=np.int32).T
    return Sources(rows.copy(), columns.copy(), radii, _draw_values(values, count, rng))


def check_radius(radius: Radius) -> tuple[float, float]:
    """The range (smallest, largest) that a radius stands for.

    Raises:
        PhysicsError: negative, not finite, or not a range.
    """
    pair = tuple(radius) if isinstance(radius, tuple | list) else (radius, radius)
    if len(pair) != 2 or not all(math.isfinite(r) for r in pair) or not 0 <= pair[0] <= pair[1]:
        raise PhysicsError(
            f"the radius must be a number ≥ 0 or a range (smallest, largest), not {radius}"
        )
    return float(pair[0]), float(pair[1])


def check_values(values: ValueDistribution) -> None:
    """Refuse a distribution of values that there isn't.

    Raises:
        PhysicsError: an unknown name, or a smallest value out of (0, 1].
    """
    if isinstance(values, tuple | list):
        if len(values) == 2 and values[0] == "log_uniform" and 0 < values[1] <= 1:
            return
    elif values in ("uniform", "constant"):
        return
    raise PhysicsError(
        f"values must be uniform, constant, or (log_uniform, smallest) with a smallest value in "
        f"(0, 1], not {values}"
    )


def _refuse_hopeless(count: int, lattice: tuple[int, int], radius: float) -> None:
    """Refuse at once what no arrangement of discs of at least this radius could hold.

    Points at mutual distance ≥ d in a convex region of area A and perimeter P number at most
    2A/(√3 d²) + P/(2d) + 1 (Groemer 1960; Oler 1961). The region is the rectangle of
    permitted centres. They are nodes more than 2R apart, so d² is an integer: the smallest one
    above 4R².
    """
    height, width = (side - 1 - 2 * math.ceil(radius) for side in lattice)
    squared = math.floor(4 * radius**2) + 1
    bound = (
        2 * height * width / (math.sqrt(3) * squared) + (height + width) / math.sqrt(squared) + 1
    )
    # the bound is met exactly by discs in a row, so it must not lose a disc to rounding
    limit = min(math.floor(bound * (1 + 1e-12)), (height + 1) * (width + 1))
    if count > limit:
        raise PackingError(
            f"{count} discs of radius {radius:g} don't fit on {lattice[0]}×{lattice[1]} without "
            f"overlap: no arrangement holds more than {limit}; choose fewer sources, a smaller "
            "radius or a larger lattice"
        )


def _draw_values(
    values: ValueDistribution, count: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Values of `count` discs, in (0, 1], one of them 1."""
    if isinstance(values, tuple | list):
        low = float(np.float32(values[1]))
        drawn = (low ** rng.random(count)).astype(np.float32)
    elif values == "constant":
        return np.ones(count, dtype=np.float32)
    else:
        drawn = (1.0 - rng.random(count)).astype(np.float32)
    drawn[rng.integers(count)] = 1.0
    return drawn
