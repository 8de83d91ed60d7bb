"""Real numbers in the files that `diffkeras solve` and `predict` read: arrays and grey pictures."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import DataError
from diffkeras.system.array_files import why_unreadable

MOST_NAMED = 12  # arrays of a file
ARRAYS = (".npy", ".npz")
PICTURES = (".png", ".tif", ".tiff")
FULL_SCALE = {"L": 255.0, "I;16": 65535.0, "I;16B": 65535.0, "I;16L": 65535.0, "F": 1.0}
# kinds of pictures whose pixels are read as they are
LABELS = dict.fromkeys((*FULL_SCALE, "I", "1", "P"), 1.0)


def read_numbers(path: Path, names: Sequence[str], *, labels: bool = False) -> NDArray:
    """The real numbers in a `.npy`, `.npz`, PNG or TIFF.

    Args:
        path: the file.
            A TIFF of several pages is a volume, or a stack of images.
        names: of the array in a `.npz` of several; the first that is there counts.
        labels: whether the pixels of pictures are read as they are, as in masks and label images;
            then they may be black and white, or numbered colours.

    Returns:
        An array of real numbers of any type and shape; without `labels`, the values of a
        grey picture are relative to its full scale.

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
        raise DataError(f"{path} can't be read: {why_unreadable(error, suffix)}") from error
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
        if not there:
            raise ValueError("it holds no array")
        if name not in names and len(there) != 1:
            shown = f"{', '.join(there[:MOST_NAMED])}{', …' * (len(there) > MOST_NAMED)}"
            take = "values" if "values" in there else "NAME"  # of a result that `save` wrote
            raise ValueError(
                f"of its arrays {shown:.200} none is {names[0]}; save the one that is meant, by "
                f"np.save('{names[0]}.npy', np.load('{path.name}')['{take}'])"
            )
        return loaded[name]


def _read_picture(path: Path, full_scale: Mapping[str, float]) -> NDArray:
    from PIL import Image, ImageSequence

    # Pillow warns of damaged metadata and of large pictures
    with warnings.catch_warnings(action="ignore"), Image.open(path) as picture:
        mode, size, pages = picture.mode, picture.size, getattr(picture, "n_frames", 1)
        if mode not in full_scale or (pages > 1 and picture.format != "TIFF"):
            raise ValueError(
                f"it has {pages} page(s) of kind {mode}; give grey pictures of 8 or 16 bits, or "
                "save the numbers as .npy"
            )
        planes = []
        for number, page in enumerate(ImageSequence.Iterator(picture), 1):
            if (page.mode, page.size) != (mode, size):
                raise ValueError(f"its page {number} is of another kind or size than the first")
            planes.append(np.asarray(page, dtype=np.float64) / full_scale[mode])
        return planes[0] if pages == 1 else np.stack(planes)
