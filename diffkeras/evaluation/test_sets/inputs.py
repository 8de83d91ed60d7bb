"""What the solver and a model get: source images with their sources and media."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.evaluation.images import ImageBatch
from diffkeras.physics import Medium, Sources, production_of, solve


@dataclass(frozen=True)
class Inputs:
    """Some images without their fields.

    Attributes:
        images: (images, rows, columns) float32.
        sources: the discs of each image.
        media: the medium of each image.
        production: whether sources produce; otherwise they hold their values.
        divide_by_maximum: whether fields are divided by their maximum.
        maps: names of the maps that surrogates are told.
    """

    images: NDArray[np.float32]
    sources: list[Sources]
    media: list[Medium]
    production: bool
    divide_by_maximum: bool
    maps: tuple[str, ...] = ()

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The arrays that define the images' problems, by name; maps where media vary."""
        arrays = {"source_images": self.images}
        if not self.media[0].is_uniform:
            for name in ("diffusivity", "decay"):
                maps = [getattr(medium, name) for medium in self.media]
                arrays[name] = np.stack(maps).astype(np.float32)
        return arrays

    def solve(self) -> ImageBatch:
        """The images with their fields, exact in double precision, on the dataset's scale."""
        fields = np.stack(
            [
                exact_field(*one, self.production)
                for one in zip(self.images, self.media, strict=True)
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
            self.media,
            self.production,
            maxima,
            {k: values for k, values in self.arrays().items() if k in self.maps},
        )


def exact_field(
    image: NDArray[np.float32], medium: Medium, production: bool
) -> NDArray[np.floating]:
    """The field of a source image, (rows, columns) float64, undivided."""
    if production:
        return solve(production=production_of(image, medium), medium=medium).field
    return solve(image, medium=medium).field


def draw_inputs(config: Config, count: int, numbers: Sequence[int]) -> Inputs:
    """Images of the test split of one source count, without solving anything."""
    recipe = DatasetConfig.of(count, config).recipe()
    sources = [recipe.sources("test", k) for k in numbers]
    images = np.stack([discs.image(recipe.lattice) for discs in sources])
    maps = [recipe.maps_of("test", k) for k in numbers]
    media = [recipe.medium if one is None else one.within(recipe.medium) for one in maps]
    kind = recipe.production, recipe.divide_by_maximum
    return Inputs(images, sources, media, *kind, config.data.maps)
