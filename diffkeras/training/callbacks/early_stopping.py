"""Ends training that no longer improves."""

import logging
from typing import Any

import keras

from diffkeras.training.state import TrainingState

logger = logging.getLogger(__name__)


class StopEarly(keras.callbacks.Callback):
    """End training when the validation error has not improved for some epochs.

    Unlike Keras' EarlyStopping, it remembers the best epoch over interruptions.

    Args:
        state: of the run.
        patience: number of epochs.
    """

    def __init__(self, state: TrainingState, *, patience: int) -> None:
        super().__init__()
        self.state, self.patience = state, patience

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compare with the best epoch."""
        if self.state.out_of_patience(self.patience):
            self.model.stop_training = True
            logger.info(
                f"stopped after epoch {epoch + 1}: no better validation MAE since epoch "
                f"{self.state.best_epoch}"
            )
