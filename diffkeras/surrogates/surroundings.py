"""Until surrogates take Problems: what surrounds the sources of an image."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics import Medium, MichaelisMenten, Problem, production_of


class Surroundings(NamedTuple):
    """To be replaced by Problem."""

    medium: Medium
    uptake: MichaelisMenten | None = None
    production: NDArray | None = None

    def problem(self, source_image: Any, production: bool = False) -> Problem:
        """The problem of a source image."""
        if production:
            return Problem(production=production_of(source_image, self.medium), medium=self.medium)
        return Problem(source_image, **self._asdict())

    @classmethod
    def of_maps(cls, maps: Mapping[str, NDArray], medium: Medium) -> "Surroundings":
        """Those of maps."""
        parts = {name: values.astype(np.float64) for name, values in maps.items()}
        own = replace(medium, diffusivity=parts["diffusivity"], decay=parts["decay"])
        law = MichaelisMenten(parts["uptake"], parts["saturation"]) if "uptake" in parts else None
        return cls(own, law, parts.get("production"))
