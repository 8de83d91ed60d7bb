"""Largest absolute error of any node."""

from typing import Any

import keras

from diffkeras.nn.metrics.linear_scale import LinearScaleMetric


@keras.saving.register_keras_serializable(package="diffkeras")
class MaximumError(LinearScaleMetric):
    """max |û − u| over all nodes of all examples, linear scale.

    Args:
        transform: name of the transform that target and prediction are on.
        name: of the metric.
        dtype: of the computation and the accumulator.

    Update:
        y_true: packed target (see `pack_target`), or the field alone, (batch, height, width, 1).
        y_pred: prediction, (batch, height, width, 1).
        sample_weight: nodes or examples of weight 0 are left out; other weights make no
            difference.

    Raises:
        ValueError: unknown transform; when updated, wrong shapes.

    Example:

    ```python
    metric = MaximumError(transform="sqrt")
    metric.update_state(pack_target(field, source_image), prediction)
    metric.result()
    ```
    """

    def __init__(
        self,
        transform: str = "linear",
        name: str | None = "max_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(transform=transform, name=name, dtype=dtype)
        self.maximum = self.add_variable((), "zeros", dtype=self.dtype, name="maximum")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        target, prediction = self.linear_scale(y_true, y_pred)
        errors = keras.ops.abs(prediction - target.field)
        counted = self.node_weights(sample_weight, errors) > 0
        largest = keras.ops.max(keras.ops.where(counted, errors, keras.ops.zeros_like(errors)))
        self.maximum.assign(keras.ops.maximum(self.maximum, largest))

    def result(self) -> Any:
        """Largest error so far."""
        # Keras can add up replicas' variables when it reads them, not take their maximum. Under
        # tf.distribute the variable offers one value a replica; elsewhere it is the only one.
        replicas = getattr(self.maximum.value, "values", None)
        if isinstance(replicas, tuple):
            return keras.ops.max(keras.ops.stack([keras.ops.copy(v) for v in replicas]))
        # a copy: Keras reads the logs of training after validation has reset the variable
        return keras.ops.copy(self.maximum)
