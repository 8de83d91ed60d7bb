"""What the solver and a model get: source images with what surrounds their sources."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.evaluation.images import ImageBatch
from diffkeras.physics import Sources, Surroundings, TissueMaps, solve


@dataclass(frozen=True)
class Inputs:
    """Some images without their fields.

    Attributes:
        images: (images, rows, columns) float32.
        sources: the discs of each image.
        surroundings: of the sources of each image.
        production: whether sources produce; otherwise they hold their values.
        divide_by_maximum: whether fields are divided by their maximum.
        maps: names of the maps that surrogates are told.
        tissues: the maps of the tissue of each image; empty without tissues.
    """

    images: NDArray[np.float32]
    sources: list[Sources]
    surroundings: list[Surroundings]
    production: bool
    divide_by_maximum: bool
    maps: tuple[str, ...] = ()
    tissues: Sequence[TissueMaps] = ()

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The arrays that define the images' problems, by name; maps where media vary."""
        arrays = {"source_images": self.images}
        for name in self.tissues[0].given if self.tissues else ():
            arrays[name] = np.stack([getattr(tissue, name) for tissue in self.tissues])
        return arrays

    def solve(self) -> ImageBatch:
        """The images with their fields, exact in double precision, on the dataset's scale."""
        fields = np.stack(
            [
                exact_field(*one, self.production)
                for one in zip(self.images, self.surroundings, strict=True)
            ]
        )
        maxima = None
        if self.divide_by_maximum:
            maxima = fields.max(axis=(1, 2))
            fields /= maxima[:, None, None]
        return ImageBatch(
            self.images,
            fields,
            self.sources,
            None,
            self.surroundings,
            self.production,
            maxima,
            {k: values for k, values in self.arrays().items() if k in self.maps},
        )


def exact_field(
    image: NDArray[np.float32], around: Surroundings, production: bool
) -> NDArray[np.floating]:
    """The field of a source image, (rows, columns) float64, undivided."""
    return solve(**around.problem(image, production)).field


def draw_inputs(config: Config, count: int, numbers: Sequence[int]) -> Inputs:
    """Images of the test split of one source count, without solving anything."""
    recipe = DatasetConfig.of(count, config).recipe()
    sources = [recipe.sources("test", k) for k in numbers]
    images = np.stack([discs.image(recipe.lattice) for discs in sources])
    maps = [recipe.maps_of("test", k) for k in numbers]
    around = [recipe.surroundings(None, one) for one in maps]
    kind = recipe.production, recipe.divide_by_maximum
    tissues = [one for one in maps if one is not None]
    return Inputs(images, sources, around, *kind, config.data.maps, tissues)
