"""Records each epoch, keeps the best model, and ends training that no longer improves."""

import logging
from typing import Any

import keras

from diffkeras.system.atomic_files import write_csv
from diffkeras.training.callbacks.weight_average import averaged_weights
from diffkeras.training.optimizers import learning_rate
from diffkeras.training.session import TrainingSession

logger = logging.getLogger(__name__)

MONITOR = "val_mae"  # on the linear scale, over the whole lattice, for every loss


class RecordHistory(keras.callbacks.Callback):
    """Record losses and metrics of each epoch in history.csv, keep the best model, and stop early.

    Unlike Keras' EarlyStopping, it remembers the best epoch over interruptions.
    """

    def __init__(self, session: TrainingSession) -> None:
        super().__init__()
        self.session = session

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the epoch, and compare it with the best one."""
        logs = dict(logs or {})
        state, checkpoints = self.session.state, self.session.checkpoints
        row = {
            "epoch": epoch + 1,
            "seconds": round(state.epoch_seconds, 3),
            "learning_rate": learning_rate(self.model),
            **logs,
        }
        state.history.append(row)
        error = logs.get(MONITOR, float("nan"))
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
