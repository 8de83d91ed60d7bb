"""A surrogate that takes maps of the medium: trained, saved, judged and exported."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import diffkeras as dk
from diffkeras.config import Config
from diffkeras.data import raw_dataset
from diffkeras.errors import RunError
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


@pytest.fixture(scope="module")
def problem(surrogate: Surrogate, stored: dict[str, np.ndarray]) -> dk.Problem:
    """Those of the test split."""
    images = zip(*(stored[name] for name in ("source_image", *MAPS)), strict=True)
    return dk.Problem.batch(
        [surrogate.problem(image, diffusivity=d, decay=k) for image, d, k in images]
    )


def test_predictions_have_proven_bounds(
    surrogate: Surrogate, problem: dk.Problem, stored: Any
) -> None:
    assert surrogate.maps == MAPS
    prediction = surrogate.predict(problem)
    errors = np.abs(prediction.field - stored["field"])
    assert errors.mean() < 0.3 * stored["field"].mean()
    assert np.all(errors <= prediction.node_bound + 1e-6)
    assert errors.max() <= prediction.error_bound + 1e-6
    np.testing.assert_allclose(dk.solve(problem).field, stored["field"], atol=1e-6)
    one = surrogate.predict(problem.images[2], tolerance=1e-4)
    assert one.error_bound <= 1e-4 * stored["source_image"][2].max()
    assert np.abs(one.field - stored["field"][2]).max() <= one.error_bound + 1e-6


def test_one_map_may_stand_for_all_images(
    surrogate: Surrogate, problem: dk.Problem, stored: Any
) -> None:
    maps = {name: stored[name][0] for name in MAPS}
    shared = surrogate.predict(stored["source_image"][[0, 0]], **maps)
    alone = surrogate.predict(problem.images[0])
    np.testing.assert_allclose(shared.field, [alone.field] * 2, atol=1e-6)
    assert shared.error_bound == pytest.approx(alone.error_bound)


def test_maps_beyond_the_training_give_a_warning(surrogate: Surrogate, log: Any) -> None:
    image = np.pad([[1.0]], ((7, 8), (7, 8)))
    prediction = surrogate.predict(image, diffusivity=0.5, decay=10.0)
    assert "trained with decay from 0.05 to 0.55, and these maps have 10 to 10" in log.text
    assert np.isfinite(prediction.error_bound)


def test_a_field_that_is_not_finite_is_refused(surrogate: Surrogate) -> None:
    image = np.pad([[1.0]], ((7, 8), (7, 8)))
    with pytest.raises(RunError, match=r"not finite: .* choose units"):
        surrogate.predict(image, diffusivity=1e25, decay=1e25)


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
    run: Path,
    surrogate: Surrogate,
    stored: Any,
    tmp_path: Path,
    diffkeras: Any,
    refused: Any,
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
    kept = {name: stored[name][1] for name in MAPS}
    expected = surrogate.predict(stored["source_image"][1], **kept).field
    np.testing.assert_allclose(np.load(tmp_path / "field.npy"), expected, atol=1e-6)
    assert "give the decay" in refused(*given, *maps[:2])


def test_the_saved_model_takes_maps(
    run: Path, surrogate: Surrogate, problem: dk.Problem, stored: Any
) -> None:
    loaded = tf.saved_model.load(str(run / "saved_model"))
    signature = loaded.signatures["serving_default"]
    names = signature.structured_input_signature[1]
    assert sorted(names) == ["decay", "diffusivity", "source_images"]
    images = stored["source_image"]
    maps = {name: stored[name][..., None] for name in MAPS}
    found = loaded.serve(images[..., None], **maps)
    expected = surrogate.predict(problem).field
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
    np.testing.assert_allclose(proof["field"], found, atol=1e-6)
    refined = loaded.refined(images[..., None], **maps, tolerance=1e-5)
    for proven in (proof, refined):
        errors = np.abs(proven["field"][..., 0] - stored["field"])
        assert (errors <= proven["node_bound"][..., 0] + ROUNDING).numpy().all()
        assert (errors.max((1, 2)) <= proven["error_bound"] + ROUNDING).numpy().all()
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
