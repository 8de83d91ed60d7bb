"""Surrogates of lattices whose sides hold a value or let a flux in: not scaled, but proven."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import diffkeras as dk
from diffkeras.config import Config
from diffkeras.evaluation.images import ImageBatch, draw_images
from diffkeras.evaluation.methods import baselines
from diffkeras.evaluation.proven_bounds import measure_bounds
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.predicted_fields import predicted_fields
from diffkeras.surrogates.saved_model import export_saved_model
from diffkeras.surrogates.surrogate import Surrogate

SIDES = {
    "top": {"value": 0.8},
    "bottom": {"flux": 0.05},
    "left": "reflecting",
    "right": "absorbing",
}
CELLS = {"cells": [3, 9], "uptake": [0.1, 0.5], "regions": [2, 3]}
SATURATING = {"saturation": [0.1, 0.4], "secreting_cells": [1, 3], "secretion": [0.01, 0.1]}
CORRECTED = {"model.architecture": "unrolled_cg", "model.corrections": 4}


def untrained(tiny: Config, changes: dict[str, Any]) -> tuple[Surrogate, ImageBatch]:
    physics = {"physics.boundary": SIDES, "physics.step": 0.5, "physics.diffusivity": 3.0}
    config = tiny.with_overrides({**physics, "model.transform": "linear", **changes})
    batch = draw_images(config, 2, range(2)).solve(divide_by_maximum=False)
    return Surrogate(build_model(config), config), batch


def test_corrections_know_what_sides_supply(tiny: Config) -> None:
    surrogate, batch = untrained(tiny, {"data.tissue": {**CELLS, **SATURATING}, **CORRECTED})
    maps = {name: values[..., None] for name, values in batch.medium_inputs.items()}
    images, model = batch.images[..., None], surrogate.model  # a graph would compile for seconds
    fields = predicted_fields(surrogate.config, lambda x: model(x).numpy(), images, maps)[..., 0]
    errors = np.abs(fields - batch.fields)
    assert errors.max() < 0.02
    for field, error, problem in zip(fields, errors, batch.problems(), strict=True):
        assert problem["medium"].sides == surrogate.config.physics.medium.sides
        proof = dk.certify(field, **problem)
        assert np.all(error <= proof.node_bound + 1e-9)
        assert proof.prediction_bound < 20 * error.max()


@pytest.mark.parametrize("changes", [{}, {"physics.sources": "production"}])
def test_larger_images_are_not_scaled_and_proven_as_they_are(
    tiny: Config, changes: dict[str, Any], log: pytest.LogCaptureFixture
) -> None:
    surrogate, batch = untrained(tiny, {"model.architecture": "u_net", **changes})
    surrogate.predict(batch.images, **batch.medium_inputs)
    assert "largest value" not in log.text
    images = 3 * batch.images
    prediction = surrogate.predict(images, **batch.medium_inputs)
    assert "largest value is 1, and here it is 3" in log.text
    exact = np.stack([dk.solve(**one).field for one in replace(batch, images=images).problems()])
    assert np.abs(exact - 3 * batch.fields).max() > 0.5
    errors = np.abs(prediction.field - exact)
    assert np.all(errors <= prediction.node_bound)
    refined = surrogate.predict(images, tolerance=1e-4, **batch.medium_inputs)
    assert np.abs(refined.field - exact).max() <= refined.error_bound <= 1e-4 * exact.max()


@pytest.mark.slow
def test_the_saved_model_serves_but_does_not_prove(tiny: Config, tmp_path: Path) -> None:
    surrogate, batch = untrained(tiny, {"data.tissue": CELLS, **CORRECTED})
    export_saved_model(surrogate, tmp_path / "saved_model")
    loaded = tf.saved_model.load(str(tmp_path / "saved_model"))
    assert list(loaded.signatures) == ["serving_default"]
    maps = {name: values[..., None] for name, values in batch.medium_inputs.items()}
    served = loaded.serve(3 * batch.images[..., None], **maps)[..., 0]
    expected = surrogate.predict(3 * batch.images, **batch.medium_inputs).field
    np.testing.assert_allclose(served, expected, rtol=0, atol=1e-5)


def test_an_evaluation_proves_and_compares(tiny: Config) -> None:
    surrogate, batch = untrained(tiny, {})
    found = measure_bounds(surrogate.predict(batch.images).field, batch)
    assert (found["prediction_max_error"] <= found["prediction_bound"]).all()
    methods = {method.name: method for method in baselines(surrogate.config)}
    assert set(methods) == {"exact solver", "zero field"}
    assert np.abs(methods["exact solver"].compute(batch).fields - batch.fields).max() == 0
