"""Predictions of other programs in files, and files of arrays in general, `.npz`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import short
from diffkeras.errors import DataError
from diffkeras.system.atomic_files import check_regular, replacing


def read_arrays(path: Path, what: str, most_bytes: int | None = None) -> dict[str, NDArray]:
    """The arrays of a `.npz`, by name.

    Args:
        path: the file.
        what: it holds, for the error's text.
        most_bytes: that its arrays may have, uncompressed; None for any number. A small file can
            hold arrays that fill the memory.

    Raises:
        DataError: a missing or damaged file, another kind of file, one with other things than
            arrays of numbers and texts, or with more bytes.
    """
    if path.suffix.lower() != ".npz":
        raise DataError(f"{path} is of an unknown kind; {what} are a .npz")
    try:
        check_regular(path)
        with np.load(path, allow_pickle=False) as archive:
            size = sum(member.file_size for member in archive.zip.infolist())
            if most_bytes is not None and size > most_bytes:
                raise ValueError(f"it has {size:,} bytes, more than {most_bytes:,} for {what}")
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:  # of damaged files, NumPy raises any type
        reason = "it is no .npz file of numbers" if "pickle" in str(error) else error
        raise DataError(f"{path} can't be read: {reason}") from error
    for name, array in arrays.items():  # NumPy returns the bytes of members that are no arrays
        if not isinstance(array, np.ndarray):
            raise DataError(f"{path} can't be read: {name} is no array")
    return arrays


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays and texts by their names as a compressed `.npz`.

    Raises:
        OutputError: the file can't be written.
    """
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)


def name_of(count: int) -> str:
    """The name of the array of predictions of a source count."""
    return f"sources_{count:02d}"


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
            f"{name} has fields of shape {array.shape} and type {array.dtype}, not {shape} of real "
            "numbers"
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
