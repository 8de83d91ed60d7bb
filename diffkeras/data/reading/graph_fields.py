"""Fields computed in a TensorFlow graph: of compact storage, and of sources that produce.

Compact storage has source lists and ring densities, from which fields are restored as they are
read. Sources that produce need no densities: their source image gives the field.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from diffkeras.config import Config
from diffkeras.tf_solver.draw_sources import draw_sources
from diffkeras.tf_solver.solver import TensorSolver


def restore_fields(config: Config) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A function from a compact example to the one that dense storage gives.

    Source images are equal to the bit, fields within 2e-6 of the largest value.

    It adds "source_image" and "field", (H, W, 1) each, and "maximum", (), if fields are divided by
    it, and takes "densities" (m,) away.
    """
    physics, radius = config.physics, config.data.radius
    lengths = config.data.diffusion_length
    medium = physics.medium if lengths is None else physics.medium.with_diffusion_length(lengths[1])
    solver = TensorSolver(physics.lattice, medium, "float32")
    solve = produced_fields(config, solver)

    def restore(example: dict[str, Any]) -> dict[str, Any]:
        sources = {name: values[None] for name, values in example["sources"].items()}
        image = draw_sources(sources, physics.lattice, radius)
        decays = None
        if lengths is not None:
            # In float64, as `Medium.with_diffusion_length` computes it.
            length = tf.cast(example["diffusion_length"], tf.float64)
            decays = (physics.diffusivity / length**2)[None]
        if physics.sources == "production":
            field, more = solve(image, decays)
        else:
            field, more = solver.restore(image, example["densities"][None], decays), {}
        kept = {name: value for name, value in example.items() if name != "densities"}
        kept |= {name: value[0] for name, value in more.items()}
        return {**kept, "source_image": image[0, ..., None], "field": field[0, ..., None]}

    return restore


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
        production = tf.cast(rate, images.dtype) * images
        field = solver.solve(production=production, decay=decays).field
        if not divide:
            return field, {}
        maximum = tf.reduce_max(field, axis=[1, 2])
        return field / maximum[:, None, None], {"maximum": maximum}

    return solve
