"""Warns if the surrogate is no better than a field of zeros."""

import logging
import math
from typing import Any

import keras

from diffkeras.training.callbacks.count_errors import CountErrors

logger = logging.getLogger(__name__)


class CompareWithZeroField(keras.callbacks.Callback):
    """Warn once if the surrogate is no better than a field of zeros after some epochs.

    Args:
        counts: have read the validation errors.
        epochs: number of the epoch after which the two are compared.
    """

    def __init__(self, counts: CountErrors, *, epochs: int) -> None:
        super().__init__()
        self.counts, self.epochs = counts, epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compare the two."""
        zero_field = self.counts.zero_field_mae() or math.nan
        error = (logs or {}).get("val_mae", math.nan)
        if epoch + 1 == self.epochs and not error < zero_field:
            logger.warning(
                f"after {self.epochs} epoch(s) the validation MAE {error:.3g} is not "
                f"below that of a field of zeros, {zero_field:.3g}; check training.loss "
                "and training.learning_rate"
            )
