"""Public splits: problems that are the same everywhere, each split under a name and a hash.

The hash is over what the solver gets: the physics, and the source images (with the maps of media
that vary), which are drawn as whole numbers and single-precision values and are equal on every
machine, to the last bit. Fields are not part of it, because the last bits of transforms and of
BLAS differ between processors. They are verified instead: `certify` bounds their errors from the
residual.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.errors import ConfigurationError, DataError
from diffkeras.evaluation.benchmark_data.problems import (
    PROBLEMS,
    SHIFTS,
    SPLITS,
    TRAINING_IMAGES,
)
from diffkeras.evaluation.images import ImageBatch, draw_images
from diffkeras.physics import maps_of

PHYSICS = ("lattice", "step", "diffusivity", "decay", "boundary", "sources")
SIDES = tuple(TRAINING_IMAGES)


@dataclass(frozen=True)
class PublicSplit:
    """Images under a name.

    Attributes:
        problem: name of the problem.
        side: rows and columns of the lattice of the benchmark.
        split: train, validation, test, or the name of a shift.
    """

    problem: str
    side: int
    split: str

    @property
    def benchmark(self) -> str:
        """The name of the benchmark."""
        return f"{self.problem}_{self.side}"

    @property
    def name(self) -> str:
        """The name of the benchmark and of the split."""
        return f"{self.benchmark}/{self.split}"

    @property
    def sha256(self) -> str:
        """The published hash of the physics and the inputs."""
        return _hashes()[self.name]

    def config(self) -> Config:
        """The configuration of its images.

        That of a shifted split has them as its test split. That of another split has train,
        validation and test of the benchmark as its own, for `train`, `generate` and `evaluate`.
        """
        problem = PROBLEMS[self.problem]
        if self.split in SHIFTS:
            return problem.shifted(self.side, self.split)
        return problem.config(self.side, training_images=TRAINING_IMAGES[self.side])

    def test_config(self) -> Config:
        """The configuration of the images, without those of training and validation."""
        if self.split in SHIFTS:
            return self.config()
        return PROBLEMS[self.problem].config(self.side)

    @property
    def recipe_split(self) -> str:
        """The split of the configuration that holds its images."""
        return self.split if self.split in SPLITS else "test"

    @property
    def numbers(self) -> tuple[tuple[int, ...], int]:
        """The source counts, and the number of images of each."""
        data = self.config().data
        lengths = {"train": data.train_examples, "validation": data.validation_examples}
        return data.sources, lengths.get(self.split) or data.test_examples

    def draw(self) -> Iterator[ImageBatch]:
        """The inputs by ascending source count; the hash is checked at the end.

        Raises:
            DataError: the inputs are others, so this machine can't make the split.
        """
        digest, (counts, each) = Digest(self.config()), self.numbers
        for count in counts:
            images = draw_images(digest.config, count, range(each), self.recipe_split)
            digest.add(images)
            yield images
        if digest.hexdigest() != self.sha256:
            raise DataError(
                f"the images of {self.name} that were drawn here have the hash "
                f"{digest.hexdigest()}, not {self.sha256}: NumPy {np.__version__} draws other "
                "numbers than the version in constraints.txt, or a file of diffkeras was changed; "
                "results would not be comparable"
            )

    def check(self) -> None:
        """Draw all inputs and check their hash, which takes seconds.

        Raises:
            DataError: see `draw`.
        """
        for _ in self.draw():
            pass


class Digest:
    """A SHA-256 of the physics of a configuration, and of inputs by ascending source count."""

    def __init__(self, config: Config) -> None:
        self.config = config
        physics = config.physics.model_dump(mode="json", include=set(PHYSICS))
        physics["divide_by_maximum"] = config.data.divide_by_maximum
        self._hash = hashlib.sha256(json.dumps(physics, sort_keys=True).encode())

    def add(self, images: ImageBatch) -> None:
        """Add the images of one source count."""
        for array in input_arrays(self.config, images).values():
            self._hash.update(f"{array.shape}".encode())
            self._hash.update(np.ascontiguousarray(array, "<f4").tobytes())

    def hexdigest(self) -> str:
        """The hash."""
        return self._hash.hexdigest()


def input_arrays(config: Config, images: ImageBatch) -> dict[str, NDArray[np.float32]]:
    """The arrays that define the problems, by name: source images, and maps where media vary."""
    maps = maps_of(images.problem, config.data.tissue.maps if config.data.tissue else ())
    return {
        "source_images": images.images,
        **{name: values.astype(np.float32) for name, values in maps.items()},
    }


@cache
def _hashes() -> dict[str, str]:
    text = files("diffkeras.evaluation.benchmark_data").joinpath("hashes.json").read_text()
    hashes: dict[str, str] = json.loads(text)
    return hashes


BENCHMARKS = {f"{problem}_{side}": (problem, side) for problem in PROBLEMS for side in SIDES}


def public_test_set(name: str) -> PublicSplit:
    """A test split by a name such as `tissue_64` or, of a shifted one, `tissue_64/edges`.

    Raises:
        ConfigurationError: there is none of this name.
    """
    benchmark, _, split = name.partition("/")
    if split in ("train", "validation"):
        raise ConfigurationError(f"{name} is no test set; choose {benchmark} or a shifted one")
    return public_split(benchmark, split or "test")


def public_split(benchmark: str, split: str = "test") -> PublicSplit:
    """A split by the names of the benchmark and of the split.

    Raises:
        ConfigurationError: there is none of this name.
    """
    if benchmark not in BENCHMARKS:
        raise ConfigurationError(
            f"there is no benchmark {benchmark!r:.60}; choose among {', '.join(BENCHMARKS)}"
        )
    if split not in (*SPLITS, *SHIFTS):
        raise ConfigurationError(
            f"there is no split {split!r:.60}; choose among {', '.join((*SPLITS, *SHIFTS))}"
        )
    return PublicSplit(*BENCHMARKS[benchmark], split)
