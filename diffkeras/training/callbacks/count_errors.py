"""Errors per source count after each epoch, read on all workers at once."""

from typing import Any

import keras
import numpy as np

from diffkeras.nn.metrics import SourceCountError


class CountErrors(keras.callbacks.Callback):
    """What the metric of source counts has found in validation.

    Reading a metric adds up all replicas', so all workers read it at the same time, here, and
    whoever needs it asks this callback.

    Args:
        metric: compiled into the model.
    """

    def __init__(self, metric: SourceCountError) -> None:
        super().__init__()
        self._metric = metric
        self._per_count: dict[int, float] = {}
        self._zero_field: dict[int, float] = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Read the metric."""
        self._per_count, self._zero_field = self._metric.per_count(), self._metric.zero_field()

    def per_count(self) -> dict[int, float]:
        """MAE of each source count."""
        return self._per_count

    def zero_field(self) -> dict[int, float]:
        """MAE of a field of zeros of each source count."""
        return self._zero_field

    def zero_field_mae(self) -> float | None:
        """MAE of a field of zeros; None if no epoch was validated, since training was over."""
        # as many validation examples of each count
        values = list(self._zero_field.values())
        return float(np.mean(values)) if values else None
