"""Fields of sources that produce, from their source images in a TensorFlow graph."""

from collections.abc import Callable

import tensorflow as tf

from diffkeras.config import Config
from diffkeras.tf_solver.solver import TensorSolver


def produced_fields(
    config: Config, solver: TensorSolver
) -> Callable[[tf.Tensor, tf.Tensor | None], tuple[tf.Tensor, dict[str, tf.Tensor]]]:
    """A function from source images to the fields of examples, both (batch, rows, columns).

    Its second argument are the decays of the images, or None where all examples share one. Its
    second result is {"maximum": (batch,)} if fields are divided by it, otherwise empty.
    """
    divide = config.data.divide_by_maximum

    def solve(
        images: tf.Tensor, decays: tf.Tensor | None
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        rate = config.physics.decay if decays is None else decays[:, None, None]
        field = solver.solve(production=tf.cast(rate, images.dtype) * images, decays=decays)
        if not divide:
            return field, {}
        maximum = tf.reduce_max(field, axis=[1, 2])
        return field / maximum[:, None, None], {"maximum": maximum}

    return solve
