"""Source images, productions and tissues as the inputs of solvers in a graph."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.physics import Medium, TissueSampler, sample_sources, solve
from diffkeras.physics.problem.maps import problem_of_maps

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


LATTICE, MEDIUM = (24, 31), Medium(2.0, 1 / 50, 0.5, ("absorbing", "periodic"))


REFERENCE = 1e-14  # relative error of differences in float64


@cache
def tissues_of(saturating: bool) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Source images, the maps of their media, and their fields."""
    sampler = TissueSampler(cells=(5, 20), cell_radius=(1, 3), regions=(2, 4))
    if saturating:
        more: Any = {"saturation": (0.05, 0.2), "secreting_cells": (1, 3), "secretion": 0.02}
        sampler = replace(sampler, **more)
    images, drawn, fields = [], [], []
    for seed in range(3):
        image = sample_sources(2, LATTICE, radius=2, rng=seed).image(LATTICE).astype(np.float32)
        maps = sampler.sample(LATTICE, rng=seed).maps(LATTICE, MEDIUM)
        images.append(image)
        drawn.append({name: np.float32(values) for name, values in maps.items()})
        fields.append(solve(problem_of_maps(image, MEDIUM, drawn[-1])).field)
    inputs = {name: np.stack([own[name] for own in drawn]) for name in drawn[0]}
    return np.stack(images), inputs, np.stack(fields)
