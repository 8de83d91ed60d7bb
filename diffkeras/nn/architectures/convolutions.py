"""The convolutions of an architecture, each with an initializer and an activation of its own."""

import itertools
from typing import Any

from keras import layers

from diffkeras.nn.convolution import Conv3x3
from diffkeras.nn.initializers import initializers_of_layer
from diffkeras.nn.normalization import NormalizedConv3x3

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
    """

    def __init__(self, initializer: Any) -> None:
        self._initializer = initializer
        self._number = itertools.count()

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
        weights = initializers_of_layer(self._initializer, next(self._number), fan_in)
        return kind(filters, **weights, name=name, **options)(features)

    def encode(
        self, source_image: Any, width: int, depth: int, *, batch_norm: bool = True
    ) -> list[Any]:
        """The features of each level, from the lattice itself to the one halved `depth` times.

        Level k has `width`·2^k channels. Batch normalisation comes before the first activation.
        """
        levels, features = [], source_image
        for k in range(depth + 1):
            kind: type[Conv3x3] = Conv3x3
            options: dict[str, Any] = {}
            if k == 0 and batch_norm:
                kind = NormalizedConv3x3
                options = {"momentum": NORM_MOMENTUM, "epsilon": NORM_EPSILON}
            features = self.apply(features, width * 2**k, f"encoder_conv_{k}", kind, **options)
            features = activation(features, f"encoder_activation_{k}")
            levels.append(features)
            if k < depth:
                features = layers.AveragePooling2D(2, name=f"encoder_pool_{k}")(features)
        return levels


def activation(features: Any, name: str, **options: Any) -> Any:
    """LeakyReLU with the slope of all architectures."""
    return layers.LeakyReLU(NEGATIVE_SLOPE, name=name, **options)(features)
