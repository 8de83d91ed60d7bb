"""Inverse Huber error: absolute for small errors, squared for large ones."""

from typing import Any

import keras

from diffkeras.nn.arguments import positive
from diffkeras.nn.losses.weighted_error import WeightedError


@keras.saving.register_keras_serializable(package="diffkeras")
class InverseHuberError(WeightedError):
    """w(y) · (|e| if |e| < δ, else (e² + δ²)/(2δ)) with e = ŷ − y, also known as berHu.

    At |e| = δ both branches have the value δ and the slope 1.

    Args:
        delta: δ, above 0, in units of the field on the network's scale.
        **options: those of `WeightedError`, such as `weight`.

    Example:

    ```python
    loss = InverseHuberError(delta=0.1)
    loss(pack_target(field, source_image), prediction)
    ```

    Source: arXiv 2302.03786.
    """

    def __init__(self, delta: float, **options: Any) -> None:
        super().__init__(**options)
        self.delta = positive("delta", delta)

    def error(self, difference: Any, target: Any) -> Any:
        """|e| if |e| < δ, else (e² + δ²)/(2δ)."""
        size = keras.ops.abs(difference)
        squared = (keras.ops.square(difference) + self.delta**2) / (2.0 * self.delta)
        return keras.ops.where(size < self.delta, size, squared)
