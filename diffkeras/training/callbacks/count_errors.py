"""Reads the errors per source count, and compares them with those of a field of zeros."""

import logging
import math
from typing import Any

import keras
import numpy as np

from diffkeras.nn.metrics import SourceCountError
from diffkeras.training.state import TrainingState

logger = logging.getLogger(__name__)


class CountErrors(keras.callbacks.Callback):
    """Read the validation errors per source count, for other callbacks.

    Reading a metric adds up the values of all replicas, so all processes must do it at the same
    time. Warns once if the surrogate is no better than a field of zeros after some epochs.

    Args:
        metric: compiled into the model.
        state: of the run; keeps the validation MAE of a field of zeros.
        epochs: number of epochs after which the surrogate is compared with zeros.
    """

    def __init__(self, metric: SourceCountError, state: TrainingState, *, epochs: int) -> None:
        super().__init__()
        self._metric, self._state, self._epochs = metric, state, epochs
        self.per_count: dict[int, float] = {}  # MAE of each source count
        self.zero_field: dict[int, float] = {}  # the same for a field of zeros

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Read the metric, and compare."""
        self.per_count, self.zero_field = self._metric.per_count(), self._metric.zero_field()
        # the mean of the counts' means: each count has as many validation examples
        zero_field_mae = float(np.mean(list(self.zero_field.values())))
        self._state.zero_field_mae = zero_field_mae
        error = (logs or {}).get("val_mae", math.nan)
        if epoch + 1 == self._epochs and not error < zero_field_mae:
            logger.warning(
                f"after {self._epochs} epoch(s) the validation MAE {error:.3g} is not "
                f"below that of a field of zeros, {zero_field_mae:.3g}; check training.loss "
                "and training.learning_rate"
            )
