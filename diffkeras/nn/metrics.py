"""Metrics on the linear scale, accumulated over batches, and the terms of a loss."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras

from diffkeras.nn.losses.errors import NodeLoss, per_node_weight
from diffkeras.physics.arguments import check_choice
from diffkeras.view.scales import get_transform
from diffkeras.view.target import REGIONS, Target, region_mask, target_and_prediction


class LinearScaleMetric(keras.metrics.Metric):
    """Base of the metrics, which convert target and prediction to the linear scale first.

    Args:
        transform: of target and prediction, a key of `diffkeras.view.scales.TRANSFORMS`.
        name: of the metric.
        dtype: of the computation and the accumulators, by default float32.

    Update:
        y_true: packed target (see `pack_target`), or (batch, height, width, 1), the field alone, if
            the metric needs no more.
        y_pred, sample_weight: as for `WeightedError`.

    Raises:
        ValueError: unknown transform; when updated, if shapes don't match.
    """

    default_name: ClassVar[str | None] = None

    def __init__(
        self, transform: str = "linear", name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name=name or self.default_name, dtype=dtype)
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

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        return {**super().get_config(), "transform": self.transform}


class LinearScaleMean(LinearScaleMetric):
    """Base of the metrics that are a weighted mean over all batches; NaN while the count is 0."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")
        self.count = self.add_variable((), "zeros", dtype=self.dtype, name="count")

    def accumulate(self, values: Any, weights: Any) -> None:
        """Add weighted values to the sum and their weights to the count."""
        self.total.assign_add(keras.ops.sum(values * weights))
        self.count.assign_add(keras.ops.sum(weights))

    def result(self) -> Any:
        """Sum divided by count; NaN if the count is 0."""
        return keras.ops.divide(self.total, self.count)


@keras.saving.register_keras_serializable(package="diffkeras")
class RegionMeanAbsoluteError(LinearScaleMean):
    """Mean of |û − u| over all nodes of a region in all examples, on the linear scale.

    The result is NaN if no example has a node in the region.

    Args:
        region: a key of `diffkeras.view.target.REGIONS`. All but "lattice" need the source image.
        arguments, options: as for `LinearScaleMetric`.

    Raises:
        ValueError: unknown region; when updated, if it needs the source image, which is missing.

    Source: arXiv 2302.03786.
    """

    def __init__(self, region: str = "lattice", *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.region = check_choice("region", region, REGIONS)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        (field, source_image, _), prediction = self.linear_scale(y_true, y_pred)
        errors = keras.ops.abs(prediction - field)
        mask = region_mask(self.region, field, source_image)
        weights = per_node_weight(sample_weight, errors) * keras.ops.cast(mask, errors.dtype)
        self.accumulate(errors, weights)

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        return {**super().get_config(), "region": self.region}


@keras.saving.register_keras_serializable(package="diffkeras")
class RelativeL2Error(LinearScaleMean):
    """Mean over examples of ‖û − u‖₂ / ‖u‖₂, on the linear scale.

    Examples whose target is 0 everywhere are ignored. Of sample weights per node, the mean over
    each example is used.
    """

    default_name = "relative_l2"

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        (field, _, _), prediction = self.linear_scale(y_true, y_pred)
        error = keras.ops.sum(keras.ops.square(prediction - field), axis=(1, 2))
        norm = keras.ops.sum(keras.ops.square(field), axis=(1, 2))
        nonzero = keras.ops.cast(norm > 0, norm.dtype)
        ratios = keras.ops.sqrt(error / (norm + (1.0 - nonzero)))
        weights = keras.ops.mean(per_node_weight(sample_weight, field), axis=(1, 2))
        self.accumulate(ratios, weights * nonzero)


@keras.saving.register_keras_serializable(package="diffkeras")
class MaximumError(LinearScaleMetric):
    """max |û − u| over all nodes of all examples, on the linear scale; NaN if any error is NaN.

    Nodes or examples with the sample weight 0 are ignored; other weights have no effect.
    """

    default_name = "max_error"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.maximum = self.add_variable((), "zeros", dtype=self.dtype, name="maximum")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        target, prediction = self.linear_scale(y_true, y_pred)
        errors = keras.ops.abs(prediction - target.field)
        counted = per_node_weight(sample_weight, errors) > 0
        largest = largest_or_nan(keras.ops.where(counted, errors, keras.ops.zeros_like(errors)))
        before = keras.ops.copy(self.maximum)
        self.maximum.assign(largest_or_nan(keras.ops.stack([before, largest])))

    def result(self) -> Any:
        """Largest error so far."""
        # under tf.distribute, Keras would add up the values of all replicas
        replicas = getattr(self.maximum.value, "values", None)
        if isinstance(replicas, tuple):
            return largest_or_nan(keras.ops.stack([keras.ops.copy(v) for v in replicas]))
        # a copy, because Keras reads the training logs after validation has reset the variable
        return keras.ops.copy(self.maximum)


@keras.saving.register_keras_serializable(package="diffkeras")
class SourceCountError(LinearScaleMetric):
    """The largest mean absolute error of any of some source counts; ignores sample weights."""

    default_name = "mae_worst_count"

    def __init__(self, counts: Sequence[int], *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.counts = tuple(counts)
        self.errors, self.fields, self.examples = (
            self.add_variable((len(self.counts),), "zeros", dtype=self.dtype, name=name)
            for name in ("errors", "fields", "examples")
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        ops = keras.ops
        (field, _, counts), prediction = self.linear_scale(y_true, y_pred)
        if counts is None:
            raise ValueError(
                "y_true must contain the source count: make it with diffkeras.nn.pack_target"
            )
        belongs = counts[:, None] == ops.convert_to_tensor(self.counts, dtype=counts.dtype)
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


@keras.saving.register_keras_serializable(package="diffkeras")
class UnweightedError(keras.metrics.Mean):
    """Mean error of a loss without its weight, on the network's scale; ignores sample weights."""

    def __init__(self, loss: NodeLoss, name: str = "error", **options: Any) -> None:
        super().__init__(name=name, **options)
        self.loss = loss

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        y_true, y_pred = (
            keras.ops.convert_to_tensor(y, dtype=self.dtype) for y in (y_true, y_pred)
        )
        error, _ = self.loss.terms(y_true, y_pred)
        super().update_state(keras.ops.mean(error, axis=(1, 2)))

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        return {**super().get_config(), "loss": keras.saving.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "UnweightedError":
        """The metric with these arguments."""
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})


def largest_or_nan(values: Any) -> Any:
    """The largest value, or NaN if a value is NaN, which XLA's maximum would ignore."""
    is_broken = keras.ops.any(keras.ops.isnan(values))
    return keras.ops.where(is_broken, float("nan"), keras.ops.max(values))


def region_metrics(transform: str = "linear") -> list[LinearScaleMetric]:
    """Mean absolute error over each region: "mae" (whole lattice), "mae_sources", … "mae_r3"."""
    return [
        RegionMeanAbsoluteError(
            region, transform, name="mae" if region == "lattice" else f"mae_{region}"
        )
        for region in REGIONS
    ]


def default_metrics(transform: str = "linear") -> list[LinearScaleMetric]:
    """The region metrics, "relative_l2" and "max_error", of values on the scale of `transform`.

    Example:
        >>> [metric.name for metric in default_metrics("sqrt")][-2:]
        ['relative_l2', 'max_error']
    """
    return [*region_metrics(transform), RelativeL2Error(transform), MaximumError(transform)]
