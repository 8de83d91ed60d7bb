"""Mean absolute error of the examples with each number of sources."""

from collections.abc import Sequence
from typing import Any

import keras

from diffkeras.nn.metrics.linear_scale import LinearScaleMetric


def count_sources(source_image: Any) -> Any:
    """Number of sources in each image.

    A digital disc of one value is connected and without holes, so its nodes minus its pairs of
    neighbours plus its 2×2 squares are 1 (Euler's characteristic), and the sum over an image is
    the number of discs. Discs that touch are told apart by their values.

    Args:
        source_image: (batch, height, width), linear scale, 0 outside the sources.

    Returns:
        (batch,), float32.

    Example:

    ```python
    count_sources(np.array([[[0.5, 0.5, 0, 1.0], [0.5, 0.5, 0, 1.0]]]))  # [2.0]
    ```
    """
    ops = keras.ops
    x = ops.convert_to_tensor(source_image)

    def number(mask: Any) -> Any:
        return ops.sum(ops.cast(mask, "float32"), axis=(1, 2))

    right = ops.logical_and(x[:, :, 1:] == x[:, :, :-1], x[:, :, 1:] > 0)
    below = ops.logical_and(x[:, 1:, :] == x[:, :-1, :], x[:, 1:, :] > 0)
    square = ops.logical_and(ops.logical_and(right[:, 1:, :], right[:, :-1, :]), below[:, :, 1:])
    return number(x > 0) - number(right) - number(below) + number(square)


@keras.saving.register_keras_serializable(package="diffkeras")
class SourceCountError(LinearScaleMetric):
    """The largest of the mean absolute errors per number of sources, linear scale.

    `per_count` tells them all apart, and `zero_field` what predicting 0 everywhere would give.

    Args:
        counts: the numbers of sources; examples with another one are left out.
        transform: name of the transform that target and prediction are on.
        name: of the metric.
        dtype: of the computation and the accumulators.

    Update:
        y_true: target stack, (batch, height, width, 2).
        y_pred: prediction, (batch, height, width, 1).
        sample_weight: ignored.

    Raises:
        ValueError: unknown transform; when updated, wrong shapes or no source image.

    Example:

    ```python
    metric = SourceCountError([1, 2, 5])
    model.compile("adam", "mae", metrics=[metric])
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
        target, prediction, source_image = self.linear_scale(y_true, y_pred)
        if source_image is None:
            raise ValueError("y_true must hold the source image as its second channel")
        found = count_sources(source_image)[:, None]
        wanted = ops.convert_to_tensor(self.counts, dtype="float32")[None, :]
        belongs = ops.cast(found == wanted, target.dtype)
        for total, values in (
            (self.errors, ops.abs(prediction - target)),
            (self.fields, ops.abs(target)),
            (self.examples, ops.ones_like(target)),
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
