"""Weight that increases with the field and saturates."""

from dataclasses import dataclass
from typing import Any

import keras

from diffkeras.nn.losses.weights.weight_map import WeightMap


@keras.saving.register_keras_serializable(package="diffkeras")
@dataclass(eq=False)
class TanhWeight(WeightMap):
    """w(y) = 1 + a·tanh(b·y), which is 1 for y = 0 and nearly 1 + a for large b·y.

    For y < 0 it is 1, because the formula would give negative weights there.

    Args:
        amplitude: a, above 0.
        rate: b, above 0, in units of 1/field on the network's scale.

    Example:

    ```python
    SquaredError(weight=TanhWeight(amplitude=2000, rate=1))
    ```

    Source: arXiv 2302.03786.
    """

    amplitude: float = 2000.0
    rate: float = 1.0

    def call(self, field: Any, source_image: Any) -> Any:
        """1 + a·tanh(b·y), and 1 for y < 0."""
        return 1.0 + self.amplitude * keras.ops.tanh(self.rate * keras.ops.maximum(field, 0.0))
