"""Records each epoch, and keeps the best model."""

from typing import Any

import keras

from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import write_csv
from diffkeras.training.callbacks.weight_average import averaged_weights
from diffkeras.training.checkpoints import Checkpoints
from diffkeras.training.optimizers import learning_rate
from diffkeras.training.state import TrainingState

MONITOR = "val_mae"  # on the linear scale, over the whole lattice, for every loss


class RecordHistory(keras.callbacks.Callback):
    """Record the losses and metrics of each epoch in history.csv, and keep the best model.

    Args:
        state: of the run.
        checkpoints: keep the best weights.
        run: the run directory.
    """

    def __init__(self, state: TrainingState, checkpoints: Checkpoints, run: Run) -> None:
        super().__init__()
        self.state, self.checkpoints, self.run = state, checkpoints, run

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the epoch."""
        logs = dict(logs or {})
        state = self.state
        row = {"epoch": epoch + 1, "learning_rate": learning_rate(self.model), **logs}
        state.history.append(row)
        error = logs.get(MONITOR, float("nan"))
        if error < state.best_error and not logs.get("rolled_back"):
            with averaged_weights(self.model):
                state.best_digest = self.checkpoints.save_best(self.model, epoch + 1)
            state.best_epoch, state.best_error = epoch + 1, error
        if self.checkpoints.writes:
            # the whole file each time: a run that continues repeats the epoch it was stopped in
            write_csv(
                self.run.path / "history.csv",
                list(row),
                [[past.get(name) for name in row] for past in state.history],
            )
