"""A progress bar over a whole training."""

from typing import Any

import keras

from diffkeras.system.progress import progress_bar
from diffkeras.training.checkpoints import TrainingState


class TrainingProgress(keras.callbacks.Callback):
    """One bar over all epochs, with the losses of the last one and the time left.

    Args:
        state: of the training; the bar begins where it stands.
        epochs: in all.
        steps: of an epoch.
        shown: whether to draw it.
    """

    def __init__(self, state: TrainingState, epochs: int, steps: int, *, shown: bool) -> None:
        super().__init__()
        self.state, self.epochs, self.steps = state, epochs, steps
        done = state.epoch * steps + state.step
        self.bar = progress_bar(epochs * steps, "Training", "steps", done=done, shown=shown)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move on by what was done since the last call: Keras may run several steps at once."""
        self.bar.update(self.state.epoch * self.steps + self.state.step - self.bar.n)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Show the epoch's figures."""
        figures = {k: v for k, v in (logs or {}).items() if k in ("loss", "val_loss", "val_mae")}
        shown = {"epoch": f"{epoch + 1}/{self.epochs}"}
        shown |= {name: f"{value:.3g}" for name, value in figures.items()}
        self.bar.set_postfix(shown)

    def close(self) -> None:
        """End the bar."""
        self.bar.close()
