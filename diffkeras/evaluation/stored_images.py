"""Test images from the datasets of a configuration."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from diffkeras.config import Config
from diffkeras.data import raw_dataset
from diffkeras.data.reading.examples import problem_of_examples
from diffkeras.evaluation.images import ImageBatch
from diffkeras.physics import Sources


def read_batches(
    config: Config, count: int, data_dir: Path, threads: int | None = None
) -> Iterator[ImageBatch]:
    """The test split of one source count, in order."""
    dataset = raw_dataset(config, count, "test", data_dir, threads=threads)
    start = 0
    for batch in dataset.batch(config.evaluation.batch_size).as_numpy_iterator():
        images = _as_batch(batch, config, start)
        start += len(images)
        yield images


def read_image(config: Config, count: int, number: int, data_dir: Path) -> ImageBatch:
    """A batch of one: example `number` of the test split of one source count."""
    dataset = raw_dataset(config, count, "test", data_dir, numbers=range(number, number + 1))
    return _as_batch(next(dataset.batch(1).as_numpy_iterator()), config, number)


def _as_batch(examples: dict[str, Any], config: Config, start: int) -> ImageBatch:
    images = examples["source_image"][..., 0]
    discs = zip(*map(examples["sources"].get, Sources.ARRAYS), strict=True)
    return ImageBatch(
        problem=problem_of_examples(config, examples),
        images=images,
        fields=examples["field"][..., 0],
        sources=[Sources(*disc) for disc in discs],
        numbers=np.arange(start, start + len(images)),
        lengths=examples.get("diffusion_length"),
        maxima=examples.get("maximum"),
    )
