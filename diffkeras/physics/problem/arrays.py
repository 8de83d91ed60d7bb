"""The arrays that a problem is made of: their shapes, their batches, and what they may hold."""

import math
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError, ProblemWarning
from diffkeras.physics.lattice import PLANE, SHAPES, SPACE
from diffkeras.physics.limits import LARGEST, SMALLEST
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.sources import Sources
from diffkeras.physics.real_arrays import largest, real_array
from diffkeras.system.messages import level_outside

NAMES = ("the source image", "the fixed mask", "the production")  # in errors
NEGLIGIBLE_NET_SHARE = 1e-12  # of the sum of all |productions|


class Arrays(NamedTuple):
    """The arrays of a problem before they are checked: each on the lattice, or a batch of such.

    Attributes:
        source_image: the values of the fixed nodes; None where none is fixed.
        fixed: which nodes are fixed; None for those whose value is not 0.
        production: None for none.
        dimensions: the number of the lattice's axes. An array with one more is a batch.
    """

    source_image: Any
    fixed: Any
    production: Any
    dimensions: int

    @classmethod
    def of(cls, source_image: Any, fixed: Any, production: Any, dimensions: int) -> "Arrays":
        """The arrays, with the image that `Sources` make."""
        if isinstance(production, Sources):
            raise PhysicsError(
                "a production is an array of rates, not Sources; multiply their image() by a rate"
            )
        if isinstance(source_image, Sources):
            image = source_image.image(dtype=np.float64)
            source_image = _check_image("the source image", image, dimensions)
        return cls(source_image, fixed, production, dimensions)

    @property
    def lattice(self) -> tuple[int, ...] | None:
        """The sides of the source image or the production, if it is an array on a lattice."""
        for array in (self.source_image, self.production):
            if _axes(array) in (self.dimensions, self.dimensions + 1):
                return np.shape(array)[-self.dimensions :]
        return None

    @property
    def leading(self) -> str:
        """The array that determines the lattice."""
        return "production" if self.source_image is None else "source image"

    @property
    def is_batch(self) -> bool:
        """Whether source images or productions come as (batch, *lattice)."""
        batch = self.dimensions + 1
        return _axes(self.source_image) == batch or _axes(self.production) == batch

    def images(self) -> "Iterator[Arrays]":
        """The arrays of each image of a batch; single arrays belong to all."""
        arrays = [
            None if array is None else real_array(name, array)
            for name, array in zip(NAMES, self[:3], strict=True)
        ]
        source_image, _, production = arrays
        in_batch = _axes(source_image) > self.dimensions
        leading: Any = source_image if in_batch else production
        shape = np.shape(leading)
        batch = f"the batch of {'source images' if in_batch else 'productions'}"
        if shape[0] == 0:
            raise PhysicsError(f"{batch} has shape {shape}; it needs at least one image")
        for name, array in zip(NAMES, arrays, strict=True):
            if array is not None and array.shape not in (shape, shape[1:]):
                raise PhysicsError(f"{name} has shape {array.shape}, {batch} {shape}")
        for number in range(shape[0]):
            each = [
                array if array is None or array.ndim == self.dimensions else array[number]
                for array in arrays
            ]
            yield Arrays(each[0], each[1], each[2], self.dimensions)


def warn_of_labels(
    image: Any,
    what: str = "the source image",
    *,
    use: str = "diffkeras.from_labels",
    white: int = 1,
) -> None:
    """Warn where the values of fixed nodes look like the numbers of a label image.

    Args:
        image: the source image, of any type.
        what: the image's name.
        use: what takes label images.
        white: the whole number that stands for the value 1.
    """
    if not isinstance(image, np.ndarray) or image.dtype.kind not in "iu":
        return
    numbers = np.unique(image[image != 0])
    if numbers.size > 1 and 1 in numbers:
        shown = f"{', '.join(map(str, numbers[:4]))}{', …' * (numbers.size > 4)}"
        values, instead = "these values", "convert them to floats"
        if white > 1:
            values = f"1/{white} of them, because white ({white}) stands for 1"
            instead = "write them to a .npy as floats"
        warnings.warn(
            f"{what} contains the whole numbers {shown}, and holds the field at {values}; if they "
            f"are labels of tissues, use {use}; if they are values, {instead}",
            ProblemWarning,
            stacklevel=level_outside(),
        )


def fixed_values(arrays: Arrays) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The values of fixed nodes, and which nodes are fixed, copied.

    Without an image, which a production then stands in for, no node is fixed.
    """
    source_image, fixed, production, dimensions = arrays
    if source_image is None:
        if production is None or fixed is not None:
            raise PhysicsError(
                "there is no source image: give one, which holds the values of fixed nodes, "
                "or a production without fixed nodes"
            )
        shape = _check_image("the production", production, dimensions).shape
        # a view of one number, as filling an array would take time
        return np.broadcast_to(0.0, shape), np.zeros(shape, dtype=bool)
    values = _own(_check_image("the source image", source_image, dimensions), source_image)
    size = check_finite("the source image", values)
    if fixed is None:
        mask = values != 0  # so that the other values are 0
    else:
        numbers = real_array("the fixed mask", fixed)
        check_finite("the fixed mask", numbers)
        mask = numbers != 0
    if mask.shape != values.shape:
        raise PhysicsError(
            f"the fixed mask has shape {mask.shape}, the source image {values.shape}"
        )
    if fixed is not None:
        size = largest(values[mask])
    if size and not SMALLEST <= size <= LARGEST:
        raise PhysicsError(
            f"the largest |value| of a fixed node is {size:.3g}; it must be 0 or "
            f"{SMALLEST:g} to {LARGEST:g}: choose other units"
        )
    return values, mask


def checked_production(production: Any, fixed: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """The production, copied; None if there is none."""
    if production is None:
        return None
    values = _own(_check_image("the production", production, fixed.ndim), production)
    if values.shape != fixed.shape:
        raise PhysicsError(
            f"the production has shape {values.shape}, the source image {fixed.shape}"
        )
    check_finite("the production", values)
    return values


def _own(values: NDArray[np.float64], given: Any) -> NDArray[np.float64]:
    """The values in memory of their own, which the caller can't change."""
    return values.copy() if np.may_share_memory(values, np.asarray(given)) else values


def check_production_size(production: NDArray[np.float64] | None, medium: Medium) -> None:
    """Raise an error for a production, sides included, in absurd units."""
    if production is None:
        return
    size = largest(production)
    step = size / medium.unit
    if not SMALLEST <= step <= LARGEST:
        raise PhysicsError(
            f"the largest |production| is {size:.3g} (sides included), and about {step:.3g} in the "
            "time h²/D in which the field diffuses over one lattice step; that must be 0 or "
            f"{SMALLEST:g} to {LARGEST:g}: choose other units"
        )


def check_balance(production: NDArray[np.float64] | None) -> None:
    """Raise an error where nothing decays, leaves or is fixed: no steady state, or many."""
    if production is not None:
        net = math.fsum(production.ravel().tolist())
        if abs(net) > NEGLIGIBLE_NET_SHARE * float(np.abs(production).sum()):
            raise PhysicsError(
                f"there is no steady state: the productions of all nodes sum to {net:.6g} (sides "
                "included), and with decay 0, no absorbing boundary and no fixed node nothing "
                "takes that away; give decay, uptake, an absorbing boundary or a fixed node"
            )
    raise PhysicsError(
        "no node is fixed, and with decay 0 and no absorbing boundary every constant "
        "solves the problem: fix a node, or give decay, uptake or an absorbing boundary"
    )


def check_finite(what: str, values: NDArray[np.float64]) -> float:
    """The largest |value|, or a PhysicsError that names the first value that is not finite."""
    size = largest(values)
    if not math.isfinite(size):
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        where = f" at node {bad}" if bad else ""
        raise PhysicsError(f"{what} holds {values[bad]}{where}")
    return size


def _check_image(what: str, array: Any, dimensions: int) -> NDArray[np.float64]:
    values = real_array(what, array)
    if values.ndim != dimensions or values.size == 0:
        kind = what.replace("the", "a", 1)
        where = "" if dimensions == PLANE else " in 3 dimensions"
        hint = "; for a lattice of three axes give dimensions=3" if values.ndim == SPACE else ""
        if values.ndim > SPACE:
            hint = "; a batch has shape (batch, rows, columns), without an axis of channels"
        raise PhysicsError(
            f"{kind}{where} has shape {SHAPES[dimensions]} with at least one node, not "
            f"{values.shape}{hint if dimensions == PLANE else ''}"
        )
    return values


def _axes(array: Any) -> int:
    try:
        return np.ndim(array)
    except ValueError:  # a ragged list, for which the check of a single image raises an error
        return 0
