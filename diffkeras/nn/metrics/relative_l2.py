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
        dtype: of the computation and the accumulators.

    Update:
        y_true: packed target (see `pack_target`), or the field alone, (batch, height, width, 1).
        y_pred: prediction, (batch, height, width, 1).
        sample_weight: (batch,), one weight an example. Of weights per node, the mean over each
            example is used.

    Raises:
        ValueError: unknown transform; when updated, if shapes do not match.

    Example:

    ```python
    metric = RelativeL2Error(transform="sqrt")
    metric.update_state(pack_target(field, source_image), prediction)
    metric.result()
    ```
    """

    def __init__(
        self,
        transform: str = "linear",
        name: str | None = "relative_l2",
        dtype: Any = None,
    ) -> None:
        super().__init__(transform=transform, name=name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        (field, _, _), prediction = self.linear_scale(y_true, y_pred)
        error = keras.ops.sum(keras.ops.square(prediction - field), axis=(1, 2))
        norm = keras.ops.sum(keras.ops.square(field), axis=(1, 2))
        nonzero = keras.ops.cast(norm > 0, norm.dtype)
        ratios = keras.ops.sqrt(error / (norm + (1.0 - nonzero)))
        weights = keras.ops.mean(self.node_weights(sample_weight, field), axis=(1, 2))
        self.accumulate(ratios, weights * nonzero)
