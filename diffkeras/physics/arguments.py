"""Checks of the public functions' arguments."""

import numbers
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError

MOST_WORKERS = 4096
SHOWN = 60  # characters of a bad value


def check_number(name: str, value: Any) -> float:
    """A real number of any type, as a float."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        shown = f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)
        raise PhysicsError(f"{name} must be a number, not {shown[:SHOWN]}")
    try:
        return float(value)
    except OverflowError:
        raise PhysicsError(f"{name} must be a number that floats hold, below 1e308") from None


def check_whole(name: str, value: Any, least: int, most: int = 2**31 - 1) -> int:
    """A whole number of any type, as an int."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not (whole and least <= value <= most):
        raise PhysicsError(f"{name} must be {least} to {most}, not {repr(value)[:SHOWN]}")
    return int(value)


def check_workers(workers: Any) -> None:
    """Raise a PhysicsError for anything but None or a number of processes or threads."""
    if workers is not None:
        check_whole("workers", workers, 1, MOST_WORKERS)


def check_lattice(lattice: Any) -> tuple[int, int]:
    """(rows, columns) of a pair, or of one number for both."""
    sides = lattice.tolist() if isinstance(lattice, np.ndarray) else lattice
    if not isinstance(sides, tuple | list):
        sides = (sides, sides)
    if len(sides) != 2:
        raise PhysicsError(
            f"the lattice must be a side or (rows, columns), not {repr(lattice)[:SHOWN]}"
        )
    rows, columns = (check_whole("a side of the lattice", side, 1) for side in sides)
    return rows, columns


def check_rng(rng: Any) -> np.random.Generator:
    """A generator, or the one that a seed gives."""
    try:
        if rng is None:
            raise TypeError
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise PhysicsError(
            f"rng must be a numpy.random.Generator or a seed ≥ 0, not {repr(rng)[:SHOWN]}"
        ) from None


def is_batch(source_image: Any) -> bool:
    """Whether source images come as (batch, rows, columns)."""
    try:
        return np.ndim(source_image) == 3
    except ValueError:  # a ragged list, for which the check of a single image raises an error
        return False


def images_of_batch(
    source_images: Any, fixed: Any, predictions: Any = None
) -> Iterator[tuple[NDArray, NDArray | None, NDArray | None]]:
    """Source image, fixed mask and prediction of each image of a batch."""
    images = _real("the source image", source_images)
    if len(images) == 0:
        raise PhysicsError(f"a batch has at least one source image; its shape is {images.shape}")
    predicted = None if predictions is None else _real("the prediction", predictions)
    if predicted is not None and predicted.shape != images.shape:
        raise PhysicsError(
            f"the prediction has shape {predicted.shape}, the batch of source images {images.shape}"
        )
    masks = None if fixed is None else _real("the fixed mask", fixed)
    if masks is not None and masks.shape not in (images.shape, images.shape[1:]):
        raise PhysicsError(
            f"the fixed mask has shape {masks.shape}, the batch of source images {images.shape}"
        )
    for number, image in enumerate(images):
        mask = masks if masks is None or masks.ndim == 2 else masks[number]
        yield image, mask, None if predicted is None else predicted[number]


def real_array(what: str, values: Any) -> NDArray[np.float64]:
    """Values as an array of float64."""
    return _real(what, values).astype(np.float64, copy=False)


def _real(what: str, values: Any) -> NDArray:
    """Values as an array of their own real type."""
    if np.ma.isMaskedArray(values):
        raise PhysicsError(f"{what} is a masked array, which has no meaning here; fill it")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise PhysicsError(f"{what} is no array: {error}") from None
    if array.dtype.kind not in "biuf":
        raise PhysicsError(f"{what} holds {array.dtype} values, not real numbers")
    return array
