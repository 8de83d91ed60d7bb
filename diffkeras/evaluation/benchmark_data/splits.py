"""Public splits: problems that are the same everywhere, each split under a name and a hash.

The hash is over what the solver gets: the physics, and the source images (with the maps of media
that vary), which are drawn as whole numbers and single-precision values and are equal on every
machine, to the last bit. Fields are not part of it, because the last bits of transforms and of
BLAS differ between processors. They are verified instead: `certify` bounds their errors from the
residual.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

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

logger = logging.getLogger(__name__)

PHYSICS = ("lattice", "step", "diffusivity", "decay", "boundary", "sources")
SIDES = tuple(TRAINING_IMAGES)
PARTS = ("data.sources", "data.test_examples")  # they choose a part of a test split


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
    def numbers(self) -> tuple[tuple[int, ...], int]:
        """The source counts, and the number of images of each."""
        data = self.config().data
        lengths = {"train": data.train_examples, "validation": data.validation_examples}
        return data.sources, lengths.get(self.split) or data.test_examples

    def images(self) -> Iterator[ImageBatch]:
        """The inputs by ascending source count, without fields."""
        config, (counts, each) = self.config(), self.numbers
        split = self.split if self.split in SPLITS else "test"
        for count in counts:
            yield draw_images(config, count, range(each), split)

    def drawn_hash(self) -> str:
        """The SHA-256 of the physics, and of the inputs that this machine draws, in seconds."""
        config = self.config()
        return self.hash_of(input_arrays(config, images).values() for images in self.images())

    def hash_of(self, inputs: Iterable[Iterable[NDArray]]) -> str:
        """The SHA-256 of the physics, and of the arrays of `input_arrays` of each source count."""
        config = self.config()
        physics = config.physics.model_dump(mode="json", include=set(PHYSICS))
        physics["divide_by_maximum"] = config.data.divide_by_maximum
        digest = hashlib.sha256(json.dumps(physics, sort_keys=True).encode())
        for arrays in inputs:
            for array in arrays:
                digest.update(f"{array.shape}".encode())
                digest.update(np.ascontiguousarray(array, "<f4").tobytes())
        return digest.hexdigest()

    def check(self) -> None:
        """Draw all inputs and check their hash, which takes seconds.

        Raises:
            DataError: the inputs are others, so this machine can't make the split.
        """
        if (found := self.drawn_hash()) != self.sha256:
            raise DataError(
                f"the images of {self.name} that were drawn here have the hash {found}, not "
                f"{self.sha256}: NumPy {np.__version__} draws other numbers than the version in "
                "constraints.txt, or a file of diffkeras was changed; results would not be "
                "comparable"
            )

    def part(self, overrides: Mapping[str, Any]) -> Config:
        """The configuration of a part of a test split, to be evaluated.

        Args:
            overrides: settings of the evaluation, fewer source counts or fewer test examples, by
                dotted key.

        Raises:
            ConfigurationError: another key, or images that the split doesn't have.
        """
        whole = self.test_config()
        for key in overrides:
            if not key.startswith("evaluation.") and key not in PARTS:
                raise ConfigurationError(f"{key} would change the test set; leave it out")
        part = whole.with_overrides(overrides)
        wanted, held = part.data.test_examples, whole.data.test_examples
        if wanted > held:
            raise ConfigurationError(
                f"{self.name} has {held} images of each source count, not {wanted}"
            )
        if absent := sorted(set(part.data.sources) - set(whole.data.sources)):
            raise ConfigurationError(f"{self.name} has no images of {absent[0]} sources")
        if part.data != whole.data:
            logger.warning(
                f"a part of {self.name} is measured: such errors can't be compared with those of "
                "the whole set"
            )
        return part


def input_arrays(config: Config, images: ImageBatch) -> dict[str, NDArray[np.float32]]:
    """The arrays that define the problems, by name: source images, and maps where media vary."""
    _, *stored = config.kind.given
    maps = maps_of(images.problem, stored)
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
    if not (isinstance(benchmark, str) and benchmark in BENCHMARKS):
        raise ConfigurationError(
            f"there is no benchmark {benchmark!r:.60}; choose among {', '.join(BENCHMARKS)}"
        )
    if split not in (*SPLITS, *SHIFTS):
        raise ConfigurationError(
            f"there is no split {split!r:.60}; choose among {', '.join((*SPLITS, *SHIFTS))}"
        )
    return PublicSplit(*BENCHMARKS[benchmark], split)
