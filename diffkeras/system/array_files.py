"""Arrays in `.npz` files."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import DataError
from diffkeras.system.atomic_files import check_file as check_file  # these two are for tenants
from diffkeras.system.atomic_files import replacing
from diffkeras.system.atomic_files import write_bytes as write_bytes


def write_arrays(path: Path, arrays: Mapping[str, Any], *, compressed: bool = False) -> None:
    """Write arrays and texts by their names.

    Raises:
        OutputError: the file can't be written.
    """
    save = np.savez_compressed if compressed else np.savez
    with replacing(path) as partial, partial.open("wb") as file:
        save(file, **arrays)


def read_arrays(
    path: Path, what: str, *, only: Collection[str] | None = None
) -> dict[str, NDArray]:
    """The arrays of a `.npz` file by name, or `only` some of them; `what` it is, for errors.

    Raises:
        DataError: a missing, damaged or other file, one with other things than arrays of numbers
            and texts, or one that doesn't fit into memory.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise ValueError("it is a .npy; .npz files contain arrays by name")
        with archive:
            names = [name for name in archive.files if only is None or name in only]
            arrays = {name: archive[name] for name in names}
    except Exception as error:  # of damaged files, NumPy raises any type
        raise DataError(
            f"{path} can't be read as {what}: {why_unreadable(error, '.npz')}"
        ) from error
    for name, array in arrays.items():  # NumPy returns the bytes of members that are no arrays
        if not isinstance(array, np.ndarray):
            raise DataError(f"{path} can't be read as {what}: {name} is no array")
    return arrays


def why_unreadable(error: Exception, suffix: str) -> str:
    """Why a file with a suffix couldn't be read.

    NumPy takes any other content for a pickled object, and recommends to load it.
    """
    of_numpy = isinstance(error, ValueError)  # the words may be in a path otherwise
    is_other = of_numpy and any(word in str(error) for word in ("pickle", "magic string"))
    return f"it is no {suffix} file of numbers" if is_other else str(error)


def check_arrays(
    arrays: Mapping[str, NDArray], shapes: Mapping[str, tuple[int | None, ...]]
) -> None:
    """Raise a ValueError if an array is missing, has another shape (None is any side) or NaN."""
    for name, shape in shapes.items():
        if name not in arrays:
            raise ValueError(f"{name} is missing")
        array = arrays[name]
        if array.dtype.kind not in "fiu" or np.isnan(array).any():
            raise ValueError(f"{name} contains other things than real numbers")
        pairs = zip(array.shape, shape, strict=False)
        if array.ndim != len(shape) or any(wanted not in (None, side) for side, wanted in pairs):
            raise ValueError(f"{name} has the shape {array.shape}, not {shape}")
