"""Source images and productions as the inputs of solvers in a graph."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.physics import sample_sources

# what a problem consists of, by the arguments of `solve`
KINDS = [("source_images",), ("production",), ("source_images", "production")]


def images_of(
    lattice: tuple[int, int],
    counts: tuple[int, ...] = (1, 3, 2),
    radius: tuple[float, float] = (1, 4),
) -> NDArray[np.float32]:
    drawn = [sample_sources(n, lattice, radius=radius, rng=n) for n in counts]
    return np.stack([sources.image(lattice) for sources in drawn])


def random_production(lattice: tuple[int, int], batch: int = 3) -> NDArray[np.float32]:
    """Of any sign on a fifth of the nodes; the first image's has sum 0, the last's one sign."""
    rng = np.random.default_rng(3)
    values = rng.integers(-8, 9, (batch, *lattice)) * (rng.random((batch, *lattice)) < 0.2)
    values[0, 0, 0] -= values[0].sum()
    values[-1] = np.abs(values[-1])
    return values.astype(np.float32)


def problem_of(kind: tuple[str, ...], lattice: tuple[int, int] = (24, 24)) -> dict[str, NDArray]:
    parts = {"source_images": images_of(lattice), "production": random_production(lattice)}
    return {name: parts[name] for name in kind}


def error(fields: tf.Tensor, truth: NDArray) -> float:
    """The largest error, relative to the largest value of each field."""
    return (np.abs(fields - truth).max((1, 2)) / np.abs(truth).max((1, 2))).max()
