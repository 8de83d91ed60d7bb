"""The arrays that a problem is made of: their shapes, and what they may hold."""

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError, ProblemWarning
from diffkeras.physics.arguments import LARGEST, SHAPES, SMALLEST, SPACE, largest, real_array
from diffkeras.physics.problem.medium import Medium
from diffkeras.system.messages import level_outside

COLOURS = (3, 4)  # channels of a picture
SMALLEST_PICTURE = 16  # rows and columns, of one that is warned of
NEGLIGIBLE_NET_SHARE = 1e-12  # of the sum of all |productions|


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


def warn_of_colours(what: str, image: Any) -> None:
    """Warn of a volume that looks like a colour picture, or raise an error for one of bytes."""
    if not (isinstance(image, np.ndarray) and image.ndim == SPACE and image.shape[-1] in COLOURS):
        return
    shape = image.shape
    said = f"{what} has shape {shape}, which is a volume of {shape[-1]} columns"
    instead = "of a colour picture, give one channel, such as image[..., 0]"
    if image.dtype == np.uint8:
        raise PhysicsError(f"{said} of bytes; {instead}, and a volume as floats")
    if min(shape[:-1]) >= SMALLEST_PICTURE:
        warnings.warn(f"{said}; {instead}", ProblemWarning, stacklevel=level_outside())


def fixed_values(
    source_image: Any, fixed: Any, production: Any
) -> tuple[NDArray[np.float64] | None, NDArray[np.bool_]]:
    """The values of fixed nodes, and which nodes are fixed, copied.

    Without an image, which a production then stands in for, there are no values.
    """
    if source_image is None:
        if production is None or fixed is not None:
            raise PhysicsError(
                "there is no source image: give one, which holds the values of fixed nodes, "
                "or a production without fixed nodes"
            )
        return None, np.zeros(_check_image("the production", production).shape, dtype=bool)
    values = _own(_check_image("the source image", source_image), source_image)
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
    values = _own(_check_image("the production", production), production)
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


def _check_image(what: str, array: Any) -> NDArray[np.float64]:
    values = real_array(what, array)
    if values.ndim not in SHAPES or values.size == 0:
        hint = "; for several images use diffkeras.solve_many" * (values.ndim > SPACE)
        raise PhysicsError(
            f"{what.replace('the', 'a', 1)} has shape {' or '.join(SHAPES.values())} with at least "
            f"one node, not {values.shape}{hint}"
        )
    return values
