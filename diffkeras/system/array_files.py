"""Files of arrays, `.npy`, and of arrays by name, `.npz`."""

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import DataError
from diffkeras.system.atomic_files import replacing


def write_arrays(path: Path, arrays: Mapping[str, Any], *, compressed: bool = False) -> None:
    """Write arrays and texts by their names.

    Raises:
        OutputError: the file can't be written.
    """
    save = np.savez_compressed if compressed else np.savez
    with replacing(path) as partial, partial.open("wb") as file:
        save(file, **arrays)


def read_arrays(
    path: Path,
    what: str,
    most_bytes: int | None = None,
    *,
    only: Collection[str] | None = None,
) -> dict[str, NDArray]:
    """The arrays of a file by name.

    Args:
        path: the file.
        what: it holds, for the error's text.
        most_bytes: that its arrays may have, uncompressed; None for any number. A small file can
            hold arrays that fill the memory.
        only: names of the arrays that are read, if they are there; None for all.

    Raises:
        DataError: a missing or damaged file, another kind of file, one with other things than
            arrays of numbers and texts, or with more bytes.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise ValueError("it is a .npy; .npz files hold arrays by name")
        with archive:
            size = sum(member.file_size for member in archive.zip.infolist())
            if most_bytes is not None and size > most_bytes:
                raise ValueError(f"it has {size:,} bytes, more than {most_bytes:,} for {what}")
            names = [name for name in archive.files if only is None or name in only]
            arrays = {name: archive[name] for name in names}
    except Exception as error:  # of damaged files, NumPy raises any type
        reason = reason_unread(error, ".npz")
        raise DataError(f"{path} can't be read as {what}: {reason}") from error
    for name, array in arrays.items():  # NumPy returns the bytes of members that are no arrays
        if not isinstance(array, np.ndarray):
            raise DataError(f"{path} can't be read as {what}: {name} is no array")
    return arrays


def check_announced(file: IO[bytes], most_numbers: int) -> None:
    """Check the size that the header of an array announces, before its numbers are read.

    A small archive can hold an array that fills the memory.

    Args:
        file: a `.npy`, or an open member of a `.npz`.
        most_numbers: of 64 bits.

    Raises:
        ValueError: it is no array, or a larger one.
    """
    is_first = np.lib.format.read_magic(file) == (1, 0)
    header = (
        np.lib.format.read_array_header_1_0 if is_first else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = header(file)
    numbers = math.prod(shape) * max(1, dtype.itemsize / 8)
    if numbers > most_numbers:
        size = "×".join(map(str, shape))
        raise ValueError(
            f"it holds an array of {size} {dtype} values; at most {most_numbers:,} numbers are read"
        )


def reason_unread(error: Exception, suffix: str) -> str:
    """Why NumPy couldn't read a file with a suffix, for people.

    NumPy takes any other content for a pickled object, and recommends to load it.
    """
    of_numpy = isinstance(error, ValueError)  # the words may be in a path otherwise
    is_other = of_numpy and any(word in str(error) for word in ("pickle", "magic string"))
    return f"it is no {suffix} file of numbers" if is_other else str(error)


def check_arrays(
    arrays: Mapping[str, NDArray], shapes: Mapping[str, tuple[int | None, ...]]
) -> None:
    """Check that arrays are there, have these shapes and hold numbers; None stands for any side.

    Raises:
        ValueError: with the name of the array.
    """
    for name, shape in shapes.items():
        if name not in arrays:
            raise ValueError(f"{name} is missing")
        array = arrays[name]
        if array.dtype.kind not in "fiu" or np.isnan(array).any():
            raise ValueError(f"{name} holds other things than real numbers")
        pairs = zip(array.shape, shape, strict=False)
        if array.ndim != len(shape) or any(wanted not in (None, side) for side, wanted in pairs):
            raise ValueError(f"{name} has the shape {array.shape}, not {shape}")
