"""Counts and times the steps of a run, and saves checkpoints of it."""

import signal
import time
from typing import Any

import keras

from diffkeras.errors import Interrupted
from diffkeras.training.checkpoints import TrainingState
from diffkeras.training.session import TrainingSession


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


class SaveCheckpoints(keras.callbacks.Callback):
    """Save a checkpoint after each epoch, every few minutes within it, and after a signal.

    It runs last, so that a checkpoint covers what the other callbacks did.
    """

    def __init__(self, session: TrainingSession) -> None:
        super().__init__()
        self.session, self.state, self.group = session, session.state, session.group
        self.seconds = 60 * session.config.training.checkpoint_minutes
        self._saved = self._counted = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Restore the metrics where training continues within an epoch."""
        if self.state.step:
            self.session.compiled.restore_metrics(self.state.metrics, self.group.replicas)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Save if it is time, in all processes at the same step."""
        if self.state.step >= self.session.steps:
            return  # validation comes next, and after it the checkpoint of the epoch
        due = time.monotonic() - self._saved > self.seconds and self.group.is_chief
        if any(self.group.gather(int(due or self.session.interruption.number > 0))):
            self.state.metrics = self.session.compiled.metrics_so_far()
            self._save()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save the completed epoch."""
        self._save()

    def _save(self) -> None:
        now = time.monotonic()
        self.state.seconds += now - self._counted
        self.session.checkpoints.save(self.model, self.state)
        self._saved = self._counted = now
        # a signal to one process ends all of them; and none continues before the chief has written
        number = max(self.group.gather(self.session.interruption.number))
        if number:
            self.session.interruption.number = 0
            raise Interrupted(
                f"stopped by {signal.Signals(number).name} at epoch {self.state.epoch + 1}, step "
                f"{self.state.step}; the same command continues from there",
                number,
            )
