"""Inverse Huber error: absolute where small, squared where large."""

from typing import Any, ClassVar

import keras

from diffkeras.nn.arguments import positive
from diffkeras.nn.losses.weighted_error import WeightedError


@keras.saving.register_keras_serializable(package="diffkeras")
class InverseHuberError(WeightedError):
    """w(y) · (|e| where |e| < δ, (e² + δ²)/(2δ) beyond), e = ŷ − y.

    Both branches have the value δ and the slope 1 where they meet. Also known as berHu.

    Args:
        delta: δ, above 0, in units of the field on the network's scale.
        name: of the loss.
        **options: weight and reduction, see `WeightedError`.

    Raises:
        ValueError: `delta` is not above 0.

    Example:

    ```python
    loss = InverseHuberError(delta=0.1)
    loss(pack_target(field, source_image), prediction)
    ```

    Source: arXiv 2302.03786.
    """

    parameters: ClassVar[tuple[str, ...]] = ("delta",)

    def __init__(
        self, delta: float, *, name: str | None = "inverse_huber_error", **options: Any
    ) -> None:
        super().__init__(name=name, **options)
        self.delta = positive("delta", delta)

    def error(self, difference: Any, target: Any) -> Any:
        """|e| where |e| < δ, (e² + δ²)/(2δ) beyond."""
        size = keras.ops.abs(difference)
        squared = (keras.ops.square(difference) + self.delta**2) / (2.0 * self.delta)
        return keras.ops.where(size < self.delta, size, squared)
