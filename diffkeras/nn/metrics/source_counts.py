"""Mean absolute error of the examples with each number of sources."""

from collections.abc import Sequence
from typing import Any

import keras

from diffkeras.nn.metrics.linear_scale import LinearScaleMetric


@keras.saving.register_keras_serializable(package="diffkeras")
class SourceCountError(LinearScaleMetric):
    """The largest of the mean absolute errors per number of sources, linear scale.

    `per_count` tells them all apart, and `zero_field` what predicting 0 everywhere would give.

    Args:
        counts: the numbers of sources; the metric skips examples with another or an unknown one.
        transform: name of the transform that target and prediction are on.
        name: of the metric.
        dtype: of the computation and the accumulators.

    Update:
        y_true: packed target with the source count (see `pack_target`).
        y_pred: prediction, (batch, height, width, 1).
        sample_weight: ignored.

    Raises:
        ValueError: unknown transform; when updated, wrong shapes or no source count.

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
        dtype: Any = None,
    ) -> None:
        super().__init__(transform=transform, name=name, dtype=dtype)
        self.counts = tuple(int(count) for count in counts)
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
        belongs = ops.cast(found[:, None] == wanted, field.dtype)
        for total, values in (
            (self.errors, ops.abs(prediction - field)),
            (self.fields, ops.abs(field)),
            (self.examples, ops.ones_like(field)),
        ):
            total.assign_add(ops.sum(ops.mean(values, axis=(1, 2))[:, None] * belongs, axis=0))

    def result(self) -> Any:
        """The largest error; NaN where there was no example."""
        ops = keras.ops
        seen = self.examples > 0
        means = self.errors / ops.where(seen, self.examples, 1.0)
        largest = ops.max(ops.where(seen, means, -1.0))
        return ops.where(ops.any(seen), largest, float("nan"))

    def per_count(self) -> dict[int, float]:
        """Mean absolute error of each number of sources that was seen."""
        return self._means(self.errors)

    def zero_field(self) -> dict[int, float]:
        """The same for a prediction of 0 everywhere: the mean of |u|."""
        return self._means(self.fields)

    def _means(self, totals: Any) -> dict[int, float]:
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
