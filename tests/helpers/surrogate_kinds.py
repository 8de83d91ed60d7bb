"""Surrogates of each kind that nobody trained: their configurations, networks and problems."""

from typing import Any

import numpy as np

from diffkeras.config import Config
from diffkeras.physics import MichaelisMenten, Problem
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.surrogate import Surrogate

CELLS = {"cells": [3, 9], "uptake": [0.1, 0.5], "regions": [2, 3]}
UNITS = {"physics.step": 0.5, "physics.diffusivity": 3.0}
CORRECTED = {
    "model.architecture": "unrolled_cg",
    "model.transform": "linear",
    "model.corrections": 4,
}
SIDES = {
    "top": {"value": 0.8},
    "bottom": {"flux": 0.05},
    "left": "reflecting",
    "right": "absorbing",
}
KINDS: dict[str, dict[str, Any]] = {
    "one medium": {},
    "lengths": {
        "physics.diffusivity": 2,
        "physics.decay": 1 / 400,
        "data.diffusion_length": [1, 20],
    },
    "production": {
        "physics.sources": "production",
        "data.placement.overlap": True,
        "data.divide_by_maximum": True,
    },
    "tissue": {
        "data.tissue": {"cells": [3, 9], "regions": [2, 3]},
        "model.architecture": "u_net",
        "model.transform": "linear",
        "model.corrections": 1,
    },
    "cells": {
        "data.tissue": {
            **CELLS,
            "saturation": [0.1, 0.4],
            "secreting_cells": [1, 3],
            "secretion": [0.01, 0.1],
        },
        **UNITS,
        **CORRECTED,
    },
    "sides": {"data.tissue": CELLS, "physics.boundary": SIDES, **UNITS, **CORRECTED},
}


def untrained(config: Config) -> Surrogate:
    """With weights at random, so that biases aren't 0."""
    model, rng = build_model(config), np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(variable + 0.1 * rng.standard_normal(variable.shape))
    return Surrogate(model, config)


def scaled(problem: Problem, factor: float) -> Problem:
    """The problem of one image with a field that is larger by a factor."""
    uptake = problem.uptake
    if isinstance(uptake, MichaelisMenten):
        uptake = MichaelisMenten(factor * uptake.maximum, factor * uptake.constant)
    return Problem(
        factor * problem.values,
        fixed=problem.fixed,
        production=None if problem.production is None else factor * problem.production,
        uptake=uptake,
        medium=problem.medium,
    )
