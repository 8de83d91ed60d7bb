"""Tissues: cells that take up or secrete, and regions that differ in diffusivity.

A tissue changes a uniform medium from node to node. Its cells are discs, its regions the
Voronoi cells of some nodes (Voronoi 1908; Okabe et al. 2000). All are drawn as whole nodes, so that
the maps are the same on every machine. Cells are placed independently of each other, and so are the
nodes that regions lie around.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import (
    LARGEST,
    SMALLEST,
    ShortRepr,
    check_lattice,
    check_rng,
    check_whole,
    check_within,
)
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.sources import LARGEST_PLACE, Sources

MOST_CELLS = 100_000
MOST_REGIONS = 10_000

Range = tuple[float, float]
# by attribute of `TissueSampler`: the least and the largest that the range may hold
LIMITS: dict[str, tuple[float, float]] = {
    "cells": (0, MOST_CELLS),
    "cell_radius": (0.0, LARGEST_PLACE),
    "uptake": (SMALLEST, LARGEST),
    "regions": (1, MOST_REGIONS),
    "diffusivity": (SMALLEST, LARGEST),
    "saturation": (SMALLEST, LARGEST),
    "secreting_cells": (0, MOST_CELLS),
    "secretion": (SMALLEST, LARGEST),
}
WHOLE = ("cells", "regions", "secreting_cells")
OPTIONAL = ("saturation",)


@dataclass(frozen=True, eq=False, repr=False)
class Tissue(ShortRepr):
    """Cells and regions on a lattice.

    Attributes:
        cells: discs whose values are their uptake rates k > 0 [1/time], by rising uptake; where
            uptake saturates, its maxima v [concentration/time].
        region_rows, region_columns: (m,) int32, the nodes that the regions lie around.
        region_diffusivities: (m,) float32, as multiples of the medium's diffusivity.
        saturation: K of Michaelis–Menten uptake v u/(K + u) [concentration]; None where cells take
            up in proportion.
        secreting: discs whose values are what they release [concentration/time], or None.
    """

    cells: Sources
    region_rows: NDArray[np.int32]
    region_columns: NDArray[np.int32]
    region_diffusivities: NDArray[np.float32]
    saturation: float | None = None
    secreting: Sources | None = None

    def maps(self, lattice: Any, medium: Medium) -> dict[str, NDArray[np.float32]]:
        """What varies in a tissue within a uniform medium: (rows, columns) each, as `maps_of`.

        Uptake and saturation only where cells saturate, production only where some secrete.
        """
        diffusivity, decay = numbers_of(medium)
        spread = self.diffusivity_map(lattice, diffusivity)
        maps = {"diffusivity": spread}
        if self.saturation is None:
            # the largest k where cells overlap
            maps["decay"] = (decay + self.cells.image(spread.shape, np.float64)).astype(np.float32)
        else:
            maps["decay"] = np.full_like(spread, decay)
            maps["uptake"] = self.cells.image(spread.shape)
            maps["saturation"] = np.full_like(spread, self.saturation)
        if self.secreting is not None:
            maps["production"] = self.secreting.image(spread.shape)
        return maps

    def diffusivity_map(self, lattice: Any, diffusivity: float = 1.0) -> NDArray[np.float32]:
        """The diffusivity on each node [length²/time], of the region whose node is nearest.

        Of nodes that are equally near, the first counts.

        Args:
            lattice: (rows, columns), or a side.
            diffusivity: D of the medium [length²/time], which the regions' are multiples of.
        """
        rows, columns = np.ogrid[tuple(slice(side) for side in check_lattice(lattice))]
        least = np.full((rows.size, columns.size), np.iinfo(np.int64).max)
        nearest = np.zeros(least.shape, np.intp)
        centres = zip(self.region_rows.tolist(), self.region_columns.tolist(), strict=True)
        for region, (row, column) in enumerate(centres):
            distance = (rows - row) ** 2 + (columns - column) ** 2
            nearest[distance < least] = region
            np.minimum(least, distance, out=least)
        each = diffusivity * self.region_diffusivities.astype(np.float64)
        return each[nearest].astype(np.float32)


def numbers_of(medium: Medium) -> tuple[float, float]:
    """D and γ of a uniform medium whose axes have one diffusivity."""
    medium.require("a tissue", "uniform", "plane")
    along, across = medium.diffusivities
    if along != across:
        raise PhysicsError(
            f"a tissue needs one diffusivity for both axes, not {along:g} and {across:g}"
        )
    return float(along), float(medium.decay)


@dataclass(frozen=True)
class TissueSampler:
    """How tissues are distributed. A number stands for a range of this number alone.

    Attributes:
        cells: range (fewest, most) of the number of cells, uniform.
        cell_radius: range of their radii [lattice steps], uniform.
        uptake: range of their uptake rates k [1/time], log-uniform.
        regions: range (fewest, most) of the number of regions, uniform.
        diffusivity: range of the regions' diffusivities, log-uniform, as multiples of the medium's
            diffusivity.
        saturation: range of K [concentration], log-uniform, one for all cells of a tissue, which
            take up v u/(K + u); `uptake` is then the range of v [concentration/time]. None for
            uptake in proportion to u.
        secreting_cells: range of the number of further cells, which secrete and don't take up.
        secretion: range of what each of these releases [concentration/time], log-uniform.

    Raises:
        PhysicsError: a range that descends or leaves its limits; `argument` is its name.

    Example:
        >>> tissue = TissueSampler(cells=(10, 20)).sample(64, rng=0)
        >>> 10 <= tissue.cells.count <= 20
        True
        >>> tissue.diffusivity_map(64).shape
        (64, 64)
    """

    cells: tuple[int, int] = (50, 400)
    cell_radius: Range = (2.0, 5.0)
    uptake: Range = (0.01, 0.5)
    regions: tuple[int, int] = (1, 5)
    diffusivity: Range = (0.1, 1.0)
    saturation: Range | None = None
    secreting_cells: tuple[int, int] = (0, 0)
    secretion: Range = (0.001, 0.01)

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, _range(field.name, getattr(self, field.name)))

    def sample(self, lattice: Any, rng: int | np.random.Generator) -> Tissue:
        """A random tissue.

        Args:
            lattice: (rows, columns), or a side. Centres of cells are uniform over its nodes.
            rng: a generator or a seed, the only source of randomness.

        Raises:
            PhysicsError: more regions than nodes.
        """
        rows, columns = self._check_lattice(lattice)
        rng = check_rng(rng)
        cells = self._sample_cells(self.cells, self.uptake, (rows, columns), rng)
        regions = int(rng.integers(*self.regions, endpoint=True))
        nodes = rng.choice(rows * columns, regions, replace=False)
        diffusivities = _log_uniform(self.diffusivity, regions, rng)
        # drawn last, so that other tissues stay what they were before there was any of this
        saturation, secreting = None, None
        if self.saturation is not None:
            saturation = float(_log_uniform(self.saturation, 1, rng)[0])
        if self.secretes:
            numbers = self.secreting_cells, self.secretion
            secreting = self._sample_cells(*numbers, (rows, columns), rng)
        row, column = (part.astype(np.int32) for part in divmod(nodes, columns))
        return Tissue(cells, row, column, diffusivities, saturation, secreting)

    @property
    def secretes(self) -> bool:
        """Whether cells of some tissues secrete."""
        return self.secreting_cells[1] > 0

    @property
    def maps(self) -> tuple[str, ...]:
        """Names of the maps of its tissues."""
        saturating = [] if self.saturation is None else ["uptake", "saturation"]
        secreting = ["production"] if self.secretes else []
        return ("diffusivity", "decay", *saturating, *secreting)

    @property
    def varying_maps(self) -> tuple[str, ...]:
        """Names of the maps that differ between tissues, or from the uniform medium."""
        vary = {"production"}
        if self.diffusivity != (1, 1):
            vary.add("diffusivity")
        if self.cells[1]:
            vary |= {"decay"} if self.saturation is None else {"uptake", "saturation"}
        return tuple(name for name in self.maps if name in vary)

    @property
    def fastest_uptake(self) -> float:
        """The largest rate of uptake, per concentration [1/time]; that at 0 where it saturates."""
        return self.uptake[1] / (1.0 if self.saturation is None else self.saturation[0])

    def _sample_cells(
        self,
        number: tuple[int, int],
        values: Range,
        lattice: tuple[int, int],
        rng: np.random.Generator,
    ) -> Sources:
        """Discs by rising value, as the later disc wins in an image."""
        count = int(rng.integers(*number, endpoint=True))
        places = rng.integers(0, lattice, (count, 2))
        radii = rng.uniform(*self.cell_radius, count).astype(np.float32)
        drawn = _log_uniform(values, count, rng)
        order = np.argsort(drawn, kind="stable")
        centres = places[order]
        return Sources.from_lists(centres[:, 0], centres[:, 1], radii[order], drawn[order])

    def check(self, lattice: Any, medium: Medium) -> None:
        """Raise a PhysicsError unless all tissues that may be drawn in a medium have a field."""
        self._check_lattice(lattice)
        diffusivity, decay = numbers_of(medium)
        if medium.is_closed and not (decay or self.cells[0]):
            raise PhysicsError(
                "some tissues would have no cell, and with decay 0 and no absorbing boundary "
                "nothing takes up what the sources give; give at least 1 cell, a positive decay or "
                "an absorbing boundary"
            )
        extremes = diffusivity * np.array([self.diffusivity])
        rates = decay + np.array([[0.0, self.fastest_uptake]])
        # some tissues have regions of both extremes, others of the smallest diffusivity alone
        for part in (extremes, float(extremes[0, 0])):
            replace(medium, diffusivity=part)
            try:
                replace(medium, diffusivity=part, decay=rates)
            except PhysicsError as error:
                raise PhysicsError(f"the decay with the fastest uptake {error.problem}") from None

    def _check_lattice(self, lattice: Any) -> tuple[int, int]:
        rows, columns = check_lattice(lattice)
        if self.regions[1] > rows * columns:
            raise PhysicsError(
                f"must be at most {rows * columns}, the nodes of {rows}×{columns}, not "
                f"{self.regions[1]}",
                "regions",
            )
        return rows, columns


def _range(name: str, value: Any) -> Any:
    """The range (smallest, largest) that an attribute of `TissueSampler` stands for, or None."""
    if value is None and name in OPTIONAL:
        return None
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    least, most = LIMITS[name]
    ends = [
        check_whole(name, end, int(least), int(most))
        if name in WHOLE
        else check_within(name, end, least, most)
        for end in pair[:3]
    ]
    if len(ends) != 2 or ends[0] > ends[1]:
        raise PhysicsError(
            f"must be a number or a range (smallest, largest) that ascends, not {value!r:.60}", name
        )
    return tuple(ends)


def _log_uniform(limits: Range, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    low, high = limits
    drawn = low * (high / low) ** rng.random(count)
    return drawn.clip(low, high).astype(np.float32)
