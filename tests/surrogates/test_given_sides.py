"""Surrogates of lattices whose sides hold a value or let a flux in: not scaled, but proven."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from drawn_problems import drawn_problems

import diffkeras as dk
from diffkeras.config import Config
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.inputs import network_inputs
from diffkeras.surrogates.saved_model import export_saved_model
from diffkeras.surrogates.surrogate import Surrogate

SIDES = {
    "top": {"value": 0.8},
    "bottom": {"flux": 0.05},
    "left": "reflecting",
    "right": "absorbing",
}
CELLS = {"cells": [3, 9], "uptake": [0.1, 0.5], "regions": [2, 3]}
CORRECTED = {"model.architecture": "unrolled_cg", "model.corrections": 4}


def untrained(tiny: Config, changes: dict[str, Any]) -> tuple[Surrogate, dk.Problem]:
    physics = {"physics.boundary": SIDES, "physics.step": 0.5, "physics.diffusivity": 3.0}
    config = tiny.with_overrides({**physics, "model.transform": "linear", **changes})
    return Surrogate(build_model(config), config), drawn_problems(config, 2, 2)


def test_corrections_know_what_sides_supply(tiny: Config) -> None:
    surrogate, problem = untrained(tiny, {"data.tissue": CELLS, **CORRECTED})
    assert problem.images[0].medium.sides == surrogate.config.physics.medium.sides
    prediction, exact = surrogate.predict(problem), dk.solve(problem).field
    errors = np.abs(prediction.field - exact)
    assert errors.max() < 0.02
    assert np.all(errors <= prediction.node_bound + 1e-9)
    assert prediction.error_bound < 20 * errors.max()


@pytest.mark.parametrize("changes", [{}, {"physics.sources": "production"}])
def test_larger_images_are_not_scaled_and_proven_as_they_are(
    tiny: Config, changes: dict[str, Any], log: pytest.LogCaptureFixture
) -> None:
    surrogate, problem = untrained(tiny, {"model.architecture": "u_net", **changes})
    surrogate.predict(problem)
    assert "largest value" not in log.text
    images = 3 * network_inputs(surrogate.config, problem)[0][..., 0]
    prediction = surrogate.predict(images)
    assert "largest value is 1, and here it is 3" in log.text
    exact = dk.solve(prediction.problem).field
    assert np.abs(exact - 3 * dk.solve(problem).field).max() > 0.5
    assert np.all(np.abs(prediction.field - exact) <= prediction.node_bound)
    better = prediction.within(1e-4)
    assert np.abs(better.field - exact).max() <= better.error_bound <= 1e-4 * exact.max()


@pytest.mark.slow
def test_the_saved_model_proves_its_fields(tiny: Config, tmp_path: Path) -> None:
    surrogate, problem = untrained(tiny, {"data.tissue": CELLS, **CORRECTED})
    export_saved_model(surrogate, tmp_path / "saved_model")
    loaded = tf.saved_model.load(str(tmp_path / "saved_model"))
    images, maps = network_inputs(surrogate.config, problem)
    served = loaded.serve(images, **maps)[..., 0]
    np.testing.assert_allclose(served, surrogate.predict(problem).field, rtol=0, atol=1e-5)
    proof = loaded.certified(images, **maps)
    error = np.abs(proof["field"].numpy()[..., 0] - dk.solve(problem).field)
    assert (
        error <= proof["node_bound"].numpy()[..., 0] + 1e-7
    ).all()  # its coefficients are float32
