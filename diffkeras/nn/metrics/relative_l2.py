"""Relative L2 error, averaged over examples."""

from typing import Any

import keras

from diffkeras.nn.metrics.linear_scale import LinearScaleMean


@keras.saving.register_keras_serializable(package="diffkeras")
class RelativeL2Error(LinearScaleMean):
    """Mean over examples of ‖û − u‖₂ / ‖u‖₂, on the linear scale.

    Examples whose target is 0 everywhere are ignored, because they have no relative error.

    Args:
        transform: name of the transform that target and prediction are on.
        name: of the metric.
        **options: those of `keras.metrics.Metric`.

    Update:
        y_true, y_pred: as for `RegionMeanAbsoluteError`, or y_true the field alone.
        sample_weight: (batch,), one weight an example. Of weights per node, the mean over each
            example is used.

    Example:

    ```python
    metric = RelativeL2Error(transform="sqrt")
    metric.update_state(pack_target(field, source_image), prediction)
    metric.result()
    ```
    """

    def __init__(
        self, transform: str = "linear", name: str | None = "relative_l2", **options: Any
    ) -> None:
        super().__init__(transform=transform, name=name, **options)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        (field, _, _), prediction = self.linear_scale(y_true, y_pred)
        error = keras.ops.sum(keras.ops.square(prediction - field), axis=(1, 2))
        norm = keras.ops.sum(keras.ops.square(field), axis=(1, 2))
        nonzero = keras.ops.cast(norm > 0, norm.dtype)
        ratios = keras.ops.sqrt(error / (norm + (1.0 - nonzero)))
        weights = keras.ops.mean(self.node_weights(sample_weight, field), axis=(1, 2))
        self.accumulate(ratios, weights * nonzero)
