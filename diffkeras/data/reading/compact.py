"""Compact storage: fields are restored from source lists and ring densities as they are read.

Sources that produce need no densities: their source image gives the field by the same transforms.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from diffkeras.config import Config
from diffkeras.data.reading.produced_fields import produced_fields
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
