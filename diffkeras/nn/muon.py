"""The optimizer Muon for convolutional networks."""

import re
from typing import Any

import keras


@keras.saving.register_keras_serializable(package="diffkeras")
class ConvolutionalMuon(keras.optimizers.Muon):
    """Muon that treats the kernel of a convolution as the matrix (inputs · window, outputs).

    The step of a matrix is its momentum, made orthogonal by Newton-Schulz iteration. Keras' Muon
    does this for dense layers only and would train a convolutional network by AdamW. All other
    weights, also of dense layers, and all weights of the layers in `exclude_layers` get the step of
    AdamW.

    Args:
        learning_rate: as for Adam, because steps are scaled to the size of Adam's (arXiv
            2502.16982).
        **options: of `keras.optimizers.Muon`.

    Example:

    ```python
    optimizer = diffkeras.nn.ConvolutionalMuon(1e-3, exclude_layers=["field_conv"])
    model.compile(optimizer, diffkeras.nn.get_loss("mae"))
    ```

    Source: https://kellerjordan.github.io/posts/muon.
    """

    # undocumented methods of Keras: tests/training/test_optimizers.py fails if it calls others

    def _should_use_adamw(self, variable: Any) -> bool:
        is_excluded = any(re.search(layer, variable.path) for layer in self.exclude_layers)
        return len(variable.shape) != 4 or is_excluded

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """The orthogonal matrix that is closest to `x`, in the shape of the kernel."""
        matrix = keras.ops.reshape(x, (-1, x.shape[-1]))
        return keras.ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x: Any) -> Any:
        """The step, scaled so that its root mean square is about the same as in Adam."""
        matrix = keras.ops.reshape(x, (-1, x.shape[-1]))
        return keras.ops.reshape(super().lr_adjust(matrix), x.shape)
