"""Weight that decreases exponentially as the field falls below 1."""

from typing import Any, ClassVar

import keras

from diffkeras.nn.arguments import positive
from diffkeras.nn.losses.weights.weight_map import WeightMap


@keras.saving.register_keras_serializable(package="diffkeras")
class ExponentialWeight(WeightMap):
    """w(y) = exp(−(1 − y)/b), which is 1 for y = 1 and smaller below.

    Args:
        scale: b, above 0, in units of the field on the network's scale.

    Raises:
        ValueError: `scale` is not a finite number above 0.

    Example:

    ```python
    AbsoluteError(weight=ExponentialWeight(scale=0.5))
    ```

    Source: arXiv 2302.03786.
    """

    parameters: ClassVar[tuple[str, ...]] = ("scale",)

    def __init__(self, scale: float) -> None:
        self.scale = positive("scale", scale)

    def call(self, field: Any, source_image: Any) -> Any:
        """exp(−(1 − y)/b)."""
        return keras.ops.exp((field - 1.0) / self.scale)
