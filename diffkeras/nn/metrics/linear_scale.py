"""Base of the metrics: errors on the linear scale."""

from typing import Any

import keras

from diffkeras.nn.losses.weighted_error import per_node_weight
from diffkeras.representation.target import Target, target_and_prediction
from diffkeras.representation.transforms import get_transform


class LinearScaleMetric(keras.metrics.Metric):
    """Base of the metrics, which convert target and prediction to the linear scale first.

    Errors and the thresholds of regions are defined on the linear scale.

    Args:
        transform: name of the transform that target and prediction are on, a key of
            `diffkeras.representation.transforms.TRANSFORMS`.
        name: of the metric.
        dtype: of the computation and the accumulators. With the default, float32, each batch adds
            a relative rounding error of at most 6e-8.
    """

    def __init__(
        self, transform: str = "linear", name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.transform = get_transform(transform).name

    def linear_scale(self, y_true: Any, y_pred: Any) -> tuple[Target, Any]:
        """Target and predicted field (batch, height, width) on the linear scale."""
        target, prediction = target_and_prediction(
            keras.ops.convert_to_tensor(y_true, dtype=self.dtype),
            keras.ops.convert_to_tensor(y_pred, dtype=self.dtype),
        )
        inverse = get_transform(self.transform).inverse
        field = inverse(target.field, keras.ops)
        return target._replace(field=field), inverse(prediction, keras.ops)

    def node_weights(self, sample_weight: Any, values: Any) -> Any:
        """Sample weights per node, (batch, height, width); ones if `sample_weight` is None."""
        if sample_weight is None:
            return keras.ops.ones_like(values)
        return per_node_weight(sample_weight, values)

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        return {**super().get_config(), "transform": self.transform}


class LinearScaleMean(LinearScaleMetric):
    """Base of the metrics that are a weighted mean over all batches.

    It accumulates a sum and a count, so batches of different sizes are weighted correctly. The
    result is NaN while the count is 0: a 0 would look like a perfect prediction.

    Args:
        **options: those of `LinearScaleMetric`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")
        self.count = self.add_variable((), "zeros", dtype=self.dtype, name="count")

    def accumulate(self, values: Any, weights: Any) -> None:
        """Add weighted values to the sum and their weights to the count."""
        self.total.assign_add(keras.ops.sum(values * weights))
        self.count.assign_add(keras.ops.sum(weights))

    def result(self) -> Any:
        """Sum divided by count; NaN if the count is 0."""
        return keras.ops.divide(self.total, self.count)
