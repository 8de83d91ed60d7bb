"""Target stack: the target field and the source image, in one array for losses and metrics.

Keras hands losses and metrics nothing but `y_true` and `y_pred`, yet some weight maps and regions
are defined by the source nodes. So `y_true` carries the source image as a second channel.
"""

from typing import Any

import keras


def stack_target(field: Any, source_image: Any) -> Any:
    """Target stack of a field and its source image.

    Args:
        field: target field on the network's scale, (..., height, width, 1).
        source_image: source image on the linear scale, the shape of `field`.

    Returns:
        (..., height, width, 2): channel 0 the field, channel 1 the source image.

    Raises:
        ValueError: an argument has other than one channel.

    Example:

    ```python
    y_true = stack_target(transform.forward(field, keras.ops), source_image)
    ```
    """
    for name, array in (("field", field), ("source_image", source_image)):
        if array.shape[-1] != 1:
            raise ValueError(f"{name} must have one channel, got shape {tuple(array.shape)}")
    return keras.ops.concatenate([field, source_image], axis=-1)


def split_target(y_true: Any) -> tuple[Any, Any]:
    """Field and source image of a target stack.

    Args:
        y_true: (batch, height, width, 2) as `stack_target` makes it, or (batch, height, width, 1)
            with the field alone.

    Returns:
        The field, and the source image or None: each (batch, height, width).

    Raises:
        ValueError: `y_true` has another rank or number of channels.
    """
    shape = tuple(y_true.shape)
    if len(shape) != 4 or shape[-1] not in (1, 2):
        raise ValueError(
            "y_true must have shape (batch, height, width, 2), the target field and the source "
            f"image, or (batch, height, width, 1), the target field alone; got {shape}"
        )
    return y_true[..., 0], (y_true[..., 1] if shape[-1] == 2 else None)


def single_channel(y_pred: Any) -> Any:
    """Predicted field without its channel axis.

    Args:
        y_pred: (batch, height, width, 1).

    Returns:
        (batch, height, width).

    Raises:
        ValueError: `y_pred` has another rank or number of channels.
    """
    shape = tuple(y_pred.shape)
    if len(shape) != 4 or shape[-1] != 1:
        raise ValueError(f"y_pred must have shape (batch, height, width, 1), got {shape}")
    return y_pred[..., 0]


def per_node_weight(sample_weight: Any, values: Any) -> Any:
    """Sample weights spread over the nodes of their examples.

    Keras broadcasts from the last axis, so weights of shape (batch,) against values of shape
    (batch, height, width) would weigh columns of the lattice instead of examples.

    Args:
        sample_weight: (batch,), (batch, 1), (batch, height, width) or (batch, height, width, 1).
        values: (batch, height, width).

    Returns:
        (batch, height, width), in the dtype of `values`.

    Raises:
        ValueError: `sample_weight` has none of these shapes.
    """
    weight = keras.ops.convert_to_tensor(sample_weight, dtype=values.dtype)
    shape = tuple(weight.shape)
    if len(shape) == 4 and shape[-1] == 1:
        weight = weight[..., 0]
    elif len(shape) == 1 or (len(shape) == 2 and shape[-1] == 1):
        weight = keras.ops.reshape(weight, (-1, 1, 1))
    elif len(shape) != 3:
        raise ValueError(
            "sample_weight must have shape (batch,), one weight an example, or (batch, height, "
            f"width), one a node; got {shape}"
        )
    return weight * keras.ops.ones_like(values)
