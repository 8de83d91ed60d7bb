"""The function that files of other runtimes compute, and its inputs."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.representation.network_input import MAPS
from diffkeras.surrogates.given_media import inputs_of
from diffkeras.surrogates.predicted_fields import predicted_fields
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.tensorflow_setup import named_function

# by name: `source_images`, and what a surrogate takes beside it
Inputs = Mapping[str, NDArray[np.float32]]
Runner = Callable[[Inputs], NDArray[np.float32]]  # runs an exported file
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
        A `tf.function` that takes `source_images`, (batch, rows, columns, 1) float32, and what the
        surrogate takes beside them: `diffusion_length`, (batch,) float32 [length], or the maps
        `diffusivity` and `decay`, of the shape of the images. It returns a dictionary with
        `fields`, of the same shape.
    """
    sides = lattice or (None, None)

    def fields(source_images: tf.Tensor, media: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        found = predicted_fields(
            surrogate.config,
            lambda x: surrogate.model(x, training=False),
            source_images,
            media,
            xp=ELEMENTARY,
        )
        return {"fields": found}

    return with_named_inputs(fields, surrogate, sides)


def with_named_inputs(
    fields: Callable[[tf.Tensor, dict[str, tf.Tensor]], Any],
    surrogate: Surrogate,
    sides: tuple[int | None, int | None] = (None, None),
) -> Any:
    """A `tf.function` whose arguments have the names of a surrogate's inputs.

    Args:
        fields: takes the source images, and what the surrogate takes beside them by its name.
        surrogate: whose inputs.
        sides: of all images; None where they are open.
    """
    images, *media = input_specs(surrogate, sides)

    def function(source_images: tf.Tensor, *values: tf.Tensor) -> Any:
        return fields(source_images, {s.name: v for s, v in zip(media, values, strict=True)})

    return named_function(function, [images, *media])


def input_specs(
    surrogate: Surrogate, sides: tuple[int | None, int | None] = (None, None)
) -> list[tf.TensorSpec]:
    """Shapes and types of a surrogate's inputs, by their names: first its source images."""
    image, names = (None, *sides, 1), inputs_of(surrogate.config)
    shapes = {"source_images": image} | {n: image if n in MAPS else (None,) for n in names}
    return [tf.TensorSpec(shape, tf.float32, name=name) for name, shape in shapes.items()]
