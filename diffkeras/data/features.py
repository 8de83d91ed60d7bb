"""The features of a dataset: what an example stores, as TFDS describes it."""

from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from diffkeras.data.dataset_config import DatasetConfig

HOMEPAGE = "https://arxiv.org/abs/2302.03786"


def dataset_features(
    dataset: DatasetConfig, *, any_count: bool = False
) -> tfds.features.FeaturesDict:
    """The features of a dataset's examples; with `any_count`, of any source count."""
    if dataset.data.family is not None:
        return _family_features(dataset)
    per_source = (None,) if any_count else (dataset.count,)
    features: dict[str, Any] = {
        "sources": {
            "rows": tfds.features.Tensor(shape=per_source, dtype=np.int32),
            "columns": tfds.features.Tensor(shape=per_source, dtype=np.int32),
            "radii": tfds.features.Tensor(shape=per_source, dtype=np.float32),
            "values": tfds.features.Tensor(shape=per_source, dtype=np.float32),
        }
    }
    image = {"shape": (*dataset.physics.lattice, 1), "dtype": np.float32}
    # a source image is mostly zeros and takes a few kB compressed; a field is a megabyte
    zlib, uncompressed = tfds.features.Encoding.ZLIB, tfds.features.Encoding.BYTES
    features["source_image"] = tfds.features.Tensor(**image, encoding=zlib)
    features["field"] = tfds.features.Tensor(**image, encoding=uncompressed)
    if dataset.data.divide_by_maximum:
        features["maximum"] = tfds.features.Tensor(shape=(), dtype=np.float32)
    for name in dataset.maps:
        # few different values: a tenth of the field's bytes, or less
        features[name] = tfds.features.Tensor(**image, encoding=zlib)
    if dataset.data.diffusion_length is not None:
        features["diffusion_length"] = tfds.features.Tensor(shape=(), dtype=np.float32)
    return tfds.features.FeaturesDict(features)


def _family_features(dataset: DatasetConfig) -> tfds.features.FeaturesDict:
    """Parameters and field: all else follows from the parameters (`FamilyRecipe.problem_of`)."""
    assert dataset.data.family is not None
    return tfds.features.FeaturesDict(
        {
            "parameters": tfds.features.Tensor(
                shape=(len(dataset.data.family.ranges),), dtype=np.float32
            ),
            "field": tfds.features.Tensor(
                shape=(*dataset.physics.lattice, 1),
                dtype=np.float32,
                encoding=tfds.features.Encoding.BYTES,
            ),
        }
    )


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
    if dataset.data.family is not None:
        return "parameters", "field"
    if dataset.data.tissue is None:
        return "source_image", "field"
    return {name: name for name in ("source_image", *dataset.maps)}, "field"


def make_example(dataset: DatasetConfig, split: str, k: int) -> dict[str, Any]:
    """Solve example k of a split, and return its values by feature."""
    example = dataset.recipe().example(split, k)
    if example.parameters is not None:
        return {"parameters": example.parameters, "field": example.field[..., None]}
    sources = example.sources
    values: dict[str, Any] = {
        "sources": {
            "rows": sources.rows,
            "columns": sources.columns,
            "radii": sources.radii,
            "values": sources.values,
        },
        "source_image": example.source_image[..., None],
        "field": example.field[..., None],
    }
    if example.maximum is not None:
        values["maximum"] = np.float32(example.maximum)
    values |= {name: one[..., None] for name, one in example.maps.items()}
    if example.diffusion_length is not None:
        values["diffusion_length"] = np.float32(example.diffusion_length)
    return values
