"""Curves, and pictures of fixed examples, for TensorBoard."""

from collections.abc import Mapping
from typing import Any

import keras
import matplotlib
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.data.examples import raw_dataset
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.training.callbacks import RecordHistory
from diffkeras.training.optimizers import averaged_weights, learning_rate
from diffkeras.training.session import TrainingSession
from diffkeras.view.target import REGIONS

POINTS = 20  # an epoch, of curves that are drawn against steps

TAGS = {
    "loss": "loss/weighted",
    "error": "loss/unweighted",
    "mae_worst_count": "MAE by source count/worst",
    "relative_l2": "other errors/relative L2",
    "max_error": "other errors/maximum",
    **{
        ("mae" if region == "lattice" else f"mae_{region}"): f"MAE by region/{region}"
        for region in REGIONS
    },
}
EXAMPLES = 4  # each of another source count
SETS = 20  # over a run
GAP = 2  # pixels between panels
LARGEST_ERROR = 0.1  # the end of the colour scale of errors
FIELD_COLORS = matplotlib.colormaps["viridis"].with_extremes(under="black", over="red")
ERROR_COLORS = matplotlib.colormaps["RdBu_r"].with_extremes(under="black", over="magenta")
DESCRIPTION = (
    "Source image, true field, predicted field, prediction minus truth. All are "
    "divided by the maximum of the true field, the source image by its own. Fields from 0 (dark "
    f"blue) to 1 (yellow), red above, black below. Errors from -{LARGEST_ERROR} (blue) to "
    f"{LARGEST_ERROR} (red), magenta above, black below."
)


class TensorBoard(keras.callbacks.Callback):
    """Write losses, errors, gradient norm, learning rate and speed for TensorBoard.

    Training and validation share each chart. A field of zeros has no curve of its own, which would
    squash the others: the validation error is there as its share, too. Curves of the optimizer are
    drawn against steps, all others against epochs. `history` has the errors per source count.
    """

    def __init__(self, session: TrainingSession, history: RecordHistory) -> None:
        super().__init__()
        self.session, self.state, self.history = session, session.state, history
        self.config = session.config
        self.every = max(1, session.steps // POINTS)
        logs = session.run.logs
        self.training, self.validation = (
            tf.summary.create_file_writer(str(logs / part)) for part in ("train", "validation")
        )
        with self.training.as_default(step=0):
            lines = "".join(f"    {line}\n" for line in self.config.to_yaml().splitlines())
            tf.summary.text("configuration", lines)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note at which step the curves begin."""
        self._written = self.session.steps_done

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the curves against steps."""
        step = self.session.steps_done
        if step // self.every == self._written // self.every:  # Keras may run several at once
            return
        self._written = step
        with self.training.as_default(step):
            tf.summary.scalar("optimizer/gradient norm", self.model.optimizer.gradient_norm)
            tf.summary.scalar("optimizer/learning rate", learning_rate(self.model))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the curves against epochs."""
        number = epoch + 1
        with self.training.as_default(number):
            _write_scalars({k: v for k, v in (logs or {}).items() if not k.startswith("val_")})
            tf.summary.scalar("optimizer/rollbacks so far", len(self.state.rollbacks))
            examples = self.session.steps * self.config.training.batch_size
            speed = examples / max(self.state.epoch_seconds, 1e-9)
            tf.summary.scalar("speed/examples a second", speed)
        with self.validation.as_default(number):
            _write_scalars({k[4:]: v for k, v in (logs or {}).items() if k.startswith("val_")})
            for count, error in self.history.per_count.items():
                tf.summary.scalar(f"MAE by source count/{count:02d}", error)
            if self.state.zero_field_mae and logs:
                share = logs["val_mae"] / self.state.zero_field_mae
                tf.summary.scalar("MAE by region/lattice, over a field of zeros", share)
        for writer in (self.training, self.validation):
            writer.flush()


def _write_scalars(values: Mapping[str, float]) -> None:
    for name, tag in TAGS.items():
        if name in values:
            tf.summary.scalar(tag, values[name])


class Pictures(keras.callbacks.Callback):
    """Write pictures of fixed validation examples, from few to many sources, for TensorBoard.

    They are drawn without Matplotlib's figures, which would take longer than a small epoch.
    """

    def __init__(self, session: TrainingSession) -> None:
        super().__init__()
        config, model = session.config, session.model
        self.epochs = session.epochs
        self.every = max(1, self.epochs // SETS)
        counts = config.data.sources
        chosen = sorted({counts[i] for i in np.linspace(0, len(counts) - 1, EXAMPLES).astype(int)})
        self.titles = [f"{count} source" + "s" * (count > 1) for count in chosen]
        self.examples = [
            next(raw_dataset(config, n, "validation", session.data_dir).take(1).as_numpy_iterator())
            for n in chosen
        ]
        # outside the strategy, under which each replica would predict all examples
        self.surrogate = Surrogate(keras.Model(model.inputs, model.outputs), config)
        self.writer = tf.summary.create_file_writer(str(session.run.logs / "pictures"))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Draw, if it is this epoch's turn. The last epoch always has pictures."""
        if epoch % self.every and epoch != self.epochs - 1:
            return
        with averaged_weights(self.model), self.writer.as_default():
            for title, example in zip(self.titles, self.examples, strict=True):
                image, field = (example[name][..., 0] for name in ("source_image", "field"))
                problem = self.surrogate.config.view.recipe.problem_of(example)
                prediction = self.surrogate.fields([problem], divided=True)[0]
                # both maxima are 1 if values are fixed; if sources produce they can be any number
                largest = field.max()
                shown = image / (image.max() or 1)
                picture = draw_example(shown, field / largest, prediction / largest)
                name = f"pictures/{title}"
                tf.summary.image(name, picture[None], step=epoch + 1, description=DESCRIPTION)
        self.writer.flush()


def draw_example(image: NDArray, field: NDArray, prediction: NDArray) -> NDArray[np.uint8]:
    """Source image, field, prediction and error in a row, as colours (rows, columns, 3)."""
    error = 0.5 + (prediction - field) / (2 * LARGEST_ERROR)
    panels = [*map(FIELD_COLORS, (image, field, prediction)), ERROR_COLORS(error)]
    gap = ((0, 0), (0, GAP), (0, 0))
    row = [np.pad(panel[..., :3], gap, constant_values=1.0) for panel in panels]
    return np.round(255 * np.concatenate(row, axis=1)).astype(np.uint8)
