"""Tissues: cells that take up or secrete, regions that differ in diffusivity, and their maps.

A tissue changes a uniform medium from node to node. Its cells are discs, its regions the
Voronoi cells of some nodes (Voronoi 1908; Okabe et al. 2000). All are drawn as whole nodes, so that
the maps are the same on every machine.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_lattice
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.sources import Sources
from diffkeras.physics.values import ShortRepr

Map = NDArray[np.float32]


@dataclass(frozen=True, eq=False, repr=False)
class Tissue(ShortRepr):
    """Cells and regions on a lattice.

    Attributes:
        cells: discs whose values are their uptake rates k > 0 [1/time], by rising uptake; where
            uptake saturates, its maxima v [concentration/time]. Parts beyond the lattice don't
            count.
        region_rows, region_columns: (m,) int32, the nodes that the regions lie around.
        region_diffusivities: (m,) float32, as multiples of the medium's diffusivity.
        saturation: K of Michaelis–Menten uptake v u/(K + u) [concentration], a float32's value;
            None where cells take up in proportion.
        secreting: discs whose values are what they release [concentration/time], by rising value;
            None where no cell does.
    """

    cells: Sources
    region_rows: NDArray[np.int32]
    region_columns: NDArray[np.int32]
    region_diffusivities: NDArray[np.float32]
    saturation: float | None = None
    secreting: Sources | None = None

    def maps(self, lattice: Any, medium: Medium) -> dict[str, Map]:
        """What varies from node to node of a lattice, in a tissue within a uniform medium.

        Returns:
            (rows, columns) each, by the names of `maps_of`: uptake and saturation only
            where cells saturate, production only where some secrete.
        """
        diffusivity, decay = numbers_of(medium)
        spread = self.diffusivity_map(lattice, diffusivity)
        maps = {"diffusivity": spread}
        if self.saturation is None:
            maps["decay"] = self.decay_map(lattice, decay)
        else:
            maps["decay"] = np.full_like(spread, decay)
            maps["uptake"] = self.cells.image(spread.shape)
            maps["saturation"] = np.full_like(spread, self.saturation)
        if self.secreting is not None:
            maps["production"] = self.secreting.image(spread.shape)
        return maps

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


def numbers_of(medium: Medium) -> tuple[float, float]:
    """D and γ of a uniform medium whose axes have one diffusivity."""
    medium.require_uniform("a tissue")
    medium.require_plane("a tissue")
    along, across = medium.diffusivities
    if along != across:
        raise PhysicsError(
            f"a tissue needs one diffusivity for both axes, not {along:g} and {across:g}"
        )
    return float(along), float(medium.decay)
