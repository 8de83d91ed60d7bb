"""Test images with their problems and exact fields: drawn, from datasets, or from a file.

A file of test images is a `.npz`, as `diffkeras-benchmark data` writes it: `configuration`, the
YAML whose test split it is, `name` and `sha256`; and for each source count NN `source_images_NN`,
(images, rows, columns), the maps of the medium in tissue, `fields_NN`, and `maxima_NN` where fields
are divided by their maxima. Nothing is solved again. The discs and the problems are drawn again,
and must give the images in the file. Only datasets need TensorFlow.
"""

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras import data
from diffkeras.config import Config, parse_config
from diffkeras.errors import ConfigurationError, DataError
from diffkeras.physics import Problem, Sources, maps_of, solve_many
from diffkeras.system.array_files import read_arrays
from diffkeras.system.yaml_io import from_yaml

logger = logging.getLogger(__name__)

SUFFIX = ".npz"
WHAT = "test images"  # in messages
PARTS = ("data.sources", "data.test_examples")  # they choose a part of the images


def _empty() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, kw_only=True)
class ImageBatch:
    """Some test images.

    Attributes:
        problems: of the images.
        images: (images, rows, columns) float32, linear scale: fixed values, or x of the production
            γx.
        fields: (images, rows, columns), exact fields on the dataset's scale; empty before `solve`.
        maxima: (images,) what the fields were divided by; None if they were not.
        sources: the discs of each image.
        numbers: (images,) place of each image in the test split.
        lengths: (images,) diffusion lengths [length]; None if all images have one medium.
    """

    problems: Sequence[Problem]
    images: NDArray[np.float32]
    fields: NDArray = field(default_factory=_empty)
    maxima: NDArray[np.floating] | None = None
    sources: Sequence[Sources] = ()
    numbers: NDArray = field(default_factory=_empty)
    lengths: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def part(self, places: Sequence[int] | NDArray[np.int64]) -> "ImageBatch":
        """Some of the images, by their places in this batch."""
        return joined([self], places)

    def first(self, number: int) -> "ImageBatch":
        """The first `number` images, or all if there are fewer."""
        return self.part(range(min(number, len(self))))

    def solve(self, *, divide_by_maximum: bool) -> "ImageBatch":
        """The images with their fields in double precision, on the dataset's scale."""
        solutions, maxima = solve_many(self.problems), None
        solved = np.stack([solution.field for solution in solutions]).astype(np.float64)
        if divide_by_maximum:
            maxima = solved.max(axis=(1, 2))
            solved /= maxima[:, None, None]
        return replace(self, fields=solved, maxima=maxima)

    def maps(self, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Maps by name (`maps_of`), (images, rows, columns)."""
        each = [maps_of(problem, names) for problem in self.problems]
        return {name: np.stack([maps[name] for maps in each]).astype(np.float32) for name in names}

    def scaled(self, values: NDArray) -> NDArray:
        """Fields or bounds of the images, (images, …), on the dataset's scale."""
        if self.maxima is None:
            return values
        return values / self.maxima.reshape(-1, *[1] * (values.ndim - 1))

    def fresh(self) -> "ImageBatch":
        """The same images without what solvers computed of their problems before."""
        return replace(self, problems=copy.deepcopy(self.problems))


def joined(
    batches: Sequence[ImageBatch], places: Sequence[int] | NDArray[np.int64] | None = None
) -> ImageBatch:
    """Several batches as one, in their order, or the images at some places of it."""
    chosen = np.arange(sum(map(len, batches))) if places is None else np.asarray(places)
    values: dict[str, Any] = {}
    for attribute in fields(ImageBatch):
        parts = [getattr(batch, attribute.name) for batch in batches]
        if isinstance(parts[0], np.ndarray) and len(parts[0]):
            values[attribute.name] = np.concatenate(parts)[chosen]
        elif isinstance(parts[0], Sequence) and len(parts[0]):
            every = [one for part in parts for one in part]
            values[attribute.name] = [every[place] for place in chosen]
    return replace(batches[0], **values)


def draw_images(
    config: Config, count: int, numbers: Sequence[int], split: str = "test"
) -> ImageBatch:
    """Images of a split of one source count, without solving anything."""
    recipe = config.recipe(count)
    drawn = [recipe.drawn(split, k) for k in numbers]
    arrays = {
        name: np.array([one[name] for one in drawn], np.float32)
        for name in ("source_image", "diffusion_length")
        if name in drawn[0]
    }
    return ImageBatch(
        problems=[recipe.problem_of(one) for one in drawn],
        images=arrays["source_image"],
        sources=[one["sources"] for one in drawn],
        numbers=np.array(numbers),
        lengths=arrays.get("diffusion_length"),
    )


@dataclass(frozen=True)
class ImageFile:
    """A file of test images.

    Attributes:
        path: of the file.
        name: of the images, such as `tissue_64/test`.
        sha256: of the problems.
        config: the configuration whose test split it is.
    """

    path: Path
    name: str
    sha256: str
    config: Config

    @classmethod
    def open(cls, path: Path) -> "ImageFile":
        """The file of a path.

        Raises:
            DataError: a missing or damaged file, or one without a configuration.
        """
        if path.suffix.lower() != SUFFIX:
            raise DataError(
                f"{path} is no .npz of test images; "
                "`diffkeras-benchmark data NAME test -o test.npz` writes a public one"
            )
        arrays = read_arrays(path, WHAT, only=("name", "sha256", "configuration"))
        if len(arrays) < 3:
            raise DataError(f"{path} has no configuration, name and sha256 of test images")
        text = from_yaml(str(arrays["configuration"]))
        return cls(path, str(arrays["name"]), str(arrays["sha256"]), parse_config(text, str(path)))

    def part(self, overrides: Mapping[str, Any]) -> Config:
        """The configuration of a part of the images, to be evaluated.

        Args:
            overrides: settings of the evaluation, fewer source counts or fewer test examples, by
                dotted key.

        Raises:
            ConfigurationError: another key, or images that the file doesn't have.
        """
        for key in overrides:
            if not key.startswith("evaluation.") and key not in PARTS:
                raise ConfigurationError(f"{key} would change the test set; leave it out")
        part, whole = self.config.with_overrides(overrides), self.config.data
        wanted, held = part.data.test_examples, whole.test_examples
        if wanted > held:
            raise ConfigurationError(
                f"{self.name} has {held} images of each source count, not {wanted}"
            )
        if absent := sorted(set(part.data.sources) - set(whole.sources)):
            raise ConfigurationError(f"{self.name} has no images of {absent[0]} sources")
        if part.data != whole:
            logger.warning(
                f"a part of {self.name} is measured: such errors can't be compared with errors on "
                "the whole set"
            )
        return part

    def images(self, count: int, numbers: Sequence[int]) -> ImageBatch:
        """The images of some numbers of a source count.

        Raises:
            DataError: arrays that are missing or of another shape, or other images than the
                configuration's.
        """
        drawn = draw_images(self.config, count, numbers)
        given: dict[str, NDArray] = {
            "source_images": drawn.images,
            **drawn.maps(self.config.data.maps),
        }
        divided = ("maxima",) if self.config.data.divide_by_maximum else ()
        wanted = [f"{name}_{count:02d}" for name in (*given, "fields", *divided)]
        arrays = read_arrays(self.path, WHAT, only=wanted)
        places, shape = list(numbers), (self.config.data.test_examples, *drawn.images.shape[1:])
        for name in wanted:
            if name not in arrays or arrays[name].shape not in (shape, shape[:1]):
                raise DataError(f"{self.path} has no array {name} of shape {shape}")
        for key, values in zip(wanted, given.values(), strict=False):
            if not np.array_equal(arrays[key][places], values):
                raise DataError(
                    f"{self.path}: {key} holds other images than the test split of its "
                    f"configuration; write it again by `diffkeras-benchmark data`"
                )
        fields = arrays[f"fields_{count:02d}"][places]
        maxima = arrays[f"maxima_{count:02d}"][places] if divided else None
        return replace(drawn, fields=fields, maxima=maxima)


def is_image_file(place: Path) -> bool:
    """Whether test images are in a file, for `ImageFile.open`, or in datasets."""
    return place.suffix.lower() == SUFFIX or place.is_file()


def read_batches(
    config: Config, count: int, data_dir: Path, threads: int | None = None
) -> Iterator[ImageBatch]:
    """The test split of one source count, in order; `data_dir` may be a file of test images."""
    if is_image_file(data_dir):
        file, size = ImageFile.open(data_dir), config.evaluation.batch_size
        for start in range(0, config.data.test_examples, size):
            yield file.images(count, range(start, min(start + size, config.data.test_examples)))
        return
    dataset = data.raw_dataset(config, count, "test", data_dir, threads=threads)
    start = 0
    for batch in dataset.batch(config.evaluation.batch_size).as_numpy_iterator():
        images = _as_batch(batch, config, start)
        start += len(images)
        yield images


def read_image(config: Config, count: int, number: int, data_dir: Path) -> ImageBatch:
    """A batch of one: example `number` of the test split of one source count."""
    if is_image_file(data_dir):
        return ImageFile.open(data_dir).images(count, [number])
    dataset = data.raw_dataset(config, count, "test", data_dir, numbers=range(number, number + 1))
    return _as_batch(next(dataset.batch(1).as_numpy_iterator()), config, number)


def _as_batch(examples: dict[str, Any], config: Config, start: int) -> ImageBatch:
    images = examples["source_image"][..., 0]
    names = ("source_image", *config.view.varying)
    each = [{name: examples[name][k] for name in names} for k in range(len(images))]
    discs = zip(*map(examples["sources"].get, Sources.ARRAYS), strict=True)
    return ImageBatch(
        problems=[config.view.recipe.problem_of(one) for one in each],
        images=images,
        fields=examples["field"][..., 0],
        sources=[Sources(*disc) for disc in discs],
        numbers=np.arange(start, start + len(images)),
        lengths=examples.get("diffusion_length"),
        maxima=examples.get("maximum"),
    )
