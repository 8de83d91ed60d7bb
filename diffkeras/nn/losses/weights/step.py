"""Weight with one value on the sources and 1 elsewhere."""

from dataclasses import dataclass
from typing import Any

import keras

from diffkeras.nn.losses.weights.weight_map import WeightMap


@keras.saving.register_keras_serializable(package="diffkeras")
@dataclass(eq=False)
class StepWeight(WeightMap):
    """w = a on the nodes of sources (x > 0) and 1 elsewhere.

    The map reads the source image x, so `y_true` must be a packed target (see `pack_target`).

    Args:
        amplitude: a, above 0.

    Example:

    ```python
    AbsoluteError(weight=StepWeight(amplitude=100))
    ```

    Source: arXiv 2302.03786.
    """

    amplitude: float
    needs_source_image = True

    def call(self, field: Any, source_image: Any) -> Any:
        """The amplitude on the sources, 1 elsewhere."""
        ones = keras.ops.ones_like(field)
        return keras.ops.where(source_image > 0, self.amplitude * ones, ones)
