"""Power of the absolute error."""

from typing import Any

import keras

from diffkeras.nn.arguments import positive
from diffkeras.nn.losses.weighted_error import WeightedError

# Errors below this count as 0. Differences of float32 fields are 0 or much larger.
SMALLEST = 1e-30


@keras.saving.register_keras_serializable(package="diffkeras")
class PowerError(WeightedError):
    """w(y) · |e|^α with e = ŷ − y.

    The gradient is set to 0 if |e| < 1e-30. For α < 1 it would be infinite at e = 0.

    Args:
        alpha: exponent α, above 0.
        **options: those of `WeightedError`, such as `weight`.

    Example:

    ```python
    loss = PowerError(alpha=1.5)
    loss(pack_target(field, source_image), prediction)
    ```

    Source: arXiv 2302.03786.
    """

    def __init__(self, alpha: float, **options: Any) -> None:
        super().__init__(**options)
        self.alpha = positive("alpha", alpha)

    def error(self, difference: Any, target: Any) -> Any:
        """|e|^α."""
        size = keras.ops.abs(difference)
        is_zero = size < SMALLEST
        # Zeros are replaced before the power: `where` afterwards would pass on its NaN gradient.
        powers = keras.ops.power(
            keras.ops.where(is_zero, keras.ops.ones_like(size), size), self.alpha
        )
        return keras.ops.where(is_zero, keras.ops.zeros_like(size), powers)
