"""The worst test images, from which searches start."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from diffkeras.config import Config
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.evaluation.images import ImageBatch, read_batches
from diffkeras.evaluation.worst_cases.certified import largest_errors
from diffkeras.evaluation.worst_cases.image_space import Candidate, ImageSpace
from diffkeras.surrogates.surrogate import Surrogate


@dataclass(frozen=True)
class Start:
    """One of the worst test images.

    Attributes:
        count: number of its sources.
        example: its number in the test split of that count.
        candidate: the image.
        error: its largest error.
        count_max_error: the largest error over the test images of that count.
    """

    count: int
    example: int
    candidate: Candidate
    error: float
    count_max_error: float


def space_of(config: Config, count: int) -> ImageSpace:
    """The images of one source count that the data of a configuration are drawn from."""
    return ImageSpace(DatasetConfig.of(count, config).recipe())


def check_searchable(config: Config) -> None:
    """Raise an error if the images of a configuration can't be searched, see `ImageSpace`."""
    for count in config.data.sources:
        space_of(config, count)


def worst_test_images(
    surrogate: Surrogate, config: Config, count: int, data_dir: Path, *, number: int
) -> list[Start]:
    """Up to `number` test images of one source count, the one with the largest error first."""
    found: list[tuple[float, int, Candidate]] = []
    for batch in read_batches(config, count, data_dir):
        errors = largest_errors(surrogate, batch.images, batch.fields, batch.lengths)
        before = len(found)
        found += zip(
            errors.tolist(),
            range(before, before + len(errors)),
            _candidates(batch, config),
            strict=True,
        )
    ordered = sorted(found, key=lambda image: (-image[0], image[1]))
    largest = ordered[0][0]
    return [
        Start(count, example, candidate, error, largest)
        for error, example, candidate in ordered[:number]
    ]


def choose_starts(worst: Sequence[Sequence[Start]], number: int) -> list[Start]:
    """Up to `number` of the worst images of each source count.

    The worst of every count come first, the largest error leading, then the second worst of every
    count, and so on.
    """
    depth = max(map(len, worst))
    ranks = [
        [of_count[rank] for of_count in worst if rank < len(of_count)] for rank in range(depth)
    ]
    ordered = [start for rank in ranks for start in sorted(rank, key=lambda start: -start.error)]
    return ordered[:number]


def _candidates(batch: ImageBatch, config: Config) -> Iterator[Candidate]:
    lengths = [None] * len(batch.images) if batch.lengths is None else batch.lengths.tolist()
    lattice, overlap = config.physics.lattice, config.data.placement.overlap
    for sources, length in zip(batch.sources, lengths, strict=True):
        yield Candidate(replace(sources, lattice=lattice, overlap=overlap), length)


def largest_test_error(starts: Sequence[Sequence[Start]]) -> float:
    """The largest error over the test images of all source counts."""
    return float(np.max([of_count[0].count_max_error for of_count in starts]))
