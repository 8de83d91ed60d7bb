"""Mean absolute error over a region of the lattice."""

from typing import Any

import keras

from diffkeras.nn.arguments import one_of
from diffkeras.nn.metrics.linear_scale import LinearScaleMean
from diffkeras.representation.regions import REGIONS, region_mask


@keras.saving.register_keras_serializable(package="diffkeras")
class RegionMeanAbsoluteError(LinearScaleMean):
    """Mean of |û − u| over all nodes of a region in all examples, on the linear scale.

    The result is NaN if no example has a node in the region.

    Args:
        region: a key of `diffkeras.representation.regions.REGIONS`. The rings r1, r2 and r3 are
            defined by values of the target.
        transform: name of the transform that target and prediction are on.
        name: of the metric.
        **options: those of `keras.metrics.Metric`.

    Update:
        y_true: packed target (see `pack_target`). For "lattice" the field alone, (batch, height,
            width, 1), is enough.
        y_pred: prediction, (batch, height, width, 1).
        sample_weight: (batch,), one weight an example, or (batch, height, width), one weight a
            node.

    Raises:
        ValueError: unknown region; when updated, if it needs the source image, which is missing.

    Example:

    ```python
    metric = RegionMeanAbsoluteError("r1", transform="sqrt", name="mae_r1")
    metric.update_state(pack_target(field, source_image), prediction)
    metric.result()
    ```

    Source: arXiv 2302.03786.
    """

    def __init__(
        self,
        region: str = "lattice",
        transform: str = "linear",
        name: str | None = "region_mean_absolute_error",
        **options: Any,
    ) -> None:
        super().__init__(transform=transform, name=name, **options)
        self.region = one_of("region", region, REGIONS)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        (field, source_image, _), prediction = self.linear_scale(y_true, y_pred)
        errors = keras.ops.abs(prediction - field)
        mask = region_mask(self.region, field, source_image)
        weights = self.node_weights(sample_weight, errors) * keras.ops.cast(mask, errors.dtype)
        self.accumulate(errors, weights)

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        return {**super().get_config(), "region": self.region}
