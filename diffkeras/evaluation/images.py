"""The test images of an evaluation, in batches or one by one."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.data import raw_dataset
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.physics import Sources, Surroundings, TissueMaps
from diffkeras.surrogates.given_media import medium_inputs


@dataclass(frozen=True)
class ImageBatch:
    """Some test images of one source count.

    Attributes:
        images, fields: (images, rows, columns), linear scale.
        sources: the discs of each image.
        lengths: (images,) diffusion lengths [length]; None if all images have one medium.
        surroundings: of the sources of each image.
        production: whether sources produce; otherwise they hold their values.
        maxima: (images,) what the fields were divided by; None if they were not.
        told: what a surrogate is told of the media, as keyword arguments of `Surrogate.predict`.
    """

    images: NDArray[np.float32]
    fields: NDArray[np.floating]
    sources: list[Sources]
    lengths: NDArray[np.float32] | None
    surroundings: list[Surroundings]
    production: bool = False
    maxima: NDArray[np.floating] | None = None
    told: dict[str, Any] = field(default_factory=dict)

    def part(self, numbers: Any) -> "ImageBatch":
        """The images of these numbers, (images,)."""
        return replace(
            self,
            images=self.images[numbers],
            fields=self.fields[numbers],
            sources=[self.sources[k] for k in numbers],
            lengths=None if self.lengths is None else self.lengths[numbers],
            surroundings=[self.surroundings[k] for k in numbers],
            told={name: values[numbers] for name, values in self.told.items()},
            maxima=None if self.maxima is None else self.maxima[numbers],
        )

    def problems(self) -> Iterator[dict[str, Any]]:
        """The keyword arguments of `solve`, `certify` and `refine` for each image."""
        for image, around in zip(self.images, self.surroundings, strict=True):
            yield around.problem(image, self.production)

    def first(self, number: int) -> "ImageBatch":
        """The first `number` images, or all if there are fewer."""
        return self.part(np.arange(min(number, len(self.images))))


def read_batches(
    config: Config, count: int, data_dir: Path, threads: int | None = None
) -> Iterator[ImageBatch]:
    """The test split of one source count, in order."""
    dataset = raw_dataset(config, count, "test", data_dir, threads=threads)
    for batch in dataset.batch(config.evaluation.batch_size).as_numpy_iterator():
        yield _as_batch(batch, config, count)


def read_image(config: Config, count: int, number: int, data_dir: Path) -> ImageBatch:
    """A batch of one: example `number` of the test split of one source count."""
    dataset = raw_dataset(config, count, "test", data_dir, numbers=range(number, number + 1))
    return _as_batch(next(dataset.batch(1).as_numpy_iterator()), config, count)


def _as_batch(batch: dict[str, Any], config: Config, count: int) -> ImageBatch:
    dataset = DatasetConfig.of(count, config)
    recipe = dataset.recipe()
    discs = [batch["sources"][name] for name in ("rows", "columns", "radii", "values")]
    images, lengths = batch["source_image"][..., 0], batch.get("diffusion_length")
    each = [None] * len(images) if lengths is None else lengths.tolist()
    maps: list[TissueMaps | None] = [None] * len(images)
    if dataset.maps:
        own = zip(*(batch[name][..., 0] for name in dataset.maps), strict=True)
        maps = [TissueMaps(**dict(zip(dataset.maps, one, strict=True))) for one in own]
    return ImageBatch(
        images,
        batch["field"][..., 0],
        [Sources(*disc) for disc in zip(*discs, strict=True)],
        lengths,
        [recipe.surroundings(*one) for one in zip(each, maps, strict=True)],
        config.physics.sources == "production",
        batch.get("maximum"),
        medium_inputs(config, batch),
    )
