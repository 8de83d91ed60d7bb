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
from diffkeras.data.stored import check_dataset, dataset_paths, with_stored_examples
from diffkeras.errors import ConfigurationError, DataError
from diffkeras.physics import Problem, Sources, maps_of, solve_many
from diffkeras.system.array_files import read_arrays
from diffkeras.system.yaml_io import from_yaml

logger = logging.getLogger(__name__)

SUFFIX = ".npz"
WHAT = "test images"  # in messages
PARTS = ("data.sources", "data.test_examples")  # they choose a part of the images


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
    fields: NDArray = field(default_factory=lambda: np.zeros(0, np.int64))
    maxima: NDArray[np.floating] | None = None
    sources: Sequence[Sources] = ()
    numbers: NDArray = field(default_factory=lambda: np.zeros(0, np.int64))
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
        fields = np.stack([solution.field for solution in solve_many(self.problems)])
        solved = replace(self, maxima=fields.max(axis=(1, 2)) if divide_by_maximum else None)
        return replace(solved, fields=solved.scaled(fields.astype(np.float64)))

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
    lengths = [one["diffusion_length"] for one in drawn if "diffusion_length" in one]
    return ImageBatch(
        problems=[recipe.problem_of(one) for one in drawn],
        images=np.array([one["source_image"] for one in drawn], np.float32),
        sources=[one["sources"] for one in drawn],
        numbers=np.array(numbers),
        lengths=np.array(lengths, np.float32) if lengths else None,
    )


@dataclass(frozen=True)
class ImageFile:
    """A file of test images: their name, the hash of their problems, and their configuration."""

    path: Path
    name: str  # such as `tissue_64/test`
    sha256: str
    config: Config

    @classmethod
    def open(cls, path: Path) -> "ImageFile":
        """The file of a path; a DataError for one that is damaged, or something else."""
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
        """Fewer source counts or test examples, or other settings of the evaluation."""
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

    def read(self, count: int, numbers: Sequence[int]) -> ImageBatch:
        """The images of some numbers of a source count, which are drawn again and compared."""
        drawn, of_data = draw_images(self.config, count, numbers), self.config.data
        given = {"source_images": drawn.images, **drawn.maps(of_data.maps)}
        names = [*given, "fields", *(["maxima"] if of_data.divide_by_maximum else [])]
        arrays = read_arrays(self.path, WHAT, only=[f"{name}_{count:02d}" for name in names])
        shape, found = (of_data.test_examples, *drawn.images.shape[1:]), {}
        for name in names:
            array = arrays.get(key := f"{name}_{count:02d}")
            if array is None or array.shape not in (shape, shape[:1]):
                raise DataError(f"{self.path} has no array {key} of shape {shape}")
            found[name] = array[list(numbers)]
            if name in given and not np.array_equal(found[name], given[name]):
                raise DataError(
                    f"{self.path}: {key} holds other images than the test split of its "
                    "configuration; write it again by `diffkeras-benchmark data`"
                )
        return replace(drawn, fields=found["fields"], maxima=found.get("maxima"))


@dataclass(frozen=True)
class TestImages:
    """The test images of a configuration, in datasets or in a file.

    Attributes:
        config: whose test split they are, or a part of it.
        place: the data directory, or the file.
        file: what the file says; None for datasets.
    """

    config: Config
    place: Path
    file: ImageFile | None = None

    @classmethod
    def find(
        cls,
        place: Path,
        config: Config | None,
        learned: Config | None,
        overrides: Mapping[str, Any],
    ) -> "TestImages":
        """Those in a directory or file, with the given configuration, the model's or the file's."""
        if place.suffix.lower() == SUFFIX or place.is_file():
            if config:
                raise ConfigurationError(f"{place} has its own configuration; leave out config")
            file = ImageFile.open(place)
            return cls(file.part(overrides), place, file)
        if (chosen := config or learned) is None:
            raise ConfigurationError("predictions name no test images: give config, too")
        chosen = chosen.with_overrides(overrides)
        if "data.test_examples" not in overrides:
            chosen = with_stored_examples(chosen, place)
        return cls(chosen, place)

    @property
    def datasets(self) -> list[Path]:
        """The directories of the datasets."""
        return [] if self.file else dataset_paths(self.config, self.place)

    def check(self, config_name: str | None = None) -> None:
        """Raise a DataError if datasets lack some of them; see `check_dataset`."""
        for count in () if self.file else self.config.data.sources:
            check_dataset(self.config, count, self.place, ("test",), config_name=config_name)

    def batches(self, count: int, threads: int | None = None) -> Iterator[ImageBatch]:
        """Those of one source count, in order."""
        size, number = self.config.evaluation.batch_size, self.config.data.test_examples
        if self.file:
            for start in range(0, number, size):
                yield self.file.read(count, range(start, min(start + size, number)))
            return
        dataset = data.raw_dataset(self.config, count, "test", self.place, threads=threads)
        for k, batch in enumerate(dataset.batch(size).as_numpy_iterator()):
            yield self._batch(batch, k * size)

    def image(self, count: int, number: int) -> ImageBatch:
        """A batch of one."""
        numbers = range(number, number + 1)
        if self.file:
            return self.file.read(count, numbers)
        dataset = data.raw_dataset(self.config, count, "test", self.place, numbers=numbers)
        return self._batch(next(dataset.batch(1).as_numpy_iterator()), number)

    def _batch(self, examples: dict[str, Any], start: int) -> ImageBatch:
        images, recipe = examples["source_image"][..., 0], self.config.view.recipe
        discs = zip(*map(examples.pop("sources").get, Sources.ARRAYS), strict=True)
        each = [{name: values[k] for name, values in examples.items()} for k in range(len(images))]
        return ImageBatch(
            problems=[recipe.problem_of(one) for one in each],
            images=images,
            fields=examples["field"][..., 0],
            sources=[Sources(*disc) for disc in discs],
            numbers=np.arange(start, start + len(images)),
            lengths=examples.get("diffusion_length"),
            maxima=examples.get("maximum"),
        )
