"""Predictions of other programs in files, `.npz`: an array `sources_NN` for each source count NN.

Predictions of test images in a file (`evaluation.image_files`) also hold its `name` and `sha256`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import DataError
from diffkeras.system.array_files import read_arrays, write_arrays
from diffkeras.system.messages import short


def name_of(count: int) -> str:
    """The name of the array of predictions of a source count."""
    return f"sources_{count:02d}"


def write_predictions(path: Path, fields: Mapping[int, NDArray], *, name: str, sha256: str) -> None:
    """Write predictions of test images.

    Args:
        path: the file, .npz.
        fields: source count → (images, rows, columns).
        name: of the images, such as `tissue_64/test`.
        sha256: of their problems.

    Raises:
        DataError: another kind of file.
        OutputError: the file can't be written.
    """
    if path.suffix.lower() != ".npz":
        raise DataError(f"predictions are written to a .npz, not to {path}")
    arrays: dict[str, Any] = {"name": name, "sha256": sha256}
    arrays |= {name_of(count): part for count, part in fields.items()}
    write_arrays(path, arrays, compressed=True)


def read_predictions(
    path: Path,
    numbers: Mapping[int, int],
    lattice: tuple[int, ...],
    *,
    images: tuple[str, str] | None,
    most_bytes: int | None = None,
) -> dict[int, NDArray[np.float32]]:
    """The predicted fields of each source count, (images, rows, columns).

    Args:
        path: the file.
        numbers: source count → number of images.
        lattice: of the fields.
        images: name and hash of the test images in a file, which are compared if the predictions
            hold them; None for test images of datasets.
        most_bytes: that the arrays may have, uncompressed; None for any number.

    Raises:
        DataError: a missing or damaged file, predictions of other images, or a missing array or one
            of another shape, type or of values that are not finite.
    """
    arrays = read_arrays(path, "predictions", most_bytes)
    if {"name", "sha256"} & arrays.keys():
        if images is None:
            raise DataError(
                f"{path} has predictions of {arrays.get('name')}; give its images by --test-set"
            )
        check_split(arrays, path, *images)
    return predictions_by_count(arrays, path, numbers, lattice)


def check_split(arrays: Mapping[str, NDArray], path: Path, name: str, sha256: str) -> None:
    """Raise a DataError unless predictions say that they are those of a public split.

    Args:
        arrays: of a file, by name.
        path: the file.
        name: of the benchmark and the split.
        sha256: of the split.
    """
    named = [str(arrays.get(key, "nothing")) for key in ("name", "sha256")]
    if named != [name, sha256]:
        raise DataError(
            f"{path} has predictions of {named[0][:60]!r} with the hash {named[1][:12]!r}, not of "
            f"{name} with the hash {sha256[:12]!r}; write them by BenchmarkSplit.write_predictions"
        )


def predictions_by_count(
    arrays: Mapping[str, NDArray], path: Path, numbers: Mapping[int, int], lattice: tuple[int, ...]
) -> dict[int, NDArray[np.float32]]:
    """The predicted fields of each source count, (images, rows, columns).

    Args:
        arrays: of a file, by name.
        path: the file.
        numbers: source count → number of images.
        lattice: of the fields.

    Raises:
        DataError: a missing array, or one of other values than `checked_fields` takes.
    """
    fields = {}
    for count, number in numbers.items():
        name = name_of(count)
        if name not in arrays:
            raise DataError(f"{path} has no array {name}, only {short(list(arrays))}")
        fields[count] = checked_fields(arrays[name], (number, *lattice), f"{name} in {path}")
    return fields


def checked_fields(array: NDArray, shape: tuple[int, ...], name: str) -> NDArray[np.float32]:
    """Fields in single precision; an axis of one channel may be last, or follow the images.

    Args:
        array: (images, rows, columns), (images, rows, columns, 1) or (images, 1, rows, columns).
        shape: (images, rows, columns).
        name: of the fields, for the error.

    Raises:
        DataError: another shape, no real numbers, or values that are not finite.
    """
    images, *lattice = map(int, shape)
    if array.dtype.kind not in "fiu":
        raise DataError(f"{name} holds values of type {array.dtype}, not real numbers")
    if array.shape not in (shape, (*shape, 1), (images, 1, *lattice)):
        raise DataError(
            f"{name} has the shape {array.shape}, not {(images, *lattice)}, and also not "
            f"{(images, *lattice, 1)} or {(images, 1, *lattice)}; `movedim` or `moveaxis` moves an "
            "axis, `squeeze` removes one"
        )
    with np.errstate(over="ignore"):
        fields = array.reshape(shape).astype(np.float32)
    finite = np.isfinite(fields).all(axis=(1, 2))
    if not finite.all():
        raise DataError(
            f"field {int(np.argmin(finite))} of {name} is not finite in single precision; leave "
            "out NaN and infinite values, or choose units in which values are about 1"
        )
    return fields
