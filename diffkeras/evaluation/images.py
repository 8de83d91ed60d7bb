"""Test images: what the solver and a surrogate get, and the exact fields."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.data import raw_dataset
from diffkeras.data.dataset_config import DatasetConfig, check_versions
from diffkeras.physics import Sources, Surroundings, TissueMaps, solve
from diffkeras.surrogates.given_media import medium_inputs
from diffkeras.surrogates.run_directory import Run


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Some images of one source count, without their fields.

    Attributes:
        images: (images, rows, columns), linear scale.
        sources: the discs of each image.
        surroundings: of the sources of each image.
        production: whether sources produce; otherwise they hold their values.
        numbers: (images,) place of each image in the test split.
        lengths: (images,) diffusion lengths [length]; None if all images have one medium.
        medium_inputs: keyword arguments of `Surrogate.predict` for the media.
    """

    images: NDArray[np.float32]
    sources: Sequence[Sources] = ()
    surroundings: Sequence[Surroundings]
    production: bool = False
    numbers: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    lengths: NDArray[np.float32] | None = None
    medium_inputs: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)

    def problems(self) -> Iterator[dict[str, Any]]:
        """The keyword arguments of `solve` and `certify` for each image."""
        for image, around in zip(self.images, self.surroundings, strict=True):
            yield around.problem(image, self.production)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The arrays that define the problems, by name; with maps where media vary."""
        arrays = {"source_images": self.images}
        for name in _maps_of(self.surroundings[0]):
            arrays[name] = np.stack([_maps_of(one)[name] for one in self.surroundings])
        return {name: values.astype(np.float32) for name, values in arrays.items()}

    def part(self, places: Sequence[int] | NDArray[np.int64]) -> Self:
        """Some of the images, by their places in this batch."""
        chosen: dict[str, Any] = {}
        for attribute in fields(self):
            values = getattr(self, attribute.name)
            if isinstance(values, dict):
                chosen[attribute.name] = {k: v[places] for k, v in values.items()}
            elif isinstance(values, np.ndarray) and len(values):
                chosen[attribute.name] = values[places]
            elif isinstance(values, Sequence) and len(values):
                chosen[attribute.name] = [values[place] for place in places]
        return replace(self, **chosen)

    def first(self, number: int) -> Self:
        """The first `number` images, or all if there are fewer."""
        return self.part(range(min(number, len(self))))

    def solve(self, *, divide_by_maximum: bool, tolerance: float = 1e-10) -> "ImageBatch":
        """The images with their fields in double precision, on the dataset's scale."""
        solved = np.stack([exact_field(p, tolerance) for p in self.problems()])
        maxima = None
        if divide_by_maximum:
            maxima = solved.max(axis=(1, 2))
            solved /= maxima[:, None, None]
        return ImageBatch(**vars(self), fields=solved, maxima=maxima)


@dataclass(frozen=True, kw_only=True)
class ImageBatch(Inputs):
    """Some images of one source count.

    Attributes:
        fields: (images, rows, columns), exact fields on the dataset's scale.
        maxima: (images,) what the fields were divided by; None if they were not.
    """

    fields: NDArray[np.floating]
    maxima: NDArray[np.floating] | None = None

    def scaled(self, values: NDArray) -> NDArray:
        """Fields or bounds of the images, (images, …), on the dataset's scale."""
        if self.maxima is None:
            return values
        return values / self.maxima.reshape(-1, *[1] * (values.ndim - 1))


def joined(batches: Sequence[ImageBatch]) -> ImageBatch:
    """Several batches as one, in their order; all have the same kind of problems."""
    values: dict[str, Any] = {}
    for attribute in fields(ImageBatch):
        parts = [getattr(batch, attribute.name) for batch in batches]
        if isinstance(parts[0], dict):
            values[attribute.name] = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
        elif isinstance(parts[0], np.ndarray):
            values[attribute.name] = np.concatenate(parts)
        elif isinstance(parts[0], Sequence):
            values[attribute.name] = [value for part in parts for value in part]
    return replace(batches[0], **values)


def exact_field(problem: dict[str, Any], tolerance: float = 1e-10) -> NDArray[np.floating]:
    """The field of a problem, (rows, columns) float64, undivided."""
    return solve(**problem, tolerance=tolerance).field


def draw_inputs(config: Config, count: int, numbers: Sequence[int]) -> Inputs:
    """Images of the test split of one source count, without solving anything."""
    recipe = DatasetConfig.of(count, config).recipe()
    sources = [recipe.sources("test", k) for k in numbers]
    drawn = Inputs(
        images=np.stack([discs.image(recipe.lattice) for discs in sources]),
        sources=sources,
        surroundings=[recipe.surroundings(None, recipe.maps_of("test", k)) for k in numbers],
        production=recipe.production,
        numbers=np.array(numbers),
    )
    maps = drawn.arrays()
    return replace(drawn, medium_inputs={name: maps[name] for name in config.data.maps})


def read_batches(
    config: Config, count: int, data_dir: Path, threads: int | None = None
) -> Iterator[ImageBatch]:
    """The test split of one source count, in order."""
    dataset = raw_dataset(config, count, "test", data_dir, threads=threads)
    start = 0
    for batch in dataset.batch(config.evaluation.batch_size).as_numpy_iterator():
        found = _as_batch(batch, config, count, start)
        start += len(found)
        yield found


def read_image(config: Config, count: int, number: int, data_dir: Path) -> ImageBatch:
    """A batch of one: example `number` of the test split of one source count."""
    dataset = raw_dataset(config, count, "test", data_dir, numbers=range(number, number + 1))
    return _as_batch(next(dataset.batch(1).as_numpy_iterator()), config, count, number)


def check_held_out(
    run: Run, config: Config, remedy: str = "or evaluate other source counts by --sources"
) -> None:
    """Check that a run of an earlier version was not trained on some of the test images.

    `remedy` is what else to do than to train it again, for the error.
    """
    check_versions(run.state().get("dataset_versions"), config, run.path, remedy)


def _maps_of(around: Surroundings) -> dict[str, Any]:
    """The maps of a medium that varies, by name; nothing of a uniform one."""
    medium, uptake, production = around
    if medium.is_uniform and uptake is None:
        return {}
    maps: dict[str, Any] = {"diffusivity": medium.diffusivities[0], "decay": medium.decay}
    if uptake is not None:
        maps |= {"uptake": uptake.maximum, "saturation": uptake.constant}  # type: ignore[attr-defined]
    return maps if production is None else {**maps, "production": production}


def _as_batch(batch: dict[str, Any], config: Config, count: int, start: int) -> ImageBatch:
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
        images=images,
        fields=batch["field"][..., 0],
        sources=[Sources(*disc) for disc in zip(*discs, strict=True)],
        surroundings=[recipe.surroundings(*one) for one in zip(each, maps, strict=True)],
        production=config.physics.sources == "production",
        numbers=np.arange(start, start + len(images)),
        lengths=lengths,
        maxima=batch.get("maximum"),
        medium_inputs=medium_inputs(config, batch),
    )
