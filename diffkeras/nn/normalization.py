"""Batch normalisation with statistics of the global batch."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="diffkeras")
class CrossReplicaBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation over the global batch, on every backend.

    y = gain · (x − mean) / √(variance + epsilon) + offset, with the mean and the variance of each
    channel over all examples and nodes of the global batch (arXiv 1502.03167).

    Under `tf.distribute`, Keras normalises each replica's share of the batch by itself unless
    `synchronized` is set. On other backends, where arrays are global, Keras does not accept the
    argument. This layer therefore sets it for the current backend and does not save it.

    Args:
        **options: those of `keras.layers.BatchNormalization`, except `synchronized`.

    Shape: any, with channels last; the output has the shape of the input.

    Example:

    ```python
    layer = CrossReplicaBatchNormalization(momentum=0.9)
    ```
    """

    def __init__(self, **options: Any) -> None:
        options["synchronized"] = keras.backend.backend() == "tensorflow"
        super().__init__(**options)

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        config = super().get_config()
        config.pop("synchronized", None)
        return config
