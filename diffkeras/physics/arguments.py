"""Checks of the public functions' arguments."""

import math
import numbers
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError

MOST_WORKERS = 4096
EXACT_BYTES = 4  # of whole numbers that float64 always holds
SHOWN = 60  # characters of a bad value
LEAST_VOLUME = 16  # planes, rows and columns from which a stack of images may be a volume
ALIKE = 0.5  # correlation of neighbouring planes in a volume, of 0.8 for balls of radius 5


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


def check_tolerance(tolerance: Any) -> float:
    """A tolerance of any numeric type, as a float; a PhysicsError unless it is above 0."""
    checked = check_number("tolerance", tolerance)
    if not (math.isfinite(checked) and checked > 0):
        raise PhysicsError(f"tolerance must be positive and finite, not {checked}")
    return checked


def check_whole(name: str, value: Any, least: int, most: int = 2**31 - 1) -> int:
    """A whole number of any type, as an int."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not (whole and least <= value <= most):
        raise PhysicsError(
            f"{name} must be a whole number from {least} to {most}, not {repr(value)[:SHOWN]}"
        )
    return int(value)


def check_workers(workers: Any) -> None:
    """Raise a PhysicsError for anything but None or a number of processes or threads."""
    if workers is not None:
        check_whole("workers", workers, 1, MOST_WORKERS)


def check_lattice(lattice: Any) -> tuple[int, int]:
    """(rows, columns) of a pair, or of one number for both."""
    sides = _sides(lattice, 2)
    if len(sides) != 2:
        raise PhysicsError(
            f"the lattice must be a side or (rows, columns), not {repr(lattice)[:SHOWN]}"
        )
    rows, columns = (check_whole("a side of the lattice", side, 1) for side in sides)
    return rows, columns


def check_sides(lattice: Any, dimensions: int | None = None) -> tuple[int, ...]:
    """The sides of a lattice of two or three dimensions; one number stands for each of them."""
    sides = _sides(lattice, dimensions or 2)
    wanted = (dimensions,) if dimensions else (2, 3)
    if len(sides) not in wanted:
        raise PhysicsError(
            f"the lattice must have {' or '.join(map(str, wanted))} sides, not "
            f"{repr(lattice)[:SHOWN]}"
        )
    return tuple(check_whole("a side of the lattice", side, 1) for side in sides)


def _sides(lattice: Any, dimensions: int) -> Any:
    sides = lattice.tolist() if isinstance(lattice, np.ndarray) else lattice
    return sides if isinstance(sides, tuple | list) else (sides,) * dimensions


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


class Given(NamedTuple):
    """The arrays that a problem is given by, each on the lattice or a batch of such.

    Attributes:
        source_image: the values of the fixed nodes; None where none is fixed.
        fixed: which nodes are fixed; None for those whose value is not 0.
        production: on the free nodes; None for none.
        initial: the field that an iteration starts from; None for none.
        dimensions: the number of the lattice's axes. An array with one more is a batch.
    """

    source_image: Any
    fixed: Any = None
    production: Any = None
    initial: Any = None
    dimensions: int = 2

    @property
    def lattice(self) -> tuple[int, ...] | None:
        """The sides of the source image or the production, if it is an array on a lattice."""
        for array in (self.source_image, self.production):
            if _axes(array) in (self.dimensions, self.dimensions + 1):
                return np.shape(array)[-self.dimensions :]
        return None

    @property
    def leading(self) -> str:
        """What gives the lattice."""
        return "production" if self.source_image is None else "source image"

    @property
    def is_batch(self) -> bool:
        """Whether source images or productions come as (batch, *lattice)."""
        batch = self.dimensions + 1
        return _axes(self.source_image) == batch or _axes(self.production) == batch


def warn_of_volume(given: Given) -> None:
    """Warn of a batch of images that looks like the planes of one volume.

    In a volume, neighbouring planes are alike and distant ones are not. In a batch, images are
    independent of each other, or have something in common, such as vessels, in all of them.
    """
    leading = given.production if given.source_image is None else given.source_image
    others = (given.source_image, given.production, given.fixed, given.initial)
    if _axes(leading) != 3 or any(_axes(array) == 2 for array in others):
        return  # an array on two axes next to one on three: these are images
    stack = np.asarray(leading)
    if min(stack.shape) < LEAST_VOLUME or stack.dtype.kind not in "biuf":
        return
    neighbours, distant = (_likeness(stack, apart) for apart in (1, len(stack) // 2))
    if neighbours > ALIKE and neighbours > 2 * distant:
        warnings.warn(
            f"the {given.leading} of shape {stack.shape} is taken as {len(stack)} separate "
            "images, but neighbouring ones are alike, as the planes of a volume are; give "
            "dimensions=3 for one volume, or dimensions=2 for a batch, without this warning",
            stacklevel=3,
        )


@np.errstate(all="ignore")
def _likeness(stack: NDArray, apart: int) -> float:
    """The correlation between the planes of a stack and those so many planes further; 0 of none."""
    planes = stack.astype(np.float32)
    planes -= planes.mean(dtype=np.float64)
    one, other = planes[:-apart].ravel(), planes[apart:].ravel()
    norm = math.sqrt(float(one @ one) * float(other @ other))
    return float(one @ other) / norm if 0 < norm < math.inf else 0.0


def images_of_batch(given: Given, predictions: Any = None) -> Iterator[tuple[Given, Any]]:
    """What each image of a batch is given by, and its prediction; single arrays belong to all."""
    names = (
        "the source image",
        "the fixed mask",
        "the production",
        "the initial field",
        "the prediction",
    )
    arrays = {
        name: None if value is None else _real(name, value)
        for name, value in zip(names, (*given[:4], predictions), strict=True)
    }
    axes = given.dimensions
    leading = names[0] if _axes(arrays[names[0]]) > axes else names[2]
    shape: tuple[int, ...] = np.shape(arrays[leading])  # type: ignore[arg-type]  # not None
    batch = f"the batch of {leading.removeprefix('the ')}s"
    if shape[0] == 0:
        raise PhysicsError(f"{batch} has shape {shape}; it needs at least one image")
    for name, array in arrays.items():
        permitted = (shape,) if name == "the prediction" else (shape, shape[1:])
        if array is not None and array.shape not in permitted:
            raise PhysicsError(f"{name} has shape {array.shape}, {batch} {shape}")
    for number in range(shape[0]):
        *image, predicted = (
            array if array is None or array.ndim == axes else array[number]
            for array in arrays.values()
        )
        source_image, fixed, production, initial = image
        yield Given(source_image, fixed, production, initial, axes), predicted


def _axes(array: Any) -> int:
    try:
        return np.ndim(array)
    except ValueError:  # a ragged list, for which the check of a single image raises an error
        return 0


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
    if array.dtype.kind in "iu" and array.dtype.itemsize > EXACT_BYTES:
        rounded = array.astype(np.float64).astype(np.longdouble) != array
        if rounded.any():
            raise PhysicsError(
                f"{what} holds {array[rounded].flat[0]}, a whole number that float64 does not hold"
            )
    return array


def largest(values: NDArray[np.floating]) -> float:
    """The largest |value|, 0 of none, NaN if one is NaN: two passes and no copy."""
    return max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
