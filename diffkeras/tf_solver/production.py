"""Fields of sources that produce, as datasets of production contain them."""

import tensorflow as tf

from diffkeras.tf_solver.ring import OwnMedia
from diffkeras.tf_solver.solver import TensorSolver


def fields_of_production(
    solver: TensorSolver, source_images: tf.Tensor, decays: tf.Tensor | None = None
) -> tf.Tensor:
    """The fields of sources that produce γ times their value: −D∇²u + γu = γ · source image.

    A wide source of constant value therefore has this value as its field.

    Args:
        solver: of a medium with γ > 0.
        source_images: (batch, rows, columns), floats.
        decays: (batch,), γ of each image [1/time], if they are larger than the medium's.

    Returns:
        (batch, rows, columns), as `TensorSolver.solve`.
    """
    if decays is None:
        return solver.solve(production=float(solver.medium.decay) * source_images)
    factors = tf.cast(decays, source_images.dtype)[:, None, None]
    return solver.solve(production=factors * source_images, media=OwnMedia(decays))


def divide_by_maximum(fields: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Fields (batch, rows, columns) divided by their maxima, and the maxima, (batch,)."""
    maxima = tf.reduce_max(fields, axis=[1, 2])
    return fields / maxima[:, None, None], maxima
