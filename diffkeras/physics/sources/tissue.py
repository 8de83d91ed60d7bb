"""Random tissues: cells that take up, and regions that differ in diffusivity.

A tissue changes a uniform medium from node to node. Its cells are discs, placed independently of
each other; its regions are the Voronoi cells of random nodes (Voronoi 1908; Okabe et al. 2000).
Both are drawn as whole nodes, so that the maps are the same on every machine.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import (
    SHOWN,
    check_lattice,
    check_number,
    check_rng,
    check_whole,
)
from diffkeras.physics.medium import LARGEST, SMALLEST, Medium
from diffkeras.physics.short_repr import ShortRepr
from diffkeras.physics.sources.discs import LARGEST_PLACE, Sources

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
}
WHOLE = ("cells", "regions")


class MediumMaps(NamedTuple):
    """A medium that varies: D [length²/time] and γ [1/time] of each node, (rows, columns)."""

    diffusivity: NDArray[np.float32]
    decay: NDArray[np.float32]

    def within(self, medium: Medium) -> Medium:
        """The medium of the maps, with the lattice step and the boundaries of another one."""
        diffusivity, decay = (part.astype(np.float64) for part in self)
        return replace(medium, diffusivity=diffusivity, decay=decay)


@dataclass(frozen=True, eq=False, repr=False)
class Tissue(ShortRepr):
    """Cells and regions on a lattice.

    Attributes:
        cells: discs whose values are their uptake rates k > 0 [1/time], by rising uptake. Parts
            beyond the lattice don't count.
        region_rows, region_columns: (m,) int32, the nodes that the regions lie around.
        region_diffusivities: (m,) float32, as multiples of the medium's diffusivity.
    """

    cells: Sources
    region_rows: NDArray[np.int32]
    region_columns: NDArray[np.int32]
    region_diffusivities: NDArray[np.float32]

    def maps(self, lattice: Any, medium: Medium) -> MediumMaps:
        """D and γ of each node of a lattice, in a tissue within a uniform medium."""
        diffusivity, decay = _numbers(medium)
        return MediumMaps(
            self.diffusivity_map(lattice, diffusivity), self.decay_map(lattice, decay)
        )

    def decay_map(self, lattice: Any, decay: float) -> NDArray[np.float32]:
        """γ + k of the cell on each node, the largest k where cells overlap.

        Args:
            lattice: (rows, columns), or a side.
            decay: γ of the medium between the cells [1/time].

        Returns:
            (rows, columns) [1/time].
        """
        uptake = self.cells.image(lattice, np.float64)
        return (decay + uptake).astype(np.float32)

    def diffusivity_map(self, lattice: Any, diffusivity: float = 1.0) -> NDArray[np.float32]:
        """The diffusivity of each node: that of the region whose node is nearest.

        Args:
            lattice: (rows, columns), or a side.
            diffusivity: D of the medium [length²/time], which the regions' are multiples of.

        Returns:
            (rows, columns) [length²/time]. Of nodes that are equally near, the first counts.
        """
        rows, columns = np.ogrid[tuple(slice(side) for side in check_lattice(lattice))]
        least = np.full((rows.size, columns.size), np.iinfo(np.int64).max)
        nearest = np.zeros(least.shape, np.intp)
        centres = zip(self.region_rows.tolist(), self.region_columns.tolist(), strict=True)
        for region, (row, column) in enumerate(centres):
            distance = (rows - row) ** 2 + (columns - column) ** 2
            nearest[distance < least] = region
            np.minimum(least, distance, out=least)
        return (diffusivity * self.region_diffusivities.astype(np.float64))[nearest].astype(
            np.float32
        )


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

    Raises:
        PhysicsError: a range that descends or leaves its limits; the message names it.

    Example:
        >>> tissue = TissueSampler(cells=(10, 20)).sample(64, rng=0)
        >>> 10 <= tissue.cells.count <= 20
        True
        >>> tissue.decay_map(64, decay=0.001).shape
        (64, 64)
    """

    cells: tuple[int, int] = (50, 400)
    cell_radius: Range = (2.0, 5.0)
    uptake: Range = (0.01, 0.5)
    regions: tuple[int, int] = (1, 5)
    diffusivity: Range = (0.1, 1.0)

    def __post_init__(self) -> None:
        for field in fields(self):
            checked = check_range(field.name, getattr(self, field.name))
            object.__setattr__(self, field.name, checked)

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
        count = int(rng.integers(*self.cells, endpoint=True))
        places = rng.integers(0, (rows, columns), (count, 2))
        radii = rng.uniform(*self.cell_radius, count).astype(np.float32)
        uptake = _log_uniform(self.uptake, count, rng)
        order = np.argsort(uptake, kind="stable")  # the later disc wins in an image
        centres = places[order]
        cells = Sources.from_lists(centres[:, 0], centres[:, 1], radii[order], uptake[order])
        regions = int(rng.integers(*self.regions, endpoint=True))
        nodes = rng.choice(rows * columns, regions, replace=False)
        return Tissue(
            cells,
            (nodes // columns).astype(np.int32),
            (nodes % columns).astype(np.int32),
            _log_uniform(self.diffusivity, regions, rng),
        )

    def check(self, lattice: Any, medium: Medium) -> None:
        """Check that all tissues that may be drawn have a field.

        Args:
            lattice: (rows, columns), or a side.
            medium: the uniform medium between the cells.

        Raises:
            PhysicsError: more regions than nodes, a diffusivity or decay beyond the limits of
                `Medium`, or tissues in which nothing may take up what the sources give.
        """
        self._check_lattice(lattice)
        diffusivity, decay = _numbers(medium)
        if not (decay or self.cells[0] or "absorbing" in medium.boundaries):
            raise PhysicsError(
                "some tissues would have no cell, and with decay 0 and no absorbing boundary "
                "nothing takes up what the sources give; give at least 1 cell, a positive decay or "
                "an absorbing boundary"
            )
        extremes = diffusivity * np.array([self.diffusivity])
        rates = decay + np.array([[0.0, self.uptake[1]]])
        # some tissues have regions of both extremes, others of the smallest diffusivity alone
        for part in (extremes, float(extremes[0, 0])):
            replace(medium, diffusivity=part, decay=rates)

    def _check_lattice(self, lattice: Any) -> tuple[int, int]:
        rows, columns = check_lattice(lattice)
        if self.regions[1] > rows * columns:
            raise PhysicsError(
                f"regions must be at most {rows * columns}, the nodes of {rows}×{columns}, not "
                f"{self.regions[1]}"
            )
        return rows, columns


def check_range(name: str, value: Any) -> Any:
    """The range (smallest, largest) that an attribute of `TissueSampler` stands for.

    Raises:
        PhysicsError: neither a number nor an ascending range within `LIMITS`.
    """
    given = tuple(value) if isinstance(value, tuple | list) else (value, value)
    least, most = LIMITS[name]
    kind = "whole number" if name in WHOLE else "number"
    if len(given) != 2:
        raise PhysicsError(
            f"{name} must be a {kind} or a range (smallest, largest), not {repr(value)[:SHOWN]}"
        )
    if name in WHOLE:
        ends: list[float] = [check_whole(name, end, int(least), int(most)) for end in given]
    else:
        ends = [check_number(name, end) for end in given]
    for end in ends:
        if not least <= end <= most:
            raise PhysicsError(f"{name} must be {least:g} to {most:g}, not {end:g}")
    if ends[0] > ends[1]:
        raise PhysicsError(
            f"{name} must be a range (smallest, largest) that ascends, not {repr(value)[:SHOWN]}"
        )
    return tuple(ends)


def _log_uniform(limits: Range, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    low, high = limits
    drawn = low * (high / low) ** rng.random(count)
    return drawn.clip(low, high).astype(np.float32)


def _numbers(medium: Medium) -> tuple[float, float]:
    """D and γ of a uniform medium whose axes have one diffusivity."""
    medium.require_uniform("a tissue")
    medium.require_plane("a tissue")
    along, across = medium.diffusivities
    if along != across:
        raise PhysicsError(
            f"a tissue needs one diffusivity for both axes, not {along:g} and {across:g}"
        )
    return float(along), float(medium.decay)
