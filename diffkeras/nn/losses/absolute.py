"""Absolute error."""

from typing import Any

import keras

from diffkeras.nn.losses.weighted_error import WeightedError


@keras.saving.register_keras_serializable(package="diffkeras")
class AbsoluteError(WeightedError):
    """w(y) · |e| with e = ŷ − y. The mean without a weight is the mean absolute error (MAE).

    Args:
        **options: those of `WeightedError`, such as `weight`.

    Example:

    ```python
    loss = AbsoluteError(weight=TanhWeight(amplitude=2000))
    loss(pack_target(field, source_image), prediction)
    ```

    Source: arXiv 2302.03786.
    """

    def error(self, difference: Any, target: Any) -> Any:
        """|e|."""
        return keras.ops.abs(difference)
