"""Weight that decreases exponentially with the distance of the field from 1."""

from dataclasses import dataclass
from typing import Any

import keras

from diffkeras.nn.losses.weights.weight_map import WeightMap


@keras.saving.register_keras_serializable(package="diffkeras")
@dataclass(eq=False)
class ExponentialWeight(WeightMap):
    """w(y) = exp(−|1 − y|/b), which is 1 for y = 1 and smaller elsewhere.

    Args:
        scale: b, above 0, in units of the field on the network's scale.

    Example:

    ```python
    AbsoluteError(weight=ExponentialWeight(scale=0.5))
    ```

    Source: arXiv 2302.03786.
    """

    scale: float

    def call(self, field: Any, source_image: Any) -> Any:
        """exp(−|1 − y|/b)."""
        return keras.ops.exp(-keras.ops.abs(1.0 - field) / self.scale)
