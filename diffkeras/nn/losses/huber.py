"""Huber error: squared for small errors, absolute for large ones."""

from typing import Any

import keras

from diffkeras.nn.arguments import positive
from diffkeras.nn.losses.weighted_error import WeightedError


@keras.saving.register_keras_serializable(package="diffkeras")
class HuberError(WeightedError):
    """w(y) · (e²/2 if |e| ≤ δ, else δ·(|e| − δ/2)) with e = ŷ − y.

    Args:
        delta: δ, above 0, in units of the field on the network's scale.
        **options: those of `WeightedError`, such as `weight`.

    Example:

    ```python
    loss = HuberError(delta=0.1)
    loss(pack_target(field, source_image), prediction)
    ```

    Source: P. J. Huber, Ann. Math. Statist. 35 (1964) 73; used in arXiv 2302.03786.
    """

    def __init__(self, delta: float, **options: Any) -> None:
        super().__init__(**options)
        self.delta = positive("delta", delta)

    def error(self, difference: Any, target: Any) -> Any:
        """e²/2 if |e| ≤ δ, else δ·(|e| − δ/2)."""
        size = keras.ops.abs(difference)
        return keras.ops.where(
            size <= self.delta,
            0.5 * keras.ops.square(difference),
            self.delta * (size - 0.5 * self.delta),
        )
