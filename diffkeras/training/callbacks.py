"""The callbacks that count, guard, show, record and save the steps of a training run."""

import logging
import math
import signal
import time
from typing import Any

import keras
import numpy as np

from diffkeras.errors import ConvergenceError, Interrupted
from diffkeras.nn.losses import PARTS, AlternatingLoss
from diffkeras.system.atomic_files import write_csv
from diffkeras.system.progress import progress_bar, shows_on_terminal
from diffkeras.training.checkpoints import TrainingState, read_weights
from diffkeras.training.optimizers import averaged_weights, learning_rate
from diffkeras.training.session import TrainingSession

logger = logging.getLogger(__name__)

# without the step numbers, so that the figures fit into 80 columns
BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
MONITOR = "val_mae"  # validation error, on the linear scale, over the whole lattice, for every loss
QUIET = 30.0  # seconds without a line in a log
FIGURES = ("loss", MONITOR)  # of each epoch that are shown
FEWEST_CHANGES = 3  # fewer changes of the loss do not show its usual course
MOST_ROLLBACKS = 5  # as many in a row end the training


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


def active_loss(model: keras.Model | None) -> str | None:
    """Which of two alternating losses the epoch used, one of `PARTS`; None if there is one loss."""
    loss = getattr(model, "loss", None)
    return loss.active if isinstance(loss, AlternatingLoss) else None


class TrainingProgress(keras.callbacks.Callback):
    """Draw a bar on a terminal, with the figures of the last epoch; elsewhere log them."""

    def __init__(self, session: TrainingSession) -> None:
        super().__init__()
        self.session = session
        self._shown = session.show_progress and session.group.is_chief and shows_on_terminal()
        self.bar = progress_bar(
            session.epochs * session.steps,
            f"epoch {session.state.epoch + 1}/{session.epochs}",
            "steps",
            done=session.steps_done,
            shown=self._shown,
        )
        self.bar.bar_format = BAR

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Show the number of the epoch."""
        self._began = self._told = time.monotonic()
        self.bar.set_description_str(f"epoch {epoch + 1}/{self.session.epochs}", refresh=False)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar by the steps done since the last call: Keras may run several at once."""
        self.bar.update(self.session.steps_done - self.bar.n)
        now, (epoch, step) = time.monotonic(), divmod(self.session.steps_done, self.session.steps)
        if not self._shown and step and now - self._told > QUIET:
            self._told = now
            of_all = f"epoch {epoch + 1}/{self.session.epochs}, step {step}/{self.session.steps}"
            logger.info(f"{of_all}, {now - self._began:.0f} s")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Show the figures of the epoch."""
        known, active = logs or {}, active_loss(self.model)
        labels = {"loss": f"loss ({active})"} if active else {}
        figures = ", ".join(
            f"{labels.get(name, name)} {known[name]:.3g}" for name in FIGURES if name in known
        )
        self.bar.set_postfix_str(figures, refresh=False)
        if not self._shown:
            seconds = time.monotonic() - self._began
            logger.info(f"epoch {epoch + 1}/{self.session.epochs}: {figures}, {seconds:.3g} s")

    def close(self) -> None:
        """End the bar."""
        self.bar.close()


class RecordHistory(keras.callbacks.Callback):
    """Record losses and metrics of each epoch in history.csv, keep the best model, and stop early.

    Unlike Keras' EarlyStopping, it remembers the best epoch over interruptions. It warns if the
    surrogate is no better than a field of zeros after `training.zero_field_epochs`.

    Attributes:
        per_count: validation MAE of each source count.
    """

    def __init__(self, session: TrainingSession) -> None:
        super().__init__()
        self.session = session
        self.per_count: dict[int, float] = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the epoch, and compare it with the best one."""
        logs = dict(logs or {})
        state, checkpoints = self.session.state, self.session.checkpoints
        # in all processes: reading a metric adds up the values of all replicas
        counts = self.session.compiled.counts
        self.per_count = counts.per_count()
        # each count has as many validation examples
        state.zero_field_mae = float(np.mean(list(counts.zero_field().values())))
        error = logs.get(MONITOR, math.nan)
        epochs = self.session.config.training.zero_field_epochs
        if epoch + 1 == epochs and not error < state.zero_field_mae:
            logger.warning(
                f"after {epochs} epoch(s) the validation lattice MAE {error:.3g} is not below "
                f"{state.zero_field_mae:.3g}, the lattice MAE of a field of zeros; check "
                "training.loss and training.learning_rate"
            )
        active = active_loss(self.model)
        row = {
            "epoch": epoch + 1,
            "seconds": round(state.epoch_seconds, 3),
            "learning_rate": learning_rate(self.model),
            **({"active_loss": PARTS.index(active) + 1} if active else {}),
            **logs,
        }
        state.history.append(row)
        if error < state.best_error and not logs.get("rolled_back"):
            with averaged_weights(self.model):
                state.best_digest = checkpoints.save_best(self.model, epoch + 1)
            state.best_epoch, state.best_error = epoch + 1, error
        if checkpoints.writes:
            # the whole file each time: a run that continues repeats the epoch it was stopped in
            write_csv(
                self.session.run.path / "history.csv",
                list(row),
                [[past.get(name) for name in row] for past in state.history],
            )
        if self.session.out_of_patience:
            self.model.stop_training = True
            logger.info(
                f"stopped after epoch {epoch + 1}: no better validation lattice MAE since epoch "
                f"{state.best_epoch}"
            )


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
