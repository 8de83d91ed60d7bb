"""Mean absolute error per source count."""

from collections.abc import Sequence
from typing import Any

import keras

from diffkeras.nn.metrics.errors import largest_or_nan
from diffkeras.nn.metrics.linear_scale import LinearScaleMetric


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
