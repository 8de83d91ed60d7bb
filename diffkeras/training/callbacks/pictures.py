"""Pictures of fixed examples in TensorBoard."""

from typing import Any

import keras
import matplotlib
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.data.reading.examples import problem_of_examples, raw_dataset
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.training.callbacks.weight_average import averaged_weights
from diffkeras.training.session import TrainingSession

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
                problem = problem_of_examples(self.surrogate.config, example)
                prediction = self.surrogate.network_fields(problem)
                # both maxima are 1 if values are fixed; if sources produce they can be any number
                largest = field.max()
                picture = draw_example(image / image.max(), field / largest, prediction / largest)
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
