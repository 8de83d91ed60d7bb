"""Sample weights of losses and metrics."""

from typing import Any

import keras

from diffkeras.representation.target import shapes_differ


def per_node_weight(sample_weight: Any, values: Any) -> Any:
    """Sample weights, (batch, height, width), in the dtype of `values`.

    Keras broadcasts from the last axis, so weights of shape (batch,) against values of shape
    (batch, height, width) would weigh columns of the lattice instead of examples.

    `sample_weight` is one weight an example, (batch,), or one a node, (batch, height, width), also
    with further axes of length 1. Another shape raises a ValueError.
    """
    weight = keras.ops.convert_to_tensor(sample_weight, dtype=values.dtype)
    shape, lattice = tuple(weight.shape), tuple(values.shape)
    if 1 <= len(shape) <= 4 and shape[1:] == (1,) * (len(shape) - 1):
        matches = not shapes_differ(shape[:1], lattice[:1])
        weight = keras.ops.reshape(weight, (-1, 1, 1))
    elif len(shape) == 4:
        matches = not shapes_differ(shape, (*lattice, 1))
        weight = weight[..., 0]
    else:
        matches = not shapes_differ(shape, lattice)
    if not matches:
        raise ValueError(
            f"sample_weight must have shape (batch,) = {lattice[:1]}, one weight an example, or "
            f"(batch, height, width) = {lattice}, one weight a node; got {shape}"
        )
    return weight * keras.ops.ones_like(values)
