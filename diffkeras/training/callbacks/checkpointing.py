"""Callbacks that keep what a training has reached: history, best model, checkpoints."""

import logging
import signal
import threading
import time
from types import FrameType
from typing import Any

import keras

from diffkeras.distributed.process_group import Workers
from diffkeras.errors import Interrupted
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import write_csv
from diffkeras.training.callbacks.weight_average import averaged_weights
from diffkeras.training.checkpoints import (
    Accumulators,
    Checkpoints,
    TrainingState,
    read_accumulators,
    write_accumulators,
)
from diffkeras.training.optimizers import learning_rate

logger = logging.getLogger(__name__)

MONITOR = "val_mae"  # on the linear scale, over the whole lattice, whatever the loss


class Interruption:
    """Notes SIGINT and SIGTERM, so that training can end between two steps.

    A second signal acts at once. After the `with` block one that nothing has answered acts.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in self.SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._restore()
        if self.number and kind is None:
            signal.raise_signal(self.number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number:
            self._restore()
            signal.raise_signal(number)
        self.number = number
        # the step may take a while
        logger.info(
            f"{signal.Signals(number).name}: stopping after this step with a checkpoint; a second "
            "signal stops at once"
        )

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


class CountSteps(keras.callbacks.Callback):
    """Keep the state's position up to date; the first of the callbacks, for the others read it."""

    def __init__(self, state: TrainingState) -> None:
        super().__init__()
        self.state = state
        self._offset = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note with which step it begins."""
        self._offset = self.state.step

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the step."""
        self.state.step = self._offset + batch + 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the epoch."""
        self.state.epoch, self.state.step, self.state.metrics = epoch + 1, 0, {}


class KeepHistory(keras.callbacks.Callback):
    """Note each epoch's losses and metrics, and keep the best model.

    Args:
        state: of the training.
        checkpoints: where the best weights go.
        run: where history.csv goes.
    """

    def __init__(self, state: TrainingState, checkpoints: Checkpoints, run: Run) -> None:
        super().__init__()
        self.state, self.checkpoints, self.run = state, checkpoints, run

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch."""
        logs = dict(logs or {})
        state = self.state
        row = {"epoch": epoch + 1, "learning_rate": learning_rate(self.model), **logs}
        state.history.append(row)
        error = logs.get(MONITOR, float("nan"))
        if error < state.best_error and not logs.get("rolled_back"):
            with averaged_weights(self.model):
                state.best_digest = self.checkpoints.save_best(self.model, epoch + 1)
            state.best_epoch, state.best_error = epoch + 1, error
        if not self.checkpoints.writes:
            return
        # from all epochs each time, so that a resumed run repeats none
        write_csv(
            self.run.path / "history.csv",
            list(row),
            [[past.get(name) for name in row] for past in state.history],
        )


class SaveCheckpoints(keras.callbacks.Callback):
    """Save a checkpoint at the end of every epoch, from time to time within, and when asked to end.

    Args:
        state: of the training.
        checkpoints: where they go.
        metrics: whose accumulators belong to the position within an epoch.
        workers: end together, and save at the same step.
        minutes: longest time between two.
        interruption: says when to end.

    Raises:
        Interrupted: after a signal, with a checkpoint saved.
    """

    def __init__(
        self,
        state: TrainingState,
        checkpoints: Checkpoints,
        metrics: Accumulators,
        workers: Workers,
        *,
        minutes: float,
        interruption: Interruption,
    ) -> None:
        super().__init__()
        self.state, self.checkpoints, self.metrics = state, checkpoints, metrics
        self.workers, self.seconds, self.interruption = workers, 60 * minutes, interruption
        self._saved = self._counted = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Give the metrics back what they had gathered, where training resumes within an epoch."""
        if self.state.step:
            write_accumulators(self.metrics, self.state.metrics, self.workers.replicas)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Save if it is time."""
        if self.state.step >= self.checkpoints.steps:
            return  # validation comes next, and the epoch's checkpoint after it
        due = time.monotonic() - self._saved > self.seconds and self.workers.is_chief
        if self.workers.largest(int(due or self.interruption.number > 0)):
            self.state.metrics = read_accumulators(self.metrics)
            self._save()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save the completed epoch."""
        self._save()

    def _save(self) -> None:
        now = time.monotonic()
        self.state.seconds += now - self._counted
        self.checkpoints.save(self.model, self.state)
        self._saved = self._counted = now
        # a signal to one worker ends all; and none reads before the chief has written
        number = self.workers.largest(self.interruption.number)
        if number:
            self.interruption.number = 0
            raise Interrupted(
                f"stopped by {signal.Signals(number).name} at epoch {self.state.epoch + 1}, step "
                f"{self.state.step}; the same command goes on from there",
                number,
            )
