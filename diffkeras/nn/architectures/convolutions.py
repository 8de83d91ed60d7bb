"""The convolutions of an architecture, each with an initializer and an activation of its own."""

import itertools
import math
from typing import Any

import keras
from keras import layers

from diffkeras.nn.convolution import Conv3x3, NormalizedConv3x3

NEGATIVE_SLOPE = 0.02
# Source images are 0 on more than 99 % of the nodes. The variance of the first features is
# therefore about as small as Keras' default epsilon, 1e-3, which would suppress them.
NORM_EPSILON = 1e-5
# With Keras' default, 0.99, validation would use outdated statistics for some hundred steps.
NORM_MOMENTUM = 0.9


class Convolutions:
    """Makes the convolutions of one network, and numbers them for the seeds of their weights.

    Args:
        initializer: of all kernels (see `encoder_decoder`).
        first_number: added to the seed of the first convolution's initializer.
    """

    def __init__(self, initializer: Any, first_number: int = 0) -> None:
        self._initializer = initializer
        self._number = itertools.count(first_number)

    def apply(
        self,
        features: Any,
        filters: int,
        name: str,
        kind: type[Conv3x3] = Conv3x3,
        fan_in: int | None = None,
        **options: Any,
    ) -> Any:
        """The maps of a new convolution; `fan_in` is PyTorch's, by default 9 · channels."""
        fan_in = 9 * features.shape[-1] if fan_in is None else fan_in
        weights = _initializers(self._initializer, next(self._number), fan_in)
        return kind(filters, **weights, name=name, **options)(features)

    def apply_normalized(self, features: Any, filters: int, name: str) -> Any:
        """As `apply`, followed by batch normalisation over the global batch."""
        options: dict[str, Any] = {"momentum": NORM_MOMENTUM, "epsilon": NORM_EPSILON}
        return self.apply(features, filters, name, NormalizedConv3x3, **options)

    def encode(self, source_image: Any, width: int, depth: int) -> list[Any]:
        """The features of each level, from the lattice itself to the one halved `depth` times.

        Level k has `width`·2^k channels. Batch normalisation comes before the first activation.
        """
        levels, features = [], source_image
        for k in range(depth + 1):
            apply = self.apply_normalized if k == 0 else self.apply
            features = apply(features, width * 2**k, f"encoder_conv_{k}")
            features = activation(features, f"encoder_activation_{k}")
            levels.append(features)
            if k < depth:
                features = layers.AveragePooling2D(2, name=f"encoder_pool_{k}")(features)
        return levels


def activation(features: Any, name: str, **options: Any) -> Any:
    """LeakyReLU with the slope of all architectures."""
    return layers.LeakyReLU(NEGATIVE_SLOPE, name=name, **options)(features)


def _initializers(initializer: Any, number: int, fan_in: int) -> dict[str, Any]:
    """The initializers of a layer's kernel and bias, as its options.

    Args:
        initializer: a Keras initializer of kernels, or its name; biases are then 0. "pytorch" for
            PyTorch's default: kernels and biases uniform on ±1/√fan_in (documentation of
            `torch.nn.Conv2d` and `torch.nn.ConvTranspose2d`).
        number: of the layer, added to the seed of the initializer. One initializer returns the same
            numbers on each call, so each layer gets a copy.
        fan_in: that of the layer in PyTorch, which takes it from the second axis of a kernel:
            nodes of the window · channels of the input for a `Conv2d`, of the output for a
            `ConvTranspose2d`.
    """
    if initializer == "pytorch":
        bound = 1 / math.sqrt(fan_in)
        names = ("kernel_initializer", "bias_initializer")
        return {name: keras.initializers.RandomUniform(-bound, bound) for name in names}
    initializer = keras.initializers.get(initializer)
    config = initializer.get_config()
    if isinstance(config.get("seed"), int):
        config["seed"] += number
    return {"kernel_initializer": type(initializer).from_config(config)}
