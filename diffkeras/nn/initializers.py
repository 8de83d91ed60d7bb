"""Initial weights of convolutions."""

import math
from typing import Any

import keras

from diffkeras.nn.arguments import integer

PYTORCH = "pytorch"


def pytorch_uniform(fan_in: int, seed: int | None = None) -> keras.initializers.RandomUniform:
    """PyTorch's default initializer of a layer's kernel and bias: uniform on ±1/√fan_in.

    PyTorch takes fan_in from the second axis of a kernel. With windows of k nodes, it is
    k · channels of the input for a `Conv2d`, whose kernel is (output, input, rows, columns), and
    k · channels of the output for a `ConvTranspose2d`, whose kernel is (input, output, rows,
    columns).

    Args:
        fan_in: at least 1.
        seed: of the numbers; by default they follow `keras.utils.set_random_seed`.

    Raises:
        ValueError: `fan_in` is out of range.

    Example:

    ```python
    initializer = pytorch_uniform(9 * 64)
    keras.layers.Conv2D(128, 3, kernel_initializer=initializer, bias_initializer=initializer)
    ```

    Source: the documentation of `torch.nn.Conv2d` and `torch.nn.ConvTranspose2d`.
    """
    bound = 1 / math.sqrt(integer("fan_in", fan_in, 1))
    return keras.initializers.RandomUniform(-bound, bound, seed=seed)


def initializers_of_layer(initializer: Any, number: int, fan_in: int) -> dict[str, Any]:
    """The initializers of a layer's kernel and bias, as its options.

    Args:
        initializer: a Keras initializer of kernels, or its name; biases are then 0. "pytorch" for
            `pytorch_uniform`, also for biases.
        number: of the layer, added to the seed of the initializer. One initializer returns the same
            numbers on each call, so each layer gets a copy.
        fan_in: that of the layer in PyTorch.
    """
    if initializer == PYTORCH:
        names = ("kernel_initializer", "bias_initializer")
        return {name: pytorch_uniform(fan_in) for name in names}
    initializer = keras.initializers.get(initializer)
    config = initializer.get_config()
    if isinstance(config.get("seed"), int):
        config["seed"] += number
    return {"kernel_initializer": type(initializer).from_config(config)}
