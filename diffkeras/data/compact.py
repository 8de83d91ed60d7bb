"""Compact storage: fields restored from source lists and ring densities as they are read."""

from typing import Any

import tensorflow as tf

from diffkeras.config import Config
from diffkeras.data.tensor_solver import TensorSolver
from diffkeras.data.tensor_sources import draw_sources


def restored(dataset: tf.data.Dataset, config: Config) -> tf.data.Dataset:
    """The examples of a compact dataset as a dense one would give them.

    Source images are the same to the bit, fields within 2e-6 of the largest value.

    Args:
        dataset: {"densities": (m,), "sources": {…}}, one example at a time.
        config: says which physics and radii.

    Returns:
        {"source_image": (H, W, 1), "field": (H, W, 1), "sources": {…}}, float32.
    """
    physics, radius = config.physics, config.data.radius
    solver = TensorSolver(physics.lattice, physics.medium, "float32")

    def restore(example: dict[str, Any]) -> dict[str, Any]:
        sources = {name: values[None] for name, values in example["sources"].items()}
        image = draw_sources(sources, physics.lattice, radius)
        field = solver.restore(image, example["densities"][None])
        return {
            "source_image": image[0, ..., None],
            "field": field[0, ..., None],
            "sources": example["sources"],
        }

    return dataset.map(restore, num_parallel_calls=tf.data.AUTOTUNE)
