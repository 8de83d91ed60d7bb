"""The maps of a tissue, and the problem that they make of a source image."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.medium import Medium, production_of
from diffkeras.physics.uptake.saturating import MichaelisMenten, SaturatingUptake

Map = NDArray[np.float32]


class Surroundings(NamedTuple):
    """What a field depends on, in addition to its source image.

    Attributes:
        medium: D, γ, h and the boundaries.
        uptake: of cells, where it saturates.
        production: what cells release on each node, (rows, columns) [concentration/time].
    """

    medium: Medium
    uptake: SaturatingUptake | None = None
    production: NDArray | None = None

    def problem(self, source_image: Any, production: bool = False) -> dict[str, Any]:
        """The keyword arguments of `solve`, `certify` and `refine` for a source image.

        With `production`, its sources produce γ times their values, and hold no node.
        """
        if production:
            return {"production": production_of(source_image, self.medium), "medium": self.medium}
        given = {name: part for name, part in self._asdict().items() if part is not None}
        return {"source_image": source_image, **given}


class TissueMaps(NamedTuple):
    """What varies from node to node of a tissue, (rows, columns) each.

    Attributes:
        diffusivity: D [length²/time].
        decay: γ [1/time], with the uptake of cells where it is in proportion.
        uptake: v of Michaelis–Menten uptake v u/(K + u) [concentration/time]; None where uptake is
            in proportion.
        saturation: K [concentration], given as a map; None where `uptake` is.
        production: what cells release [concentration/time]; None where none does.
    """

    diffusivity: Map
    decay: Map
    uptake: Map | None = None
    saturation: Map | None = None
    production: Map | None = None

    @property
    def given(self) -> dict[str, Map]:
        """Those that aren't None, by name."""
        return {name: values for name, values in self._asdict().items() if values is not None}

    def within(self, medium: Medium) -> Surroundings:
        """The surroundings of the maps; lattice step and boundaries are those of a medium."""
        maps = {name: values.astype(np.float64) for name, values in self.given.items()}
        own = replace(medium, diffusivity=maps["diffusivity"], decay=maps["decay"])
        uptake = MichaelisMenten(maps["uptake"], maps["saturation"]) if "uptake" in maps else None
        return Surroundings(own, uptake, maps.get("production"))
