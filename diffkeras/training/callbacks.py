"""The callbacks that count, guard and save the steps of a training run, and a list of all."""

import logging
import math
import signal
import time
from typing import Any

import keras
import numpy as np

from diffkeras.errors import ConvergenceError, Interrupted
from diffkeras.nn.losses import AlternateLosses, AlternatingLoss
from diffkeras.training.checkpoints import TrainingState, read_weights
from diffkeras.training.history import RecordHistory, TrainingProgress
from diffkeras.training.optimizers import averaged_weights, learning_rate
from diffkeras.training.session import TrainingSession
from diffkeras.training.tensorboard import Pictures, TensorBoard

logger = logging.getLogger(__name__)

FEWEST_CHANGES = 3  # fewer changes of the loss do not show its usual course
MOST_ROLLBACKS = 5  # as many in a row end the training


def make_callbacks(
    session: TrainingSession, progress: TrainingProgress
) -> list[keras.callbacks.Callback]:
    """All callbacks of a training run; the last ones show the progress and save checkpoints."""
    state = session.state
    callbacks = [CountSteps(state), StopAtNonFiniteLoss(state)]
    if isinstance(session.compiled.loss, AlternatingLoss):
        callbacks.append(AlternateLosses(first_step=lambda: session.steps_done))
    callbacks.append(AverageInValidation())
    if session.config.training.rollback_factor is not None:
        callbacks.append(Rollback(session))
    history = RecordHistory(session)
    callbacks.append(history)
    if session.group.is_chief:
        callbacks += [TensorBoard(session, history), Pictures(session)]
    return [*callbacks, progress, SaveCheckpoints(session)]


class CountSteps(keras.callbacks.Callback):
    """Keep the state's epoch, step and time up to date, before other callbacks read them."""

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


class StopAtNonFiniteLoss(keras.callbacks.Callback):
    """Raise an error at the first step whose loss is not finite."""

    def __init__(self, state: TrainingState) -> None:
        super().__init__()
        self.state = state

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the loss."""
        if not math.isfinite(loss := (logs or {}).get("loss", 0.0)):
            raise ConvergenceError(
                f"the loss is {loss} at step {self.state.step} of epoch {self.state.epoch + 1} "
                f"(learning rate {learning_rate(self.model):.3g}); choose a smaller "
                "training.learning_rate, or limit the gradient by training.clip_norm"
            )


class Rollback(keras.callbacks.Callback):
    """Undo an epoch whose loss jumps: restore weights and optimizer from before it.

    A jump is a rise by more than `training.rollback_factor` times the mean absolute change of the
    loss over the last `rollback_window` epochs. The learning-rate schedule and the order of the
    data continue.

    Source: the training of Front. Physiol. 12:667828 (2021) and arXiv 2302.03786.
    """

    def __init__(self, session: TrainingSession) -> None:
        super().__init__()
        self.state, self.checkpoints = session.state, session.checkpoints
        section = session.config.training
        self.factor, self.window = section.rollback_factor or math.inf, section.rollback_window
        # an alternating loss jumps whenever it changes
        self.monitor = "mae" if isinstance(session.compiled.loss, AlternatingLoss) else "loss"

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the epoch or undo it, and set `logs["rolled_back"]` to 0 or 1."""
        logs = {} if logs is None else logs
        loss = float(logs[self.monitor])
        losses = self.state.losses
        changes = np.abs(np.diff(losses[-self.window - 1 :]))
        enough = changes.size >= min(FEWEST_CHANGES, self.window)
        mean_change = float(changes.mean()) if enough else 0.0
        jumped = 0 < mean_change * self.factor < loss - (losses[-1] if losses else loss)
        backup = self.checkpoints.backup() if jumped else None  # it reads whole files
        logs["rolled_back"] = float(backup is not None)
        if backup is None:
            losses.append(loss)
            return
        iterations = self.model.optimizer.iterations
        steps = keras.ops.convert_to_numpy(iterations)
        read_weights(backup, self.model)
        iterations.assign(steps)
        undone = self.state.rollbacks
        undone.append(epoch + 1)
        rise = (loss - losses[-1]) / mean_change
        logger.info(
            f"epoch {epoch + 1} undone: its {self.monitor} {loss:.3g} is {rise:.0f} times the mean "
            f"change above {losses[-1]:.3g}"
        )
        if undone[-MOST_ROLLBACKS:] == list(range(epoch + 2 - MOST_ROLLBACKS, epoch + 2)):
            raise ConvergenceError(
                f"training diverges: the last {MOST_ROLLBACKS} epochs had to be undone; choose a "
                f"smaller training.learning_rate than {learning_rate(self.model):.3g}"
            )


class AverageInValidation(keras.callbacks.Callback):
    """Validate the moving average of the weights, if the optimizer keeps one."""

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Set the weights to their average."""
        self._exchange = averaged_weights(self.model)
        self._exchange.__enter__()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Set the weights back."""
        self._exchange.__exit__(None, None, None)


class SaveCheckpoints(keras.callbacks.Callback):
    """Save a checkpoint after each epoch, every few minutes within it, and after a signal.

    It runs last, so that a checkpoint covers what the other callbacks did.
    """

    def __init__(self, session: TrainingSession) -> None:
        super().__init__()
        self.session, self.state, self.group = session, session.state, session.group
        self.seconds = 60 * session.config.training.checkpoint_minutes
        self._saved = time.monotonic()

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
        self.state.seconds += now - self._saved
        self.session.checkpoints.save(self.model, self.state)
        self._saved = now
        # a signal to one process ends all of them; and none continues before the chief has written
        number = max(self.group.gather(self.session.interruption.number))
        if number:
            self.session.interruption.number = 0
            raise Interrupted(
                f"stopped by {signal.Signals(number).name} at epoch {self.state.epoch + 1}, step "
                f"{self.state.step}; the same command continues from there",
                number,
            )
