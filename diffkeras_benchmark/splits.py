"""Public splits: problems that are the same everywhere, each split under a name and a hash.

The hash is over what the solver gets: the physics, and the source images (with the maps of media
that vary), which are drawn as whole numbers and single-precision values and are equal on every
machine, to the last bit. Fields are not part of it, because the last bits of transforms and of
BLAS differ between processors. They are verified instead: `certify` bounds their errors from the
residual.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.errors import ConfigurationError, DataError
from diffkeras.evaluation.images import ImageBatch, draw_images
from diffkeras_benchmark.problems import PROBLEMS, SHIFTS, SPLITS, TRAINING_IMAGES

PHYSICS = ("lattice", "step", "diffusivity", "decay", "boundary", "sources")
SIDES = tuple(TRAINING_IMAGES)


@dataclass(frozen=True)
class PublicSplit:
    """Images under a name."""

    problem: str  # name of the problem
    side: int  # rows and columns of the lattice of the benchmark
    split: str  # train, validation, test, or the name of a shift

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
        """The configuration of its images; of a shifted split, they are its test split."""
        problem = PROBLEMS[self.problem]
        if self.split in SHIFTS:
            return problem.shifted(self.side, self.split)
        return problem.config(self.side, training_images=TRAINING_IMAGES[self.side])

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
        physics = {name: v for name, v in config.physics.to_dict().items() if name in PHYSICS}
        physics["divide_by_maximum"] = config.data.divide_by_maximum
        digest = hashlib.sha256(json.dumps(physics, sort_keys=True).encode())
        for arrays in inputs:
            for array in arrays:
                digest.update(f"{array.shape}".encode())
                digest.update(np.ascontiguousarray(array, "<f4").tobytes())
        return digest.hexdigest()

    def check(self) -> None:
        """Raise a DataError if this machine draws inputs of another hash, in seconds."""
        if (found := self.drawn_hash()) != self.sha256:
            raise DataError(
                f"the images of {self.name} that were drawn here have the hash {found}, not "
                f"{self.sha256}: NumPy {np.__version__} draws other numbers than the version in "
                "constraints.txt, or a file of diffkeras was changed; results would not be "
                "comparable"
            )


def input_arrays(config: Config, images: ImageBatch) -> dict[str, NDArray[np.float32]]:
    """The arrays that define the problems, by name: source images, and maps where media vary."""
    return {"source_images": images.images, **images.maps(config.data.maps)}


@cache
def _hashes() -> dict[str, str]:
    text = files("diffkeras_benchmark").joinpath("hashes.json").read_text()
    hashes: dict[str, str] = json.loads(text)
    return hashes


BENCHMARKS = {f"{problem}_{side}": (problem, side) for problem in PROBLEMS for side in SIDES}


def public_split(benchmark: str, split: str = "test") -> PublicSplit:
    """A split by the names of benchmark and split; a ConfigurationError if there is none."""
    if not (isinstance(benchmark, str) and benchmark in BENCHMARKS):
        raise ConfigurationError(
            f"there is no benchmark {benchmark!r:.60}; choose among {', '.join(BENCHMARKS)}"
        )
    if split not in (*SPLITS, *SHIFTS):
        raise ConfigurationError(
            f"there is no split {split!r:.60}; choose among {', '.join((*SPLITS, *SHIFTS))}"
        )
    return PublicSplit(*BENCHMARKS[benchmark], split)
