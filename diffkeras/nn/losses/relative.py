"""Relative error."""

from typing import Any

import keras

from diffkeras.nn.arguments import positive
from diffkeras.nn.losses.weighted_error import WeightedError


@keras.saving.register_keras_serializable(package="diffkeras")
class RelativeError(WeightedError):
    """w(y) · |e|/(|y| + ε) with e = ŷ − y.

    Args:
        epsilon: ε, above 0, in units of the field on the network's scale. For targets far below
            it, the loss is the absolute error divided by ε.
        **options: those of `WeightedError`, such as `weight`.

    Example:

    ```python
    loss = RelativeError(epsilon=0.01)
    loss(pack_target(field, source_image), prediction)
    ```

    Source: arXiv 2302.03786.
    """

    def __init__(self, epsilon: float, **options: Any) -> None:
        super().__init__(**options)
        self.epsilon = positive("epsilon", epsilon)

    def error(self, difference: Any, target: Any) -> Any:
        """|e|/(|y| + ε)."""
        return keras.ops.abs(difference) / (keras.ops.abs(target) + self.epsilon)
