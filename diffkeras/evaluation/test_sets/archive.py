"""A test set as one `.npz` that any program can read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import DataError
from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.test_sets.test_set import TestSet
from diffkeras.physics import certify
from diffkeras.system.atomic_files import replacing

LARGEST_BOUND = 1e-6  # of the stored fields, of the largest value; their rounding takes some 1e-7


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
    arrays: dict[str, Any] = {
        "name": np.array(test_set.name),
        "sha256": np.array(test_set.sha256),
        "configuration": np.array(test_set.config().to_yaml(without=("model", "training"))),
    }
    largest = 0.0
    for inputs in test_set.draw():
        batch, count = inputs.solve(), f"{inputs.sources[0].count:02d}"
        bounds = bounds_of_stored(batch)
        if not bounds.max() <= LARGEST_BOUND:
            raise DataError(
                f"a field of {test_set.name} is only proven to be right within {bounds.max():.1e}, "
                f"not {LARGEST_BOUND:g}; nothing was written"
            )
        largest = max(largest, float(bounds.max()))
        arrays |= {f"{name}_{count}": array for name, array in inputs.arrays().items()}
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
    maxima = np.ones(len(batch.images)) if batch.maxima is None else batch.maxima
    bounds = []
    fields = batch.fields.astype(np.float32).astype(np.float64)
    for field, problem, maximum in zip(fields, batch.problems(), maxima, strict=True):
        size = float(maximum)
        certificate = certify(size * field, **problem)
        bounds.append(certificate.prediction_bound / size)
    return np.array(bounds)
