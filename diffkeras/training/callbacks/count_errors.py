"""Reads the errors per source count after each epoch."""

from typing import Any

import keras
import numpy as np

from diffkeras.nn.metrics import SourceCountError


class CountErrors(keras.callbacks.Callback):
    """The validation errors per source count.

    Reading a metric adds up the values of all replicas, so all processes must read it at the same
    time. They do so here, and other callbacks ask this one.

    Args:
        metric: compiled into the model.
    """

    def __init__(self, metric: SourceCountError) -> None:
        super().__init__()
        self._metric = metric
        self.per_count: dict[int, float] = {}  # MAE of each source count
        self.zero_field: dict[int, float] = {}  # the same for a field of zeros

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Read the metric."""
        self.per_count, self.zero_field = self._metric.per_count(), self._metric.zero_field()

    def zero_field_mae(self) -> float | None:
        """Validation MAE of a field of zeros; None before the first epoch."""
        # the mean of the counts' means: each count has as many validation examples
        values = list(self.zero_field.values())
        return float(np.mean(values)) if values else None
