"""Errors of a prediction on the linear scale, over nodes, examples and source counts."""

from collections.abc import Sequence
from typing import Any

import keras

from diffkeras.nn.arguments import one_of
from diffkeras.nn.metrics.linear_scale import LinearScaleMean, LinearScaleMetric
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


@keras.saving.register_keras_serializable(package="diffkeras")
class SourceCountError(LinearScaleMetric):
    """The largest mean absolute error of any source count, on the linear scale.

    `per_count` returns the error of each source count, and `zero_field` the error that a prediction
    of 0 everywhere would have.

    Args:
        counts: source counts; examples with another or an unknown one are ignored.
        transform: name of the transform that target and prediction are on.
        name: of the metric.
        **options: those of `keras.metrics.Metric`.

    Update:
        y_true: packed target with the source count (see `pack_target`).
        y_pred: prediction, (batch, height, width, 1).
        sample_weight: ignored.

    Example:

    ```python
    metric = SourceCountError([1, 2, 5])
    model.compile("adam", get_loss("mae"), metrics=[metric])
    model.evaluate(dataset)
    metric.per_count()  # {1: 0.002, 2: 0.004, 5: 0.011}
    ```
    """

    def __init__(
        self,
        counts: Sequence[int],
        transform: str = "linear",
        name: str | None = "mae_worst_count",
        **options: Any,
    ) -> None:
        super().__init__(transform=transform, name=name, **options)
        self.counts = tuple(counts)
        shape = (len(self.counts),)
        self.errors = self.add_variable(shape, "zeros", dtype=self.dtype, name="errors")
        self.fields = self.add_variable(shape, "zeros", dtype=self.dtype, name="fields")
        self.examples = self.add_variable(shape, "zeros", dtype=self.dtype, name="examples")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        ops = keras.ops
        (field, _, found), prediction = self.linear_scale(y_true, y_pred)
        if found is None:
            raise ValueError(
                "y_true must contain the source count: make it with diffkeras.nn.pack_target"
            )
        wanted = ops.convert_to_tensor(self.counts, dtype=found.dtype)
        belongs = found[:, None] == wanted
        for total, values in (
            (self.errors, ops.abs(prediction - field)),
            (self.fields, ops.abs(field)),
            (self.examples, ops.ones_like(field)),
        ):
            means = ops.mean(values, axis=(1, 2))[:, None]
            # not a product, in which a NaN of one example would reach every count
            total.assign_add(ops.sum(ops.where(belongs, means, 0.0), axis=0))

    def result(self) -> Any:
        """The largest error; NaN before the first example."""
        ops = keras.ops
        errors, examples = (ops.convert_to_tensor(v) for v in (self.errors, self.examples))
        seen = examples > 0
        means = errors / ops.where(seen, examples, 1.0)
        largest = largest_or_nan(ops.where(seen, means, -1.0))
        return ops.where(ops.any(seen), largest, float("nan"))

    def per_count(self) -> dict[int, float]:
        """Mean absolute error of each source count that occurred."""
        return self._means(self.errors)

    def zero_field(self) -> dict[int, float]:
        """Mean absolute error of a prediction of 0 everywhere, the mean of |u|."""
        return self._means(self.fields)

    def _means(self, totals: Any) -> dict[int, float]:
        """Sums divided by the number of examples of each source count."""
        sums = keras.ops.convert_to_numpy(totals)
        examples = keras.ops.convert_to_numpy(self.examples)
        return {
            count: float(total / number)
            for count, total, number in zip(self.counts, sums, examples, strict=True)
            if number > 0
        }

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        return {**super().get_config(), "counts": list(self.counts)}


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
