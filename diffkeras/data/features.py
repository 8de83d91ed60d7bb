"""The features of a dataset: what an example stores, as TFDS describes it."""

from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from diffkeras.data.dataset_config import DatasetConfig, by_feature
from diffkeras.physics import Sources
from diffkeras.physics.problem.maps import MAPS

SCALARS = ("maximum", "diffusion_length")
HOMEPAGE = "https://arxiv.org/abs/2302.03786"


def dataset_features(
    dataset: DatasetConfig, *, any_count: bool = False
) -> tfds.features.FeaturesDict:
    """The features of a dataset's examples; with `any_count`, of any source count."""
    count = None if any_count else dataset.count
    return tfds.features.FeaturesDict(
        {name: _feature(name, dataset, count) for name in dataset.record}
    )


def _feature(name: str, dataset: DatasetConfig, count: int | None) -> Any:
    """The feature of a name, of so many sources."""
    if name == "sources":
        return {part: _tensor((count,), dtype) for part, dtype in Sources.ARRAYS.items()}
    if name in SCALARS:
        return _tensor(())
    return _tensor((*dataset.physics.lattice, 1), encoding=encoding_of(name))


def encoding_of(name: str) -> tfds.features.Encoding:
    """How a record holds a feature: as numbers, as bytes, or as compressed bytes."""
    if name == "field":  # a megabyte, which compression makes little smaller
        return tfds.features.Encoding.BYTES
    # a source image is mostly zeros and takes a few kB compressed; maps have few different values
    # and take a tenth of a field's bytes, or less
    if name in ("source_image", *MAPS):
        return tfds.features.Encoding.ZLIB
    return tfds.features.Encoding.NONE


def _tensor(shape: tuple[int | None, ...], dtype: Any = np.float32, **options: Any) -> Any:
    return tfds.features.Tensor(shape=shape, dtype=dtype, **options)


def info_arguments(dataset: DatasetConfig) -> dict[str, Any]:
    """Arguments of `tfds.core.DatasetInfo` that depend on the dataset."""
    return {
        "features": dataset_features(dataset),
        "supervised_keys": _supervised_keys(dataset),
        "homepage": HOMEPAGE,
        # Record k is example k, so that subsets are nested and examples can be checked.
        "disable_shuffling": True,
        "metadata": tfds.core.MetadataDict(dataset.identity()),
    }


def _supervised_keys(dataset: DatasetConfig) -> tuple[Any, str]:
    """What `as_supervised` gives: all that the field depends on, and the field."""
    first, *others = dataset.given
    return ({name: name for name in (first, *others)} if others else first), "field"


def make_example(dataset: DatasetConfig, split: str, k: int) -> dict[str, Any]:
    """Solve example k of a split, and return its values by feature."""
    example = dataset.recipe().example(split, k)
    values = {**vars(example), **example.maps}
    return by_feature({name: values[name] for name in dataset.record})
