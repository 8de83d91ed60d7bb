"""A surrogate of tissues whose cells saturate or secrete: predicted, proven, exported, refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_problems import drawn_problems

import diffkeras as dk
from diffkeras.config import Config
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.inputs import network_inputs
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
def problem(surrogate: Surrogate) -> dk.Problem:
    return drawn_problems(surrogate.config, 2, 3)


def test_predictions_are_near_and_their_bounds_hold(
    surrogate: Surrogate, problem: dk.Problem
) -> None:
    assert surrogate.maps == ("diffusivity", "uptake", "saturation", "production")
    exact = dk.solve(problem).field
    prediction = surrogate.predict(problem)
    errors = np.abs(prediction.field - exact)
    assert errors.mean() < 0.01 * exact.mean()
    assert np.all(errors <= prediction.node_bound + 1e-9)
    assert prediction.error_bound < 20 * errors.max()
    better = prediction.within(1e-5)
    assert better.error_bound <= 1e-5 * exact.max()
    assert np.abs(better.field - exact).max() <= better.error_bound + 1e-9


def test_images_of_any_size_of_values(surrogate: Surrogate, problem: dk.Problem) -> None:
    factor, scaled = 37.0, []
    for image in problem.images:
        assert isinstance(image.uptake, dk.MichaelisMenten)
        maximum, constant = image.uptake.maximum, image.uptake.constant
        scaled.append(
            dk.Problem(
                factor * image.values,
                production=None if image.production is None else factor * image.production,
                uptake=dk.MichaelisMenten(factor * maximum, factor * constant),
                medium=image.medium,
            )
        )
    expected, found = surrogate.predict(problem), surrogate.predict(dk.Problem.batch(scaled))
    np.testing.assert_allclose(found.field, factor * expected.field, atol=1e-4)
    assert found.error_bound == pytest.approx(factor * expected.error_bound, rel=0.05)


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


@pytest.mark.slow  # its graph compiles for long; `tests/tf_solver` has quick proofs
def test_proofs_hold_where_diffkeras_is_not_installed(
    surrogate: Surrogate, problem: dk.Problem, tmp_path: Path, python: Any
) -> None:
    export_saved_model(surrogate, tmp_path / "saved_model")
    images, maps = network_inputs(surrogate.config, problem)
    np.savez(tmp_path / "given.npz", source_images=images, **maps)
    done = python(WITHOUT_DIFFKERAS, cwd=tmp_path)
    said = ("smallest that can be promised", "not finite", "must be finite", "must be finite")
    assert all(part in line for part, line in zip(said, done.stdout.splitlines(), strict=True))
    found = {
        k: v[..., 0] if v.ndim == 4 else v for k, v in np.load(tmp_path / "fields.npz").items()
    }
    expected, exact = surrogate.predict(problem).field, dk.solve(problem).field
    np.testing.assert_allclose(found["served"], expected, atol=1e-6)
    np.testing.assert_array_equal(found["certified_field"], found["served"])
    errors = np.abs(found["served"] - exact)
    rounding = 1e-7  # of the exact fields
    assert (errors <= found["certified_node_bound"] + rounding).all()
    assert found["certified_node_bound"].max() < 1.5 * errors.max()
    for name in ("certified", "refined"):
        errors = np.abs(found[f"{name}_field"] - exact).max((1, 2))
        assert (errors <= found[f"{name}_error_bound"] + rounding).all()
    errors = np.abs(found["certified_corrected"] - exact).max((1, 2))
    assert (errors <= found["certified_corrected_error_bound"] + rounding).all()
    assert (found["refined_error_bound"] <= 1e-5 * exact.max((1, 2))).all()
    described = json.loads((tmp_path / "saved_model" / "diffkeras.json").read_text())
    assert "uptake·u/(saturation + u) + production" in described["equation"]
