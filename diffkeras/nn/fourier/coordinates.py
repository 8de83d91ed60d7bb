"""The coordinates of the nodes as channels."""

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="diffkeras")
class AppendCoordinates(layers.Layer):
    """Append the coordinates of each node, row / rows and column / columns, as two channels.

    Shape: (batch, rows, columns, channels) → (batch, rows, columns, channels + 2).

    Example:

    ```python
    AppendCoordinates()(np.zeros((1, 20, 30, 1))).shape  # (1, 20, 30, 3)
    ```

    Source: Li et al., arXiv 2010.08895.
    """

    def call(self, inputs: Any) -> Any:
        """The inputs and the coordinates."""
        rows, columns = ops.shape(inputs)[1:3]
        zeros = ops.zeros_like(inputs[..., :1])
        row, column = (
            ops.cast(ops.arange(side, dtype="int32"), inputs.dtype) / ops.cast(side, inputs.dtype)
            for side in (rows, columns)
        )
        return ops.concatenate(
            [inputs, zeros + row[:, None, None], zeros + column[:, None]], axis=-1
        )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Two channels more."""
        *lattice, channels = input_shape
        return (*lattice, channels and channels + 2)
