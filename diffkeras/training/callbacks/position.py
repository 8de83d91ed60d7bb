"""Counts steps and epochs, and their time."""

import time
from typing import Any

import keras

from diffkeras.training.state import TrainingState


class CountSteps(keras.callbacks.Callback):
    """Keep the state's epoch, step and time up to date.

    It runs first, because the others read them.
    """

    def __init__(self, state: TrainingState) -> None:
        super().__init__()
        self.state = state
        self._first_step = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note at which step the epoch begins: after an interruption, within it."""
        self._first_step = self.state.step
        if not self.state.step:
            self.state.epoch_seconds = 0.0
        self._began = time.monotonic() - self.state.epoch_seconds

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the step."""
        self.state.epoch_seconds = time.monotonic() - self._began
        self.state.step = self._first_step + batch + 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the epoch."""
        self.state.epoch, self.state.step, self.state.metrics = epoch + 1, 0, {}
