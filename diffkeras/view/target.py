"""The target that Keras hands to losses and metrics, and the regions in which errors count.

A target is a field, its source image and its source count. Keras passes one array `y_true`, so all
three are packed into it. It has one row and one column more than the lattice: a loss that does not
unpack it, such as Keras' "mae", raises an error about shapes. Otherwise the prediction's channel
would broadcast against both channels of the target.

Regions of the lattice are as in arXiv 2302.03786. The three rings R1 to R3 around the sources
are defined by the target field u, never by a prediction. Only operators are used, so arrays of
NumPy and tensors of any Keras backend work.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

UNKNOWN = -1  # source count of an example without one
REGIONS: dict[str, str] = {  # name → label for tables and plots
    "lattice": "whole lattice",
    "sources": "sources (x > 0)",
    "field": "field (x = 0)",
    "r1": "R1 (x = 0, 0.2 ≤ u ≤ 1)",
    "r2": "R2 (x = 0, 0.1 ≤ u < 0.2)",
    "r3": "R3 (x = 0, 0.05 ≤ u < 0.1)",
}
_MASKS: dict[str, Callable[[Any, Any], Any]] = {
    # also nodes where the field is NaN, so that a broken target shows in the error
    "lattice": lambda u, x: (u >= 0) | ~(u >= 0),
    "sources": lambda u, x: x > 0,
    "field": lambda u, x: x == 0,
    "r1": lambda u, x: (x == 0) & (u >= 0.2) & (u <= 1.0),
    "r2": lambda u, x: (x == 0) & (u >= 0.1) & (u < 0.2),
    "r3": lambda u, x: (x == 0) & (u >= 0.05) & (u < 0.1),
}


class Target(NamedTuple):
    """What a prediction is compared with; None for what isn't known."""

    field: Any  # (batch, height, width), on the scale it was packed on
    source_image: Any = None  # on the linear scale, the shape of `field`
    source_count: Any = None  # (batch,), `UNKNOWN` for examples without one


def pack_target(field: Any, source_image: Any, source_count: Any = None, xp: Any = np) -> Any:
    """Pack field, source image and source count into the `y_true` of losses and metrics.

    Args:
        field: target field on the network's scale, (…, height, width, 1).
        source_image: source image on the linear scale, the shape of `field`.
        source_count: number of sources of each example, (…), or one number for all of them. A
            tensor must have the type of `field`. By default it is unknown, and metrics per source
            count skip the example.
        xp: array namespace of `field` and `source_image`.

    Returns:
        (…, height + 1, width + 1, 2): channel 0 the field, channel 1 the source image, and the
        source count in the last row and the last column of both.

    Raises:
        ValueError: the arguments' shapes do not match.

    Example:

    ```python
    y_true = pack_target(transform.forward(fields), source_images, [1, 2, 5])
    model.compile("adam", diffkeras.nn.get_loss("mae"))  # a plain "mae" raises an error
    model.fit(transform.forward(source_images), y_true)
    ```
    """
    for name, array in (("field", field), ("source_image", source_image)):
        if len(array.shape) < 3 or array.shape[-1] != 1:
            raise ValueError(
                f"{name} must have shape (…, height, width, 1), got {tuple(array.shape)}"
            )
    if shapes_differ(field.shape, source_image.shape):
        raise ValueError(
            f"field and source_image must have the same shape, got {tuple(field.shape)} and "
            f"{tuple(source_image.shape)}"
        )
    count: Any = UNKNOWN if source_count is None else source_count
    if not hasattr(count, "dtype") or isinstance(count, (np.ndarray, np.generic)):
        count = np.asarray(count, np.float32)
    if len(count.shape) and shapes_differ(count.shape, field.shape[:-3]):
        raise ValueError(
            f"source_count must be one number or have shape {tuple(field.shape[:-3])}, one number "
            f"an example, got shape {tuple(count.shape)}"
        )
    count = count[..., None, None, None]
    packed = xp.concatenate([field, source_image], axis=-1)
    packed = xp.concatenate([packed, count * xp.ones_like(packed[..., :1, :, :])], axis=-3)
    return xp.concatenate([packed, count * xp.ones_like(packed[..., :, :1, :])], axis=-2)


def unpack_target(y_true: Any) -> Target:
    """Field, source image and source count of a batch.

    Args:
        y_true: (batch, height + 1, width + 1, 2) from `pack_target`, or (batch, height, width, 1)
            with the field alone.

    Raises:
        ValueError: `y_true` has another rank or number of channels.
    """
    shape = tuple(y_true.shape)
    if len(shape) == 4 and shape[-1] == 1:
        return Target(y_true[..., 0])
    if len(shape) == 4 and shape[-1] == 2:
        lattice = y_true[:, :-1, :-1, :]
        return Target(lattice[..., 0], lattice[..., 1], y_true[:, -1, -1, 0])
    raise ValueError(
        "y_true must come from diffkeras.nn.pack_target, with shape (batch, height + 1, width + 1, "
        f"2), or be the field alone, with shape (batch, height, width, 1); got shape {shape}"
    )


def target_and_prediction(y_true: Any, y_pred: Any) -> tuple[Target, Any]:
    """Target and predicted field (batch, height, width), checked to be on the same lattice."""
    shape = tuple(y_pred.shape)
    if len(shape) != 4 or shape[-1] != 1:
        raise ValueError(f"y_pred must have shape (batch, height, width, 1), got {shape}")
    target = unpack_target(y_true)
    if shapes_differ(target.field.shape, shape[:-1]):
        raise ValueError(
            f"y_true of shape {tuple(y_true.shape)} does not match y_pred of shape {shape}: it "
            "must come from diffkeras.nn.pack_target, or be the field alone, (…, height, width, 1)"
        )
    return target, y_pred[..., 0]


def shapes_differ(shape: Sequence[int | None], other: Sequence[int | None]) -> bool:
    """Whether two shapes differ in rank, or in a dimension that both know."""
    if len(shape) != len(other):
        return True
    return any(a != b for a, b in zip(shape, other, strict=True) if None not in (a, b))


def region_mask(name: str, field: Any, source_image: Any) -> Any:
    """The nodes that belong to a region, booleans of the shape of `field`.

    Args:
        name: a key of `REGIONS`.
        field: target field u on the linear scale.
        source_image: source image x on the linear scale; may be None for the region "lattice".

    Raises:
        ValueError: there is no region of that name, or it needs the source image.
    """
    if name not in REGIONS:
        raise ValueError(f"no region is named {name!r}; choose one of {', '.join(REGIONS)}")
    if source_image is None and name != "lattice":
        raise ValueError(
            f"region {name!r} needs the source image: make y_true with diffkeras.nn.pack_target"
        )
    return _MASKS[name](field, source_image)
