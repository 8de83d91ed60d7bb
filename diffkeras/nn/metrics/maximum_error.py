"""Largest absolute error of any node."""

from typing import Any

import keras

from diffkeras.nn.metrics.linear_scale import LinearScaleMetric


def largest_or_nan(values: Any) -> Any:
    """The largest value, or NaN if a value is NaN, which XLA's maximum would ignore."""
    is_broken = keras.ops.any(keras.ops.isnan(values))
    return keras.ops.where(is_broken, float("nan"), keras.ops.max(values))


@keras.saving.register_keras_serializable(package="diffkeras")
class MaximumError(LinearScaleMetric):
    """max |û − u| over all nodes of all examples, on the linear scale.

    It is NaN if any error is NaN.

    Args:
        transform: name of the transform that target and prediction are on.
        name: of the metric.
        **options: those of `keras.metrics.Metric`.

    Update:
        y_true, y_pred: as for `RegionMeanAbsoluteError`, or y_true the field alone.
        sample_weight: nodes or examples of weight 0 are ignored; other weights have no effect.

    Example:

    ```python
    metric = MaximumError(transform="sqrt")
    metric.update_state(pack_target(field, source_image), prediction)
    metric.result()
    ```
    """

    def __init__(
        self, transform: str = "linear", name: str | None = "max_error", **options: Any
    ) -> None:
        super().__init__(transform=transform, name=name, **options)
        self.maximum = self.add_variable((), "zeros", dtype=self.dtype, name="maximum")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        target, prediction = self.linear_scale(y_true, y_pred)
        errors = keras.ops.abs(prediction - target.field)
        counted = self.node_weights(sample_weight, errors) > 0
        largest = largest_or_nan(keras.ops.where(counted, errors, keras.ops.zeros_like(errors)))
        before = keras.ops.copy(self.maximum)
        self.maximum.assign(largest_or_nan(keras.ops.stack([before, largest])))

    def result(self) -> Any:
        """Largest error so far."""
        # When Keras reads a variable under tf.distribute, it adds up the values of all replicas.
        # This reads them one by one and takes the largest. Elsewhere there is only one value.
        replicas = getattr(self.maximum.value, "values", None)
        if isinstance(replicas, tuple):
            return largest_or_nan(keras.ops.stack([keras.ops.copy(v) for v in replicas]))
        # a copy, because Keras reads the training logs after validation has reset the variable
        return keras.ops.copy(self.maximum)
