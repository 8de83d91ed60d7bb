"""Squared error."""

from typing import Any

import keras

from diffkeras.nn.losses.weighted_error import WeightedError


@keras.saving.register_keras_serializable(package="diffkeras")
class SquaredError(WeightedError):
    """w(y) · e² with e = ŷ − y. The mean without a weight is the mean squared error (MSE).

    Args:
        **options: those of `WeightedError`, such as `weight`.

    Example:

    ```python
    loss = SquaredError(weight=ExponentialWeight(scale=0.5))
    loss(pack_target(field, source_image), prediction)
    ```

    Source: arXiv 2302.03786.
    """

    def error(self, difference: Any, target: Any) -> Any:
        """e²."""
        return keras.ops.square(difference)
