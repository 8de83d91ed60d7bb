"""Arrays in files: `.npy` and `.npz`, and grey pictures."""

import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import DataError
from diffkeras.system.atomic_files import replacing

ARRAYS = (".npy", ".npz")
PICTURES = (".png", ".tif", ".tiff")
FULL_SCALE = {"L": 255.0, "I;16": 65535.0, "I;16B": 65535.0, "I;16L": 65535.0, "F": 1.0}
# kinds of pictures whose pixels are read as they are
LABELS = dict.fromkeys((*FULL_SCALE, "I", "1", "P"), 1.0)


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
    """The arrays of a `.npz` file by name.

    Args:
        path: the file.
        what: it contains, for the error's text.
        only: names of the arrays that are read, if they are there; None for all.

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
        raise DataError(f"{path} can't be read as {what}: {_reason(error, '.npz')}") from error
    for name, array in arrays.items():  # NumPy returns the bytes of members that are no arrays
        if not isinstance(array, np.ndarray):
            raise DataError(f"{path} can't be read as {what}: {name} is no array")
    return arrays


def read_numbers(path: Path, names: Sequence[str], *, labels: bool = False) -> NDArray:
    """The real numbers in a `.npy`, `.npz`, PNG or TIFF.

    Args:
        path: the file.
        names: of the array in a `.npz` of several; the first that is there counts.
        labels: whether the pixels of pictures are read as they are, as in masks and label images;
            then they may be black and white, or numbered colours.

    Returns:
        An array of real numbers of any type and shape; without `labels`, those of a grey picture
        relative to its full scale.

    Raises:
        DataError: it is no such file, damaged, or doesn't fit into memory.
    """
    if not path.is_file():  # reading a pipe would block
        raise DataError(f"{path} is no file")
    suffix = path.suffix.lower()
    try:
        if suffix in ARRAYS:
            image = _read_array(path, names)
        else:
            image = _read_picture(path, LABELS if labels else FULL_SCALE)
    except Exception as error:  # readers of damaged files raise errors of any type
        raise DataError(f"{path} can't be read: {_reason(error, suffix)}") from error
    if not isinstance(image, np.ndarray):  # NumPy returns the bytes of what is no array
        raise DataError(f"{path} can't be read: {names[0]} in it is no array")
    if image.dtype.kind not in "biuf":
        raise DataError(f"{path} contains {image.dtype} values, not real numbers")
    return image


def _read_array(path: Path, names: Sequence[str]) -> NDArray:
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return loaded
    with loaded:
        there = loaded.files
        name = next((known for known in names if known in there), there[0] if there else "")
        if name not in names and len(there) != 1:
            shown = f"{there!r:.60}"
            raise ValueError(f"it contains {len(there)} arrays, {shown}, and none is {names[0]}")
        return loaded[name]


def _read_picture(path: Path, full_scale: Mapping[str, float]) -> NDArray:
    from PIL import Image

    # Pillow warns of damaged metadata and of large pictures
    with warnings.catch_warnings(action="ignore"), Image.open(path) as picture:
        pages = getattr(picture, "n_frames", 1)
        if pages > 1 or picture.mode not in full_scale:
            raise ValueError(
                f"it has {pages} page(s) of kind {picture.mode}; give one grey picture of 8 or 16 "
                "bits"
            )
        return np.asarray(picture, dtype=np.float64) / full_scale[picture.mode]


def _reason(error: Exception, suffix: str) -> str:
    """Why a file with a suffix couldn't be read.

    NumPy takes any other content for a pickled object, and recommends to load it.
    """
    of_numpy = isinstance(error, ValueError)  # the words may be in a path otherwise
    is_other = of_numpy and any(word in str(error) for word in ("pickle", "magic string"))
    return f"it is no {suffix} file of numbers" if is_other else str(error)


def check_arrays(
    arrays: Mapping[str, NDArray], shapes: Mapping[str, tuple[int | None, ...]]
) -> None:
    """Check that arrays are there, have these shapes and contain numbers; None is any side.

    Raises:
        ValueError: with the name of the array.
    """
    for name, shape in shapes.items():
        if name not in arrays:
            raise ValueError(f"{name} is missing")
        array = arrays[name]
        if array.dtype.kind not in "fiu" or np.isnan(array).any():
            raise ValueError(f"{name} contains other things than real numbers")
        pairs = zip(array.shape, shape, strict=False)
        if array.ndim != len(shape) or any(wanted not in (None, side) for side, wanted in pairs):
            raise ValueError(f"{name} has the shape {array.shape}, not {shape}")
