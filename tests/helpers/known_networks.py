"""Networks whose output is known, so that what a surrogate makes of it is tested alone."""

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.config import Config
from diffkeras.physics import Medium
from diffkeras.surrogates.surrogate import Surrogate
from tests.helpers.plain_equations import solve_reference


@keras.saving.register_keras_serializable(package="tests")
class Known(keras.layers.Layer):
    """Returns the same fields for every input of their number."""

    def __init__(self, fields: ArrayLike) -> None:
        super().__init__()
        values = np.asarray(fields, np.float32)[..., None]
        self.fields = self.add_weight(shape=values.shape, trainable=False, name="fields")
        self.fields.assign(values)

    def call(self, x):
        return self.fields + 0 * x[..., :1]


def surrogate_of(fields: ArrayLike, config: Config) -> Surrogate:
    """A surrogate whose network predicts `fields` (batch, rows, columns) on the linear scale."""
    channels = 1 if config.data.diffusion_length is None else 2
    x = keras.Input((None, None, channels))
    y = Known(config.model.get_transform().forward(np.asarray(fields)))(x)
    return Surrogate(keras.Model(x, y), config)


def produced(image: NDArray, medium: Medium) -> NDArray[np.float64]:
    """The steady state of D∇²u − γu + γ·image = 0."""
    return solve_reference(production=float(medium.decay) * image, medium=medium)
