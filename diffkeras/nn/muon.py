"""Muon for convolutional networks."""

import re
from typing import Any

import keras


@keras.saving.register_keras_serializable(package="diffkeras")
class ConvolutionalMuon(keras.optimizers.Muon):
    """Muon that takes the kernel of a convolution for the matrix (inputs · window, outputs).

    The step of a matrix is its momentum made orthogonal, by Newton-Schulz iteration. Keras' Muon
    does this for dense layers alone and would train a convolutional network by AdamW. All other
    weights, and those of the layers in `exclude_layers`, get the step of AdamW.

    Args:
        learning_rate: as of Adam: steps are scaled to the size of Adam's (arXiv 2502.16982).
        **options: those of `keras.optimizers.Muon`.

    Example:

    ```python
    model.compile(ConvolutionalMuon(1e-3, exclude_layers=["field_conv"]), get_loss("mae"))
    ```

    Source: https://kellerjordan.github.io/posts/muon.
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        if len(variable.shape) != 4:
            return True
        return any(re.search(layer, variable.path) for layer in self.exclude_layers)

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """The orthogonal matrix next to `x`, which has the shape of the kernel."""
        matrix = keras.ops.reshape(x, (-1, x.shape[-1]))
        return keras.ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x: Any) -> Any:
        """Step scaled so that its root mean square is about that of Adam's."""
        matrix = keras.ops.reshape(x, (-1, x.shape[-1]))
        return keras.ops.reshape(super().lr_adjust(matrix), x.shape)
