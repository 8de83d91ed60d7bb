"""A progress bar over all epochs, or one line an epoch."""

import logging
import sys
import time
from typing import Any

import keras

from diffkeras.system.progress import progress_bar
from diffkeras.training.session import TrainingSession

logger = logging.getLogger(__name__)

FIGURES = ("loss", "val_mae")
# without the step numbers, so that the figures fit into 80 columns
BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"


class TrainingProgress(keras.callbacks.Callback):
    """Draw a bar on a terminal, with the figures of the last epoch; elsewhere log them."""

    def __init__(self, session: TrainingSession) -> None:
        super().__init__()
        self.session = session
        self._shown = session.show_progress and session.group.is_chief and sys.stderr.isatty()
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
        known = logs or {}
        figures = ", ".join(f"{name} {known[name]:.3g}" for name in FIGURES if name in known)
        self.bar.set_postfix_str(figures, refresh=False)
        if not self._shown:
            seconds = time.monotonic() - self._began
            logger.info(f"epoch {epoch + 1}/{self.session.epochs}: {figures}, {seconds:.3g} s")

    def close(self) -> None:
        """End the bar."""
        self.bar.close()
