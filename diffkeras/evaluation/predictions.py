"""Predictions of other programs in files, `.npz`."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import DataError
from diffkeras.system.messages import short


def name_of(count: int) -> str:
    """The name of the array of predictions of a source count."""
    return f"sources_{count:02d}"


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
    """Fields in single precision; a last axis of one channel may be there.

    Raises:
        DataError: another shape, no real numbers, or values that are not finite.
    """
    if array.shape not in (shape, (*shape, 1)) or array.dtype.kind not in "fiu":
        raise DataError(
            f"{name} has fields of shape {array.shape} and type {array.dtype}, not "
            f"{tuple(map(int, shape))} of real numbers"
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
