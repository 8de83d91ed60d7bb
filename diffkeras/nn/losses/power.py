"""Power of the absolute error."""

from typing import Any, ClassVar

import keras

from diffkeras.nn.arguments import positive
from diffkeras.nn.losses.weighted_error import WeightedError

# Far below any error in float32 that isn't 0: smaller ones count as exactly 0.
SMALLEST = 1e-30


@keras.saving.register_keras_serializable(package="diffkeras")
class PowerError(WeightedError):
    """w(y) · |e|^α, e = ŷ − y.

    The gradient is taken as 0 where |e| < 1e-30; for α < 1 it has no limit there.

    Args:
        alpha: exponent α, above 0.
        name: of the loss.
        **options: weight and reduction, see `WeightedError`.

    Raises:
        ValueError: `alpha` is not above 0.

    Example:

    ```python
    loss = PowerError(alpha=1.5)
    loss(pack_target(field, source_image), prediction)
    ```

    Source: arXiv 2302.03786.
    """

    parameters: ClassVar[tuple[str, ...]] = ("alpha",)

    def __init__(self, alpha: float, *, name: str | None = "power_error", **options: Any) -> None:
        super().__init__(name=name, **options)
        self.alpha = positive("alpha", alpha)

    def error(self, difference: Any, target: Any) -> Any:
        """|e|^α."""
        size = keras.ops.abs(difference)
        is_zero = size < SMALLEST
        # The power must not see the zeros: `where` alone would still pass on its NaN gradient.
        powers = keras.ops.power(
            keras.ops.where(is_zero, keras.ops.ones_like(size), size), self.alpha
        )
        return keras.ops.where(is_zero, keras.ops.zeros_like(size), powers)
