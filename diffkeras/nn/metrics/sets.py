"""Lists of metrics for `keras.Model.compile`."""

from diffkeras.nn.metrics.linear_scale import LinearScaleMetric
from diffkeras.nn.metrics.maximum_error import MaximumError
from diffkeras.nn.metrics.region_mae import RegionMeanAbsoluteError
from diffkeras.nn.metrics.relative_l2 import RelativeL2Error
from diffkeras.representation.regions import REGIONS


def region_metrics(transform: str = "linear") -> list[LinearScaleMetric]:
    """Mean absolute error over each region: "mae" (whole lattice), "mae_sources", … "mae_r3".

    Args:
        transform: name of the transform that target and prediction are on.

    Example:

    ```python
    model.compile("adam", get_loss("mae"), metrics=region_metrics("sqrt"))
    ```
    """
    return [
        RegionMeanAbsoluteError(
            region, transform, name="mae" if region == "lattice" else f"mae_{region}"
        )
        for region in REGIONS
    ]


def default_metrics(transform: str = "linear") -> list[LinearScaleMetric]:
    """The region metrics, "relative_l2" and "max_error".

    Args:
        transform: name of the transform that target and prediction are on.

    Example:

    ```python
    model.compile("adam", get_loss("mae"), metrics=default_metrics("sqrt"))
    ```
    """
    return [*region_metrics(transform), RelativeL2Error(transform), MaximumError(transform)]
