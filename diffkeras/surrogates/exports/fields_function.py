"""The function that files of other runtimes compute."""

from types import SimpleNamespace
from typing import Any

import keras
import tensorflow as tf

from diffkeras.surrogates.predicted_fields import predicted_fields
from diffkeras.surrogates.surrogate import Surrogate

# ONNX has neither log1p nor expm1. The rounding of 1 + x is within that of the network's values.
ELEMENTARY = SimpleNamespace(
    **{
        **vars(keras.ops),
        "log1p": lambda x: keras.ops.log(1 + x),
        "expm1": lambda x: keras.ops.exp(x) - 1,
    }
)


def fields_function(surrogate: Surrogate, lattice: tuple[int, int] | None = None) -> Any:
    """A TensorFlow function from source images to fields, both on the linear scale.

    It is `serve` of the SavedModel without the checks of the input, which other runtimes have no
    operations for.

    Args:
        surrogate: whose fields.
        lattice: (rows, columns) of all images; None leaves the sides open.

    Returns:
        A `tf.function` that takes `source_images`, (batch, rows, columns, 1) float32, and, if the
        surrogate was trained on several diffusion lengths, `diffusion_length`, (batch,) float32
        [length]. It returns a dictionary with `fields`, of the shape of the images.
    """
    sides = lattice or (None, None)
    signature = [tf.TensorSpec((None, *sides, 1), tf.float32, name="source_images")]
    if surrogate.diffusion_lengths is not None:
        signature.append(tf.TensorSpec((None,), tf.float32, name="diffusion_length"))

    @tf.function(input_signature=signature, autograph=False)
    def function(
        source_images: tf.Tensor, diffusion_length: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        fields = predicted_fields(
            surrogate.config,
            lambda x: surrogate.model(x, training=False),
            source_images,
            diffusion_length,
            xp=ELEMENTARY,
        )
        return {"fields": fields}

    return function
