"""Batch normalisation whose statistics cover the global batch."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="diffkeras")
class CrossReplicaBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation over the global batch, whatever the backend.

    y = gain · (x − mean) / √(variance + epsilon) + offset, with the mean and the variance of a
    channel over all examples and nodes of the global batch (arXiv 1502.03167).

    Under `tf.distribute`, Keras takes the statistics of each replica's share unless
    `synchronized` is set, and training on N replicas then differs from training on one. Keras
    refuses the argument on the other backends, where arrays are global already. This layer sets
    it by the backend that runs, and keeps it out of the saved configuration: a model saved under
    TensorFlow loads under JAX and PyTorch too.

    Args:
        **options: those of `keras.layers.BatchNormalization`, without `synchronized`.

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
        """Configuration without what the backend decides."""
        config = super().get_config()
        config.pop("synchronized", None)
        return config
