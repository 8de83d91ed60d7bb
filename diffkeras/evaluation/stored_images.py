"""Test images from the datasets of a configuration, or from a file of test images."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from diffkeras.config import Config
from diffkeras.data import raw_dataset
from diffkeras.evaluation.image_files import SUFFIX, ImageFile
from diffkeras.evaluation.images import ImageBatch
from diffkeras.physics import Sources


def read_batches(
    config: Config, count: int, data_dir: Path, threads: int | None = None
) -> Iterator[ImageBatch]:
    """The test split of one source count, in order; `data_dir` may be a file of test images."""
    if data_dir.suffix == SUFFIX:
        file, size = ImageFile.open(data_dir), config.evaluation.batch_size
        for start in range(0, config.data.test_examples, size):
            yield file.images(count, range(start, min(start + size, config.data.test_examples)))
        return
    dataset = raw_dataset(config, count, "test", data_dir, threads=threads)
    start = 0
    for batch in dataset.batch(config.evaluation.batch_size).as_numpy_iterator():
        images = _as_batch(batch, config, start)
        start += len(images)
        yield images


def read_image(config: Config, count: int, number: int, data_dir: Path) -> ImageBatch:
    """A batch of one: example `number` of the test split of one source count."""
    if data_dir.suffix == SUFFIX:
        return ImageFile.open(data_dir).images(count, [number])
    dataset = raw_dataset(config, count, "test", data_dir, numbers=range(number, number + 1))
    return _as_batch(next(dataset.batch(1).as_numpy_iterator()), config, number)


def _as_batch(examples: dict[str, Any], config: Config, start: int) -> ImageBatch:
    images = examples["source_image"][..., 0]
    discs = zip(*map(examples["sources"].get, Sources.ARRAYS), strict=True)
    return ImageBatch(
        problem=config.view.problem_of_examples(examples),
        images=images,
        fields=examples["field"][..., 0],
        sources=[Sources(*disc) for disc in discs],
        numbers=np.arange(start, start + len(images)),
        lengths=examples.get("diffusion_length"),
        maxima=examples.get("maximum"),
    )
