"""A surrogate that takes maps of the medium: trained, saved, judged, exported, refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import diffkeras as dk
from diffkeras.config import Config
from diffkeras.data import raw_dataset
from diffkeras.errors import ConfigurationError, PhysicsError, RunError
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
from diffkeras.workflows import evaluate, evaluate_foreign, generate, train

MAPS = ("diffusivity", "decay")
ROUNDING = 1e-7  # of stored fields


@pytest.fixture(scope="module")
def tissue(tiny: Config) -> Config:
    return tiny.with_overrides(
        {
            "data.sources": "1",
            "data.tissue": {"cells": [3, 9], "regions": [2, 3]},
            "model.architecture": "u_net",
            "model.transform": "linear",
            "model.corrections": 1,
        }
    )


@pytest.fixture(scope="module")
def data(tissue: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tissue")
    generate(tissue, path)
    return path


@pytest.fixture(scope="module")
def run(tissue: Config, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tissue, data, tmp_path_factory.mktemp("runs") / "tissue").path


@pytest.fixture(scope="module")
def surrogate(run: Path) -> Surrogate:
    return load_surrogate(run)


@pytest.fixture(scope="module")
def stored(tissue: Config, data: Path) -> dict[str, np.ndarray]:
    """The test split."""
    examples = list(raw_dataset(tissue, 1, "test", data).as_numpy_iterator())
    names = ("source_image", "field", *MAPS)
    return {name: np.stack([e[name][..., 0] for e in examples]) for name in names}


def told(stored: dict[str, np.ndarray], which: Any = slice(None)) -> dict[str, np.ndarray]:
    return {name: stored[name][which] for name in MAPS}


def medium(surrogate: Surrogate, stored: dict[str, np.ndarray], k: int) -> dk.Medium:
    return dk.Medium(**told(stored, k), boundary=surrogate.config.physics.boundary)


def test_predictions_have_proven_bounds(surrogate: Surrogate, stored: Any) -> None:
    assert surrogate.maps == MAPS
    prediction = surrogate.predict(stored["source_image"], **told(stored))
    errors = np.abs(prediction.field - stored["field"])
    assert errors.mean() < 0.3 * stored["field"].mean()
    assert np.all(errors <= prediction.node_bound + 1e-6)
    assert errors.max() <= prediction.error_bound + 1e-6
    np.testing.assert_allclose(
        surrogate.predict(stored["source_image"][2], **told(stored, 2)).field,
        prediction.field[2],
        atol=1e-6,
    )
    exact = dk.solve(stored["source_image"][2], medium=medium(surrogate, stored, 2)).field
    np.testing.assert_allclose(exact, stored["field"][2], atol=1e-6)


def test_a_tolerance_is_kept(surrogate: Surrogate, stored: Any) -> None:
    image = stored["source_image"][0]
    refined = surrogate.predict(image, tolerance=1e-4, **told(stored, 0))
    assert refined.error_bound <= 1e-4 * image.max()
    assert np.abs(refined.field - stored["field"][0]).max() <= refined.error_bound + 1e-6


def test_one_map_may_stand_for_all_images(surrogate: Surrogate, stored: Any) -> None:
    images = stored["source_image"][:2]
    shared = surrogate.predict(images, **told(stored, 0))
    each = [surrogate.predict(image, **told(stored, 0)) for image in images]
    np.testing.assert_allclose(shared.field, [one.field for one in each], atol=1e-6)
    assert shared.error_bound == pytest.approx(max(one.error_bound for one in each))
    mixed = surrogate.predict(
        images, diffusivity=stored["diffusivity"][0], decay=stored["decay"][[0, 0]]
    )
    np.testing.assert_allclose(mixed.field, shared.field, atol=1e-6)


FLAT = {"diffusivity": np.full((16, 16), 0.5), "decay": np.full((16, 16), 0.1)}


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ({"diffusivity": None}, "diffusivity and decay vary; give the map of the diffusivity"),
        ({"decay": np.ones((8, 16))}, r"the map of the decay has shape \(8, 16\); give one of"),
        ({"diffusivity": np.zeros((16, 16))}, "diffusivity must be positive.* at node"),
        ({"decay": np.full((16, 16), -0.1)}, r"decay must be ≥ 0 and finite, not -0\.1 at node"),
        ({"decay": np.full((16, 16), np.nan)}, "decay must be ≥ 0 and finite, not nan"),
        ({"diffusion_length": 3.0}, "diffusivity and decay vary; leave out the diffusion length"),
    ],
)
def test_maps_that_are_refused(surrogate: Surrogate, maps: Any, message: str) -> None:
    with pytest.raises(PhysicsError, match=message):
        surrogate.predict(np.ones((16, 16)), **{**FLAT, **maps})


def test_a_surrogate_of_one_medium_takes_no_map(run_dir: Path) -> None:
    with pytest.raises(PhysicsError, match=r"one medium, of .*; leave out the map of the decay"):
        load_surrogate(run_dir).predict(np.ones((16, 16)), decay=FLAT["decay"])


def test_maps_beyond_the_training_are_said(surrogate: Surrogate, log: Any) -> None:
    image = np.pad([[1.0]], ((7, 8), (7, 8)))
    prediction = surrogate.predict(image, **{**FLAT, "decay": 10 * np.ones((16, 16))})
    assert "trained with decay from 0.05 to 0.55, and these maps have 10 to 10" in log.text
    assert np.isfinite(prediction.error_bound)


def test_a_field_that_is_not_finite_is_refused(surrogate: Surrogate) -> None:
    image = np.pad([[1.0]], ((7, 8), (7, 8)))
    maps = {**FLAT, "diffusivity": 1e25 * np.ones((16, 16)), "decay": 1e25 * np.ones((16, 16))}
    with pytest.raises(RunError, match=r"not finite: .* choose units"):
        surrogate.predict(image, **maps)


def test_there_is_no_single_medium(surrogate: Surrogate) -> None:
    with pytest.raises(PhysicsError, match=r"trained on maps of the diffusivity and the decay"):
        surrogate.medium  # noqa: B018


@pytest.mark.usefixtures("quick_figures")
def test_predictions_of_other_programs_are_judged_in_their_tissues(
    tissue: Config, data: Path, stored: dict[str, np.ndarray], tmp_path: Path
) -> None:
    np.savez(tmp_path / "mine.npz", sources_01=stored["field"] + 0.01)
    given = {"config": tissue, "data_dir": data, "output": tmp_path / "out"}
    found = evaluate_foreign(**given, predictions=tmp_path / "mine.npz")
    assert found.metrics["surrogate"]["all"]["mae"] == pytest.approx(0.01, rel=1e-5)
    bounds = json.loads((tmp_path / "out" / "metrics.json").read_text())["bounds"]["all"]
    assert 0.01 <= bounds["prediction_bound"]["median"] < 0.02


@pytest.mark.usefixtures("quick_figures")
def test_evaluation(run: Path, data: Path, tmp_path: Path) -> None:
    found = evaluate(run, data, output=tmp_path / "evaluation")
    assert set(found.metrics) == {
        "surrogate",
        "surrogate, sources set",
        "mean medium",
        "exact solver",
        "zero field",
    }
    own, mean = (found.metrics[name]["all"]["mae"] for name in ("surrogate", "mean medium"))
    assert own < mean
    report = (found.path / "report.html").read_text(encoding="utf-8")
    assert "in tissues of cells and regions" in report
    bounds = json.loads((found.path / "metrics.json").read_text())["bounds"]["all"]
    assert bounds["prediction_max_error"]["max"] <= bounds["prediction_bound"]["max"]


def test_the_command_takes_maps(
    run: Path, stored: Any, tmp_path: Path, diffkeras: Any, refused: Any
) -> None:
    files = {}
    for name in ("source_image", *MAPS):
        files[name] = tmp_path / f"{name}.npy"
        np.save(files[name], stored[name][1])
    given = ("predict", run, files["source_image"], "-o", tmp_path / "field.npy")
    maps = ("--diffusivity", files["diffusivity"], "--decay", files["decay"])
    result = diffkeras(*given, *maps, "--certify")
    assert result.exit_code == 0, result.output
    assert "is off by at most" in result.output
    surrogate = load_surrogate(run)
    expected = surrogate.predict(stored["source_image"][1], **told(stored, 1)).field
    np.testing.assert_allclose(np.load(tmp_path / "field.npy"), expected, atol=1e-6)
    assert "give the map of the decay of the images" in refused(*given, *maps[:2])


def test_the_saved_model_takes_maps(run: Path, surrogate: Surrogate, stored: Any) -> None:
    loaded = tf.saved_model.load(str(run / "saved_model"))
    signature = loaded.signatures["serving_default"]
    names = signature.structured_input_signature[1]
    assert sorted(names) == ["decay", "diffusivity", "source_images"]
    images = stored["source_image"]
    maps = {name: values[..., None] for name, values in told(stored).items()}
    found = loaded.serve(images[..., None], **maps)
    expected = surrogate.predict(images, **told(stored)).field
    np.testing.assert_allclose(found[..., 0], expected, atol=1e-6)
    for wrong in ({"decay": -maps["decay"]}, {"diffusivity": maps["diffusivity"][:1]}):
        with pytest.raises(tf.errors.InvalidArgumentError, match=next(iter(wrong))):
            loaded.serve(images[..., None], **{**maps, **wrong})
        with pytest.raises(tf.errors.InvalidArgumentError, match=next(iter(wrong))):
            loaded.certified(images[..., None], **{**maps, **wrong})
    beyond = {name: np.float32(1e25) * values for name, values in maps.items()}
    for function in (loaded.serve, loaded.certified):
        with pytest.raises(tf.errors.InvalidArgumentError, match="not finite"):
            function(images[..., None], **beyond)
    proof = loaded.certified(images[..., None], **maps)
    np.testing.assert_allclose(proof["prediction"], found, atol=1e-6)
    error = np.abs(found[..., 0] - stored["field"])
    assert (error <= proof["node_bound"][..., 0] + ROUNDING).numpy().all()
    refined = loaded.refined(images[..., None], **maps, tolerance=1e-5)
    for proven in (proof, refined):
        error = np.abs(proven["field"][..., 0] - stored["field"]).max((1, 2))
        assert (error <= proven["error_bound"] + ROUNDING).numpy().all()
    assert (refined["error_bound"].numpy() <= 1e-5).all()
    described = json.loads((run / "saved_model" / "diffkeras.json").read_text())
    assert "diffusivity and decay, of the shape" in described["input"]
    assert "decay" not in described["physics"]


@pytest.mark.parametrize(
    ("change", "channels"),
    [
        ({"data.tissue.cells": [0, 0]}, 2),
        ({"data.tissue.diffusivity": [1, 1]}, 2),
        ({"model.architecture": "unrolled_cg"}, 3),
        ({"model.architecture": "encoder_decoder"}, 3),
        ({"model.architecture": "joined_pair", "model.corrections": 0}, 3),
    ],
)
def test_channels_are_what_varies(tissue: Config, change: Any, channels: int) -> None:
    model = build_model(tissue.with_overrides(change))
    assert model.input_shape == (None, None, None, channels)


def test_ring_densities_need_a_uniform_medium(tissue: Config) -> None:
    with pytest.raises(ConfigurationError, match=r"media that vary .* don't have"):
        tissue.with_overrides({"model.architecture": "ring_density_network"})
    with pytest.raises(ConfigurationError, match=r"one_number needs uniform media"):
        tissue.with_overrides({"evaluation.baselines": ["one_number"]})
