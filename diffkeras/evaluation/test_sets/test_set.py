"""Public test sets: test images that are the same everywhere, each set under a name and a hash.

The hash is over what the solver gets: the physics, and the source images (with the maps of media
that vary), which are drawn as whole numbers and single-precision values and are equal on every
machine, to the last bit. Fields are not part of it, because the last bits of transforms and of
BLAS differ between processors. They are verified instead: `certify` bounds their errors from the
residual.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.errors import ConfigurationError, DataError
from diffkeras.evaluation.images import ImageBatch, draw_images
from diffkeras.evaluation.test_sets.problems import PROBLEMS
from diffkeras.physics import certify, maps_of
from diffkeras.system.atomic_files import replacing

PHYSICS = ("lattice", "step", "diffusivity", "decay", "boundary", "sources")
LARGEST_BOUND = 1e-6  # of the stored fields, of the largest value; their rounding takes some 1e-7


@dataclass(frozen=True)
class TestSet:
    """Test images under a name.

    Attributes:
        problem: name of the problem.
        side: rows and columns of the lattice.
        sha256: hash of the physics and the inputs.
    """

    __test__ = False  # no test of pytest's

    problem: str
    side: int
    sha256: str

    @property
    def name(self) -> str:
        """Its name."""
        return f"{self.problem}_{self.side}"

    def config(self) -> Config:
        """The configuration that `generate` and `evaluate` take: its test split is this set."""
        return PROBLEMS[self.problem].config(self.side)

    def draw(self) -> Iterator[ImageBatch]:
        """The inputs of each source count, in ascending order; the hash is checked at the end.

        Raises:
            DataError: the inputs are others, so this machine can't make the test set.
        """
        config = self.config()
        digest = new_digest(config)
        for count in config.data.sources:
            images = draw_images(config, count, range(config.data.test_examples))
            add_to_digest(digest, config, images)
            yield images
        if digest.hexdigest() != self.sha256:
            raise DataError(
                f"the images of {self.name} that were drawn here have the hash "
                f"{digest.hexdigest()}, not {self.sha256}: NumPy {np.__version__} draws other "
                "numbers than the version in constraints.txt, or a file of diffkeras was changed; "
                "results would not be comparable"
            )

    def check(self) -> None:
        """Draw all inputs and check their hash, which takes a second.

        Raises:
            DataError: see `draw`.
        """
        for _ in self.draw():
            pass


def new_digest(config: Config) -> "hashlib._Hash":
    """A SHA-256 that holds the physics of a configuration, and nothing of inputs yet."""
    physics = config.physics.model_dump(mode="json", include=set(PHYSICS))
    physics["divide_by_maximum"] = config.data.divide_by_maximum
    return hashlib.sha256(json.dumps(physics, sort_keys=True).encode())


def add_to_digest(digest: "hashlib._Hash", config: Config, images: ImageBatch) -> None:
    """Add the images of one source count, after those of smaller ones."""
    for array in input_arrays(config, images).values():
        digest.update(f"{array.shape}".encode())
        digest.update(np.ascontiguousarray(array, "<f4").tobytes())


def input_arrays(config: Config, images: ImageBatch) -> dict[str, NDArray[np.float32]]:
    """The arrays that define the problems, by name: source images, and maps where media vary."""
    maps = maps_of(images.problem, config.data.tissue.maps if config.data.tissue else ())
    return {
        "source_images": images.images,
        **{name: values.astype(np.float32) for name, values in maps.items()},
    }


HASHES = {  # of problem and side
    ("fixed_values", 64): "015c5ed6e520c9c52508c55d69c4ba3bae8c373493b8e384ee4728167040221d",
    ("fixed_values", 128): "2417d51876b068ab2c8cddbc0f560440732387dd3380bdb060324d497bd117c4",
    ("production", 64): "488e3e7b659e182e871a90a62d998705b14ebf6c6a283fda6efe28eff00a65f2",
    ("production", 128): "aa96a4e068d7022311145f89a17ffa1dee5da5e8997c7f3c70df2fcf50081e96",
    ("tissue", 64): "bccbfb387862d98de702e43bac2437caa8526c6a4c90a32c926ebc6dac349dc5",
    ("tissue", 128): "c35caac88840b2e3336bb43163e8d98222da557907895b45fef9430046252c59",
    ("saturating_tissue", 64): "bf23a1e1cd26a8e61e15fc462c54834f0a76f8c390ac85f93cfd422aae42e9c1",
    ("saturating_tissue", 128): "482b79676e2a42b6ac65b5c538c57376ce410f2467f2dbe3de54c3eb9aea583d",
}
TEST_SETS = {
    f"{problem}_{side}": TestSet(problem, side, sha256)
    for (problem, side), sha256 in HASHES.items()
}


def get_test_set(name: str) -> TestSet:
    """A test set by its name.

    Raises:
        ConfigurationError: there is none of this name.
    """
    if name not in TEST_SETS:
        raise ConfigurationError(
            f"there is no test set {name!r:.60}; choose among {', '.join(TEST_SETS)}"
        )
    return TEST_SETS[name]


def write_archive(
    test_set: TestSet, path: Path, on_images: Callable[[int], None] = lambda number: None
) -> float:
    """Draw a test set, solve it, verify its fields, and write it.

    With NN for each source count, the file holds `source_images_NN` and `fields_NN`, (images, rows,
    columns) float32, and `bounds_NN`, (images,), at least the largest error of each field. Where
    fields are divided by their maximum, `maxima_NN` holds it. `name` and `sha256` say what it is,
    and `configuration` holds the YAML for `--config`.

    Args:
        test_set: which.
        path: the file.
        on_images: called with numbers of images that are done.

    Returns:
        The largest of the bounds.

    Raises:
        DataError: the inputs are not those of the hash, or a field isn't verified.
        OutputError: the file can't be written.
    """
    config, largest = test_set.config(), 0.0
    arrays: dict[str, Any] = {
        "name": np.array(test_set.name),
        "sha256": np.array(test_set.sha256),
        "configuration": np.array(config.to_yaml(without=("model", "training"))),
    }
    for images in test_set.draw():
        batch = images.solve(divide_by_maximum=config.data.divide_by_maximum)
        count, inputs = f"{images.sources[0].count:02d}", input_arrays(config, images)
        bounds = bounds_of_stored(batch)
        if not bounds.max() <= LARGEST_BOUND:
            raise DataError(
                f"a field of {test_set.name} is only proven to be right within {bounds.max():.1e}, "
                f"not {LARGEST_BOUND:g}; nothing was written"
            )
        largest = max(largest, float(bounds.max()))
        arrays |= {f"{name}_{count}": array for name, array in inputs.items()}
        arrays[f"fields_{count}"] = batch.fields.astype(np.float32)
        arrays[f"bounds_{count}"] = bounds
        if batch.maxima is not None:
            arrays[f"maxima_{count}"] = batch.maxima
        on_images(len(batch.images))
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)
    return largest


def bounds_of_stored(batch: ImageBatch) -> NDArray[np.float64]:
    """(images,), proven bounds of the errors of the fields in single precision, by residuals."""
    maxima = np.ones(len(batch)) if batch.maxima is None else batch.maxima
    fields = batch.fields.astype(np.float32) * maxima[:, None, None]
    certificates: Any = certify(fields, batch.problem)
    return np.array([one.error_bound for one in certificates.images]) / maxima
