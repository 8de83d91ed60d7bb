"""A surrogate of tissues whose cells saturate or secrete: predicted, proven, exported, refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffkeras.config import Config
from diffkeras.errors import PhysicsError
from diffkeras.evaluation.images import ImageBatch, draw_images
from diffkeras.evaluation.proven_bounds import measure_bounds
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
    return draw_images(surrogate.config, 2, range(3)).solve(divide_by_maximum=False)


def test_predictions_are_near_and_their_bounds_hold(
    surrogate: Surrogate, batch: ImageBatch
) -> None:
    assert surrogate.maps == ("diffusivity", "uptake", "saturation", "production")
    assert set(batch.medium_inputs) == set(surrogate.maps)
    prediction = surrogate.predict(batch.images, **batch.medium_inputs)
    errors = np.abs(prediction.field - batch.fields)
    assert errors.mean() < 0.01 * batch.fields.mean()
    assert np.all(errors <= prediction.node_bound + 1e-9)
    assert prediction.error_bound < 20 * errors.max()
    refined = surrogate.predict(batch.images, tolerance=1e-5, **batch.medium_inputs)
    assert refined.error_bound <= 1e-5 * batch.fields.max()
    assert np.abs(refined.field - batch.fields).max() <= refined.error_bound + 1e-9
    found = measure_bounds(prediction.field, batch)
    assert (found["prediction_max_error"] <= found["prediction_bound"]).all()


def test_images_of_any_size_of_values(surrogate: Surrogate, batch: ImageBatch) -> None:
    told: Any = {name: values[0] for name, values in batch.medium_inputs.items()}
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
    told: Any = {name: values[0] for name, values in batch.medium_inputs.items()}
    with pytest.raises(PhysicsError, match=message):
        surrogate.predict(batch.images[0], **{**told, **change})


WITHOUT_DIFFKERAS = """
import sys
sys.modules["diffkeras"] = None  # importing it raises an error
import numpy as np, tensorflow as tf
given = {name: tf.constant(values) for name, values in np.load("given.npz").items()}
model = tf.saved_model.load("saved_model")
proof = model.signatures["certified"](**given)
refined = model.signatures["refined"](**given, tolerance=tf.constant(1e-5))
for tolerance, factor in ((1e-12, 1.0), (1e-3, 1e25), (1e-3, -1.0), (1e-3, np.nan)):
    wrong = {name: np.float32(factor) * values for name, values in given.items()}
    wrong["source_images"] = given["source_images"]
    try:
        model.refined(**wrong, tolerance=tolerance)
    except tf.errors.InvalidArgumentError as error:
        print(str(error).split("assertion failed: ")[1].splitlines()[0])
fields = {f"certified_{name}": values for name, values in proof.items()}
fields |= {f"refined_{name}": values for name, values in refined.items()}
np.savez("fields.npz", served=model.serve(**given), **fields)
"""


@pytest.mark.slow  # its graph compiles for long; `tests/tf_solver/bounds` has quick proofs
def test_proofs_hold_where_diffkeras_is_not_installed(
    surrogate: Surrogate, batch: ImageBatch, tmp_path: Path, python: Any
) -> None:
    export_saved_model(surrogate, tmp_path / "saved_model")
    maps = {name: values[..., None] for name, values in batch.medium_inputs.items()}
    np.savez(tmp_path / "given.npz", source_images=np.float32(batch.images[..., None]), **maps)
    done = python(WITHOUT_DIFFKERAS, cwd=tmp_path)
    said = ("smallest that can be promised", "not finite", "must be finite", "must be finite")
    assert all(part in line for part, line in zip(said, done.stdout.splitlines(), strict=True))
    found = {
        k: v[..., 0] if v.ndim == 4 else v for k, v in np.load(tmp_path / "fields.npz").items()
    }
    expected = surrogate.predict(batch.images, **batch.medium_inputs).field
    np.testing.assert_allclose(found["served"], expected, atol=1e-6)
    np.testing.assert_array_equal(found["certified_prediction"], found["served"])
    errors = np.abs(found["served"] - batch.fields)
    rounding = 1e-7  # of the exact fields
    assert (errors <= found["certified_node_bound"] + rounding).all()
    assert found["certified_node_bound"].max() < 1.5 * errors.max()
    for name in ("certified", "refined"):
        errors = np.abs(found[f"{name}_field"] - batch.fields).max((1, 2))
        assert (errors <= found[f"{name}_error_bound"] + rounding).all()
    assert (found["refined_error_bound"] <= 1e-5 * batch.fields.max((1, 2))).all()
    assert (found["refined_rounds"] < 4).all()
    described = json.loads((tmp_path / "saved_model" / "diffkeras.json").read_text())
    assert "uptake·u/(saturation + u) + production" in described["equation"]
