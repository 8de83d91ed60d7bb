"""Public splits as files: drawn, solved, verified, and read for any program."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras import DiffkerasError, Problem, certify, certify_many
from diffkeras.config import Config
from diffkeras.errors import DataError
from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.predictions import (
    check_order,
    checked_fields,
    read_predictions,
    write_predictions,
)
from diffkeras.system.array_files import read_arrays, write_arrays
from diffkeras_benchmark.problems import SEED
from diffkeras_benchmark.splits import PublicSplit, input_arrays, public_split

# relative to the largest value of a field; the rounding of stored fields is some 1e-7
LARGEST_BOUND = 1e-6


def write_archive(
    split: PublicSplit, path: Path, on_images: Callable[[int], None] = lambda number: None
) -> float:
    """Draw, solve and verify a split, and write it; the largest of the bounds.

    `diffkeras-benchmark data --help` names the arrays. A DataError says which field
    is not verified, or that the inputs don't match the hash.
    """
    split.check()
    config, worst = split.config(), 0.0
    yaml = config.to_yaml(without=("model", "training"))
    arrays: dict[str, Any] = {"name": split.name, "sha256": split.sha256, "configuration": yaml}
    for images in split.images():
        batch = images.solve(divide_by_maximum=config.data.divide_by_maximum)
        bounds = bounds_of_stored(batch)
        worst = max(worst, float(bounds.max()))
        if not worst <= LARGEST_BOUND:
            raise DataError(
                f"a field of {split.name} is only proven to be right within {worst:.1e}, not "
                f"{LARGEST_BOUND:g}; nothing was written"
            )
        own: dict[str, Any] = {**input_arrays(config, images), "bounds": bounds}
        own["fields"] = batch.fields.astype(np.float32)
        if batch.maxima is not None:
            own["maxima"] = batch.maxima
        arrays |= {f"{name}_{images.sources[0].count:02d}": array for name, array in own.items()}
        on_images(len(images))
    write_arrays(path, arrays, compressed=True)
    return worst


def bounds_of_stored(batch: ImageBatch) -> NDArray[np.float64]:
    """(images,), proven bounds of the errors of the fields in single precision, by residuals."""
    maxima = np.ones(len(batch)) if batch.maxima is None else batch.maxima
    fields = batch.fields.astype(np.float32) * maxima[:, None, None]
    bounds = [certificate.error_bound for certificate in certify_many(fields, batch.problems)]
    return np.array(bounds) / maxima


@dataclass(frozen=True, eq=False)  # arrays have no single truth value
class BenchmarkSplit:
    """A public split in memory.

    Source counts take turns: of as many images in a row as there are source counts, each has one,
    in random order. So any part of the images has all source counts. In the file, the images are
    in ascending order of their source counts; within a source count, both orders are the same.

    Attributes:
        name: of the benchmark and the split, such as `tissue_64/test`.
        sha256: hash of the physics and the inputs.
        channels: names of the channels of `inputs`: `source_image`, and in tissue its maps.
        inputs: (images, rows, columns, channels) float32.
        fields: (images, rows, columns, 1) float32, the steady states; of production, divided by
            their maxima.
        bounds: (images,), proven: no node of a field is further from the exact steady state.
        counts: (images,), numbers of discs.
        maxima: (images,), what the fields were divided by; 1 where they were not.
        config: the configuration whose split `train`, `validation` or `test` it is.
    """

    name: str
    sha256: str
    channels: tuple[str, ...]
    inputs: NDArray[np.float32]
    fields: NDArray[np.float32]
    bounds: NDArray[np.float64]
    counts: NDArray[np.int64]
    maxima: NDArray[np.float64]
    config: Config

    def __repr__(self) -> str:
        shapes = f"inputs {self.inputs.shape}, fields {self.fields.shape}"
        return f"<BenchmarkSplit {self.name}: {shapes}, channels {', '.join(self.channels)}>"

    def __len__(self) -> int:
        return len(self.inputs)

    def part(self, images: Sequence[int] | NDArray[np.integer]) -> "BenchmarkSplit":
        """Some of the images, in memory only: their predictions can't be submitted."""
        arrays = ("inputs", "fields", "bounds", "counts", "maxima")
        return replace(self, **{name: getattr(self, name)[images] for name in arrays})

    def problem(self, image: int) -> Problem:
        """The problem of an image, for `solve` and `certify`."""
        recipe = self.config.recipe(int(self.counts[image]))
        source_image, *maps = np.moveaxis(self.inputs[image], -1, 0)
        maps_by_name = dict(zip(self.channels[1:], maps, strict=True))
        return recipe.problem_of({"source_image": source_image, **maps_by_name})

    def certify(self, fields: NDArray) -> NDArray[np.float64]:
        """Proven bounds of the largest error of predicted fields, (images,).

        A proof takes about as long as a solution of the problem.

        Args:
            fields: (images, rows, columns), or with an axis of one channel, in the order of
                `inputs`.

        Raises:
            DataError: another number of fields.
            PhysicsError: fields of another shape.
        """
        if len(fields) != len(self):
            raise DataError(
                f"{self.name} has {len(self)} images, not {len(fields)}; for some of its images, "
                "take `part`"
            )
        bounds = [
            certify(field * scale, self.problem(image)).error_bound / scale
            for image, (field, scale) in enumerate(zip(fields, self.maxima, strict=True))
        ]
        return np.array(bounds)

    def write_predictions(self, path: str | Path, fields: NDArray) -> Path:
        """Write predicted fields, for the leaderboard and `diffkeras evaluate --predictions`.

        Args:
            path: the file, .npz.
            fields: (images, rows, columns), or with an axis of one channel, in the order of
                `inputs`.

        Returns:
            The file.

        Raises:
            DataError: fields of another shape, values that aren't finite, or another kind of file.
        """
        fields = checked_fields(np.asarray(fields), self.fields.shape[:-1], self.name)
        parts = {int(count): fields[self.counts == count] for count in np.unique(self.counts)}
        write_predictions(Path(path), parts, name=self.name, sha256=self.sha256)
        return Path(path)


def read_archive(path: Path) -> BenchmarkSplit:
    """A public split from its file; a DataError if that is missing, damaged or another one."""
    arrays = read_arrays(path, "public splits")
    try:
        return _from_arrays(arrays)
    except KeyError as error:
        reason = f"has no array {error}"
    except DiffkerasError as error:
        reason = f"can't be used: {error}"
    raise DataError(f"{path} {reason}; delete it, and it will be written again")


def _from_arrays(arrays: Mapping[str, NDArray]) -> BenchmarkSplit:
    benchmark, _, split = str(arrays["name"]).partition("/")
    chosen = public_split(benchmark, split)
    config, (numbers, each) = chosen.config(), chosen.numbers
    counts = [f"{number:02d}" for number in sorted(numbers)]
    maps = [key.removesuffix(f"_{counts[0]}") for key in arrays if key.endswith(f"_{counts[0]}")]
    channels = [m for m in maps if m not in ("source_images", "fields", "bounds", "maxima")]
    inputs = ("source_images", *channels)

    def part(kind: str, count: str, shape: tuple[int, ...]) -> NDArray:
        array = arrays[f"{kind}_{count}"]
        if array.shape != shape or array.dtype.kind != "f" or not np.isfinite(array).all():
            raise DataError(
                f"{kind}_{count} of shape {array.shape} and type {array.dtype} is not {shape} of "
                "finite numbers"
            )
        return array

    def joined(kind: str, *lattice: int) -> NDArray:
        return np.concatenate([part(kind, count, (each, *lattice)) for count in counts])

    parts = {kind: joined(kind, *config.physics.lattice) for kind in (*inputs, "fields")}
    found = chosen.hash_of([arrays[f"{k}_{count}"] for k in inputs] for count in counts)
    if {found, str(arrays["sha256"])} != {chosen.sha256}:
        wrong = found if found != chosen.sha256 else str(arrays["sha256"])
        raise DataError(
            f"{chosen.name} has the hash {wrong:.64}, and the published one is {chosen.sha256}"
        )
    whole = BenchmarkSplit(
        chosen.name,
        chosen.sha256,
        ("source_image", *channels),
        np.stack([parts[kind] for kind in inputs], axis=-1),
        parts["fields"][..., None],
        joined("bounds"),
        np.repeat([int(count) for count in counts], each),
        joined("maxima") if config.data.divide_by_maximum else np.ones(each * len(counts)),
        config,
    )
    return whole.part(mixed(len(counts), each))


def mixed(counts: int, each: int) -> NDArray[np.int64]:
    """The order in memory: places of images in the file, `each` of every source count in turn."""
    turns = np.random.default_rng(SEED).random((each, counts)).argsort(axis=1)
    return (turns * each + np.arange(each)[:, None]).ravel()


def predictions_of(path: Path, split: BenchmarkSplit) -> NDArray[np.float32]:
    """(images, rows, columns), what `write_predictions` wrote; a DataError for anything else."""
    numbers = dict(
        zip(*map(np.ndarray.tolist, np.unique(split.counts, return_counts=True)), strict=True)
    )
    parts = read_predictions(
        path,
        numbers,
        split.fields.shape[1:-1],
        images=(split.name, split.sha256),
    )
    exact = split.fields[..., 0]
    check_order(path, parts, [exact[split.counts == count] for count in parts])
    fields = np.empty_like(exact)
    for count, part in parts.items():
        fields[split.counts == count] = part
    return fields
