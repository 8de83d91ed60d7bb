"""What is shown and recorded of each epoch: progress and history.csv."""

import logging
import math
import time
from typing import Any

import keras
import numpy as np

from diffkeras.nn.losses import PARTS, AlternatingLoss
from diffkeras.system.atomic_files import write_csv
from diffkeras.system.progress import progress_bar, shows_on_terminal
from diffkeras.training.optimizers import averaged_weights, learning_rate
from diffkeras.training.session import TrainingSession

logger = logging.getLogger(__name__)

# without the step numbers, so that the figures fit into 80 columns
BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
MONITOR = "val_mae"  # validation error, on the linear scale, over the whole lattice, for every loss
FIGURES = ("loss", MONITOR)  # of each epoch that are shown


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
        self._began = time.monotonic()
        self.bar.set_description_str(f"epoch {epoch + 1}/{self.session.epochs}", refresh=False)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar by the steps done since the last call: Keras may run several at once."""
        self.bar.update(self.session.steps_done - self.bar.n)

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
                f"after {epochs} epoch(s) the validation MAE {error:.3g} is not below "
                f"{state.zero_field_mae:.3g}, the MAE of a field of zeros; check training.loss "
                "and training.learning_rate"
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
                f"stopped after epoch {epoch + 1}: no better validation MAE since epoch "
                f"{state.best_epoch}"
            )
