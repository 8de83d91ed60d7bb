"""Pictures of fixed examples in TensorBoard, as training goes on."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.data import raw_dataset
from diffkeras.reporting.figures import square_case_figure, to_png
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.training.callbacks.weight_average import averaged_weights

EXAMPLES = 4  # of as many source counts
SETS = 20  # over a run


class Pictures(keras.callbacks.Callback):
    """Sources, field, prediction and error of fixed examples, in TensorBoard.

    Args:
        surrogate: wraps the model in training.
        source_images, fields: (examples, rows, columns), linear scale.
        lengths: diffusion length of each example, where they vary; else None.
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
        lengths: NDArray[np.float32] | None,
        titles: list[str],
        logs: Path,
        *,
        every: int,
        epochs: int,
    ) -> None:
        super().__init__()
        self.surrogate = surrogate
        self.source_images, self.fields, self.titles = source_images, fields, titles
        self.lengths = lengths
        self.every, self.epochs = every, epochs
        self.writer = tf.summary.create_file_writer(str(logs / "pictures"))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Draw, if it is this epoch's turn."""
        if epoch % self.every and epoch != self.epochs - 1:
            return
        with averaged_weights(self.model):
            predictions = self.surrogate.predict(
                self.source_images, diffusion_length=self.lengths
            ).field
        with self.writer.as_default():
            for title, image, field, prediction in zip(
                self.titles, self.source_images, self.fields, predictions, strict=True
            ):
                png = to_png(square_case_figure((title, image, field, prediction)), dpi=130)
                picture = tf.image.decode_png(png, channels=3)[None]
                tf.summary.image(f"pictures/{title}", picture, step=epoch + 1)
        self.writer.flush()


def make_pictures(config: Config, data_dir: Path, model: keras.Model, logs: Path) -> Pictures:
    """Pictures of validation examples from few to many sources."""
    counts = config.data.sources
    chosen = sorted({counts[i] for i in np.linspace(0, len(counts) - 1, EXAMPLES).astype(int)})
    examples = [
        next(raw_dataset(config, count, "validation", data_dir).take(1).as_numpy_iterator())
        for count in chosen
    ]
    varies = config.data.diffusion_length is not None
    lengths = np.array([example["diffusion_length"] for example in examples]) if varies else None
    # apart from the strategy, under which each replica would predict all of them
    view = keras.Model(model.inputs, model.outputs)
    return Pictures(
        Surrogate(view, config),
        np.stack([example["source_image"][..., 0] for example in examples]),
        np.stack([example["field"][..., 0] for example in examples]),
        lengths,
        [f"{count} source" + "s" * (count > 1) for count in chosen],
        logs,
        every=max(1, config.training.epochs // SETS),
        epochs=config.training.epochs,
    )
