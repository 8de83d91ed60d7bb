"""A surrogate of tissues whose cells saturate or secrete: predicted, proven, exported, refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from diffkeras.config import Config
from diffkeras.errors import PhysicsError
from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.proven_bounds import measure_bounds
from diffkeras.evaluation.test_sets.inputs import draw_inputs
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.saved_model import export_saved_model
from diffkeras.surrogates.surrogate import Surrogate

TISSUE = {
    "cells": [3, 9],
    "uptake": [0.1, 0.5],
    "regions": [2, 3],
    "saturation": [0.1, 0.4],
    "secreting_cells": [1, 3],
    "secretion": [0.01, 0.1],
}


@pytest.fixture(scope="module")
def surrogate(tiny: Config) -> Surrogate:
    """Rounds that nobody trained: corrections know the equation."""
    changes = {
        "data.tissue": TISSUE,
        "physics.step": 0.5,
        "physics.diffusivity": 3.0,
        "model.architecture": "unrolled_cg",
        "model.transform": "linear",
        "model.corrections": 4,
    }
    config = tiny.with_overrides(changes)
    return Surrogate(build_model(config), config)


@pytest.fixture(scope="module")
def batch(surrogate: Surrogate) -> ImageBatch:
    return draw_inputs(surrogate.config, 2, range(3)).solve()


def test_predictions_are_near_and_their_bounds_hold(
    surrogate: Surrogate, batch: ImageBatch
) -> None:
    assert surrogate.maps == ("diffusivity", "uptake", "saturation", "production")
    assert set(batch.told) == set(surrogate.maps)
    prediction = surrogate.predict(batch.images, **batch.told)
    errors = np.abs(prediction.field - batch.fields)
    assert errors.mean() < 0.01 * batch.fields.mean()
    assert np.all(errors <= prediction.node_bound + 1e-9)
    assert prediction.error_bound < 20 * errors.max()
    refined = surrogate.predict(batch.images, tolerance=1e-5, **batch.told)
    assert refined.error_bound <= 1e-5 * batch.fields.max()
    assert np.abs(refined.field - batch.fields).max() <= refined.error_bound + 1e-9
    (found, *_) = measure_bounds(surrogate, batch)
    assert found["prediction_max_error"] <= found["prediction_bound"]
    assert "history" not in found


def test_images_of_any_size_of_values(surrogate: Surrogate, batch: ImageBatch) -> None:
    told: Any = {name: values[0] for name, values in batch.told.items()}
    image, factor = batch.images[0], 37.0
    expected = surrogate.predict(image, **told)
    for name in ("uptake", "saturation", "production"):
        told[name] = factor * told[name]
    found = surrogate.predict(factor * image, **told)
    np.testing.assert_allclose(found.field, factor * expected.field, atol=1e-4)
    assert found.error_bound == pytest.approx(factor * expected.error_bound, rel=0.05)


def test_a_number_stands_for_a_map(surrogate: Surrogate, batch: ImageBatch) -> None:
    numbers: Any = {"diffusivity": 2.0, "uptake": 0.3, "saturation": 0.2, "production": 0.0}
    maps: Any = {name: np.full((16, 16), value) for name, value in numbers.items()}
    image = batch.images[0]
    found, expected = (surrogate.predict(image, **told) for told in (numbers, maps))
    np.testing.assert_array_equal(found.field, expected.field)
    np.testing.assert_array_equal(found.node_bound, expected.node_bound)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"uptake": None}, "give the map of the uptake"),
        ({"decay": np.ones((16, 16))}, "leave out the map of the decay"),
        ({"saturation": 0.0}, "constant must be positive"),
        ({"uptake": np.full((16, 16), -1.0)}, "maximum must be ≥ 0"),
        ({"production": np.full((16, 16), -1.0)}, "production ≥ 0, and the map has -1"),
        ({"uptake": np.full((16, 16), 1e40)}, r"the map of the uptake holds 1e\+40"),
        ({"production": np.full((16, 16), np.nan)}, "production ≥ 0, and the map has nan"),
    ],
)
def test_maps_that_are_refused(
    surrogate: Surrogate, batch: ImageBatch, change: Any, message: str
) -> None:
    told: Any = {name: values[0] for name, values in batch.told.items()}
    with pytest.raises(PhysicsError, match=message):
        surrogate.predict(batch.images[0], **{**told, **change})


@pytest.mark.slow  # a graph of six rounds compiles for long
def test_the_saved_model_serves_but_does_not_prove(
    surrogate: Surrogate, batch: ImageBatch, tmp_path: Path, log: Any
) -> None:
    export_saved_model(surrogate, tmp_path / "saved_model")
    assert "no signatures certified and refined" in log.text
    loaded = tf.saved_model.load(str(tmp_path / "saved_model"))
    assert list(loaded.signatures) == ["serving_default"]
    maps = {name: values[..., None] for name, values in batch.told.items()}
    found = loaded.serve(batch.images[..., None], **maps)
    expected = surrogate.predict(batch.images, **batch.told).field
    np.testing.assert_allclose(found[..., 0], expected, atol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match="saturation must be finite and pos"):
        loaded.serve(batch.images[..., None], **{**maps, "saturation": 0 * maps["saturation"]})
    described = json.loads((tmp_path / "saved_model" / "diffkeras.json").read_text())
    assert "uptake·u/(saturation + u) + production" in described["equation"]
