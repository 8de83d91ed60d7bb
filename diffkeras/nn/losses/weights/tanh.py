"""Weight that increases with the field and saturates."""

from typing import Any, ClassVar

import keras

from diffkeras.nn.arguments import positive
from diffkeras.nn.losses.weights.weight_map import WeightMap


@keras.saving.register_keras_serializable(package="diffkeras")
class TanhWeight(WeightMap):
    """w(y) = 1 + a·tanh(b·y), which is 1 for y = 0 and nearly 1 + a for large b·y.

    Args:
        amplitude: a, above 0.
        rate: b, above 0, in units of 1/field on the network's scale.

    Raises:
        ValueError: an argument is not a finite number above 0.

    Example:

    ```python
    SquaredError(weight=TanhWeight(amplitude=2000, rate=1))
    ```

    Source: arXiv 2302.03786.
    """

    parameters: ClassVar[tuple[str, ...]] = ("amplitude", "rate")

    def __init__(self, amplitude: float = 2000.0, rate: float = 1.0) -> None:
        self.amplitude = positive("amplitude", amplitude)
        self.rate = positive("rate", rate)

    def call(self, field: Any, source_image: Any) -> Any:
        """1 + a·tanh(b·y)."""
        return 1.0 + self.amplitude * keras.ops.tanh(self.rate * field)
