"""Source images and fields in files: NumPy arrays, pictures, lists of discs."""

import contextlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from diffkeras.config import read_yaml, short
from diffkeras.errors import PhysicsError
from diffkeras.physics import Sources
from diffkeras.system.atomic_files import check_file

ARRAYS = (".npy", ".npz")
PICTURES = (".png", ".tif", ".tiff")
LISTS = (".yaml", ".yml")
UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    zipfile.BadZipFile,
    UnidentifiedImageError,
    Image.DecompressionBombError,
)
SMALLEST, LARGEST = (
    float(limit) for limit in (np.finfo(np.float32).tiny, np.finfo(np.float32).max)
)
BYTES_A_NODE = 35  # of memory that a solution takes, measured at 1024² to 4096² nodes
FULL_SCALE = {"L": 255.0, "I;16": 65535.0, "I;16B": 65535.0, "I;16L": 65535.0, "F": 1.0}


def read_source_image(path: Path, lattice: tuple[int, int] | None = None) -> NDArray[np.float64]:
    """A source image, (rows, columns) or a batch (batch, rows, columns), from a file.

    Args:
        path: a `.npy` or `.npz` array (an `.npz` of one array, or with one named "source_image"); a
            grey PNG or TIFF of 8 or 16 bits, whose full scale stands for 1, or a TIFF of 32-bit
            floats; or a YAML list of discs, `{row: 30, column: 40, radius: 5, value: 1.0}` each,
            bare or under `sources:` beside a `lattice:`.
        lattice: (rows, columns) for a list of discs; wins over the file's own.

    Raises:
        PhysicsError: unreadable, of an unknown kind, or no source image.
    """
    suffix = path.suffix.lower()
    if suffix in LISTS:
        return _read_discs(path, lattice)
    if suffix not in ARRAYS + PICTURES:
        known = ", ".join(ARRAYS + PICTURES + LISTS)
        raise PhysicsError(f"{path} is of an unknown kind; source images are read from {known}")
    try:
        array = _read_array(path) if suffix in ARRAYS else _read_picture(path)
    except UNREADABLE as error:
        raise PhysicsError(f"{path} can't be read: {error}") from None
    if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool) or np.iscomplexobj(array):
        raise PhysicsError(f"{path} holds {array.dtype} values, not real numbers")
    return array.astype(np.float64)


def write_field(path: Path, field: NDArray) -> None:
    """Write a field beside its place, then rename.

    Args:
        path: `.npy`; `.npz`, under the name "field"; `.tif`, 32-bit floats; or `.png`, 16 bits with
            1 at full scale.
        field: (rows, columns), or a batch of them for the arrays.

    Raises:
        PhysicsError: an unknown kind, values that a PNG or TIFF can't hold, or an unwritable place.
    """
    suffix = path.suffix.lower()
    check_output(path)
    if suffix in PICTURES and field.ndim != 2:
        raise PhysicsError(f"{path} can't hold a batch of fields; write to .npy or .npz")
    if suffix == ".png" and (field.min() < 0 or field.max() > 1):
        raise PhysicsError(
            f"a PNG holds values of 0 to 1, and the field goes from {field.min():.3g} to "
            f"{field.max():.3g}; write to .tif, .npy or .npz"
        )
    largest = float(abs(field).max())
    if suffix in (".tif", ".tiff") and largest and not SMALLEST <= largest <= LARGEST:
        raise PhysicsError(
            f"a TIFF holds 32-bit floats, and the field's largest value is {largest:.3g}; write to "
            ".npy or .npz, or choose another unit of concentration"
        )
    beside = path.with_name(f".{path.stem}.partial{suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".npy":
            np.save(beside, field)
        elif suffix == ".npz":
            np.savez_compressed(beside, field=field)
        elif suffix == ".png":
            Image.fromarray(np.rint(field * FULL_SCALE["I;16"]).astype(np.uint16)).save(beside)
        else:
            Image.fromarray(field.astype(np.float32)).save(beside)
        beside.replace(path)
    except OSError as error:
        raise PhysicsError(f"{path} can't be written: {error}") from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def check_output(path: Path) -> None:
    """Refuse a file whose kind can't be written.

    Raises:
        PhysicsError: an unknown kind.
    """
    if path.suffix.lower() not in ARRAYS + PICTURES:
        known = ", ".join(ARRAYS + PICTURES)
        raise PhysicsError(f"{path} is of an unknown kind; fields are written to {known}")


def check_places(
    inputs: Mapping[str, Path | None],
    fields: Mapping[str, Path | None],
    plots: Mapping[str, Path | None],
) -> None:
    """Check files, by the options that name them, before any work is done.

    Raises:
        PhysicsError: a kind that can't be written, or one file for two purposes.
        RunError: a place that can't be written.
    """
    places: dict[Path, str] = {}
    for name, file in {**inputs, **fields, **plots}.items():
        other = places.setdefault(file.resolve(), name) if file else name
        if other != name and not {name, other} <= set(inputs):
            raise PhysicsError(f"{name} and {other} are the same file, {file}; give each its own")
    for field in filter(None, fields.values()):
        check_output(field)
    for plot in filter(None, plots.values()):
        if plot.suffix.lower() != ".png":
            raise PhysicsError(f"a plot is a .png, not {plot.suffix or plot}")
    for file in filter(None, (*fields.values(), *plots.values())):
        check_file(file)


def check_lattice_option(source_file: Path, lattice: tuple[int, int] | None) -> None:
    """Refuse a lattice for a file that has its own.

    Raises:
        PhysicsError: it is no list of discs.
    """
    if lattice is not None and source_file.suffix.lower() not in LISTS:
        raise PhysicsError(
            f"--lattice is for lists of discs; {source_file} is an image, whose nodes are its own"
        )


def check_memory(lattice: tuple[int, int]) -> None:
    """Refuse a lattice that this machine can't hold, before anything is allocated.

    Raises:
        PhysicsError: with the memory that it takes and what there is.
    """
    needed = lattice[0] * lattice[1] * BYTES_A_NODE
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise PhysicsError(
            f"a lattice of {lattice[0]}×{lattice[1]} nodes takes about {needed / 1e9:.3g} GB of "
            f"memory, and this machine has {there / 1e9:.3g} GB; choose a coarser lattice"
        )


def _read_array(path: Path) -> NDArray:
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return loaded
    names = loaded.files
    if "source_image" in names:
        return loaded["source_image"]
    if len(names) != 1:
        raise ValueError(
            f"it holds {len(names)} arrays ({', '.join(names)}) and none named source_image"
        )
    return loaded[names[0]]


def _read_picture(path: Path) -> NDArray:
    with Image.open(path) as picture:
        pages = getattr(picture, "n_frames", 1)
        if pages > 1:
            raise ValueError(f"it has {pages} pages; a source image has one")
        if picture.mode not in FULL_SCALE:
            raise ValueError(
                f"its pixels are of kind {picture.mode}; a source image is grey, of 8 or 16 bits"
            )
        return np.asarray(picture, dtype=np.float64) / FULL_SCALE[picture.mode]


def _read_discs(path: Path, lattice: tuple[int, int] | None) -> NDArray[np.float64]:
    content = read_yaml(path)
    discs: Any = content
    if isinstance(content, dict):
        discs = content.get("sources")
        own = content.get("lattice")
        if unknown := [key for key in content if key not in ("lattice", "sources")]:
            raise PhysicsError(
                f"{path}: unknown key {unknown[0]!r}; only lattice and sources stand there, and "
                "the medium is given by options"
            )
        if lattice is None and own is not None:
            lattice = _lattice(own, path)
    if not isinstance(discs, list) or not discs:
        raise PhysicsError(f"{path} holds no list of discs; see `diffkeras solve --help`")
    if lattice is None:
        raise PhysicsError(
            f"{path} names no lattice; put `lattice: [rows, columns]` there, or give --lattice"
        )
    keys = ("row", "column", "radius", "value")
    for number, disc in enumerate(discs, 1):
        if not isinstance(disc, dict) or set(disc) != set(keys):
            raise PhysicsError(f"{path}: disc {number} is {disc}; give it {', '.join(keys)}")
        for key in keys:
            if isinstance(disc[key], bool) or not isinstance(disc[key], int | float):
                raise PhysicsError(f"{path}: disc {number}: {key} is {disc[key]!r}, not a number")
            if abs(disc[key]) > LARGEST:
                raise PhysicsError(f"{path}: disc {number}: {key} is {short(disc[key])}, too large")
        row, column = disc["row"], disc["column"]
        if not (0 <= row < lattice[0] and 0 <= column < lattice[1]):
            raise PhysicsError(
                f"{path}: disc {number} has its centre at ({row}, {column}), off the lattice of "
                f"{lattice[0]}×{lattice[1]} nodes"
            )
    check_memory(lattice)
    sources = Sources.from_lists(*([disc[key] for disc in discs] for key in keys))
    return sources.image(lattice, np.float64)


def _lattice(value: Any, path: Path) -> tuple[int, int]:
    sides = [value, value] if type(value) is int else value
    if (
        not isinstance(sides, list)
        or len(sides) != 2
        or not all(type(side) is int and side > 0 for side in sides)
    ):
        raise PhysicsError(f"{path}: lattice is {value!r}, not a side or [rows, columns]")
    return sides[0], sides[1]
