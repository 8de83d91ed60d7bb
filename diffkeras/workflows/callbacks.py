"""Callbacks of training: a progress bar over the whole run, and pictures for TensorBoard."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.workflows.figures import case_figure, to_png
from diffkeras.workflows.progress import progress_bar
from diffkeras.workflows.surrogate import Surrogate


class TrainingProgress(keras.callbacks.Callback):
    """One bar over all epochs, with the losses of the last one and the time left."""

    def __init__(self, epochs: int, steps: int, *, shown: bool) -> None:
        super().__init__()
        self.epochs, self.steps, self.shown = epochs, steps, shown

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Draw the empty bar."""
        self.bar = progress_bar(self.epochs * self.steps, "Training", "steps", shown=self.shown)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move on by what was done since the last call: Keras may run several steps at once."""
        self.bar.update(self._epoch * self.steps + batch + 1 - self.bar.n)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember where the epoch stands in the whole."""
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Show the epoch's figures."""
        figures = {k: v for k, v in (logs or {}).items() if k in ("loss", "val_loss", "val_mae")}
        shown = {"epoch": f"{epoch + 1}/{self.epochs}"}
        shown |= {name: f"{value:.3g}" for name, value in figures.items()}
        self.bar.set_postfix(shown)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the bar."""
        self.bar.close()

    def __del__(self) -> None:
        if bar := getattr(self, "bar", None):
            bar.close()


class Pictures(keras.callbacks.Callback):
    """Sources, field, prediction and error of fixed examples, in TensorBoard.

    Args:
        surrogate: wraps the model in training.
        source_images, fields: (examples, rows, columns), linear scale.
        titles: one per example.
        logs: TensorBoard's directory.
        every: epochs from one set of pictures to the next; the last epoch always has one.
        epochs: epochs in all.
    """

    def __init__(
        self,
        surrogate: Surrogate,
        source_images: NDArray[np.float32],
        fields: NDArray[np.float32],
        titles: list[str],
        logs: Path,
        *,
        every: int,
        epochs: int,
    ) -> None:
        super().__init__()
        self.surrogate = surrogate
        self.source_images, self.fields, self.titles = source_images, fields, titles
        self.every, self.epochs = every, epochs
        self.writer = tf.summary.create_file_writer(str(logs / "pictures"))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Draw, if it is this epoch's turn."""
        if epoch % self.every and epoch != self.epochs - 1:
            return
        predictions = self.surrogate.predict(self.source_images)
        with self.writer.as_default():
            for title, image, field, prediction in zip(
                self.titles, self.source_images, self.fields, predictions, strict=True
            ):
                png = to_png(case_figure([(title, image, field, prediction)]), dpi=80)
                picture = tf.image.decode_png(png, channels=3)[None]
                tf.summary.image(title, picture, step=epoch)
        self.writer.flush()
