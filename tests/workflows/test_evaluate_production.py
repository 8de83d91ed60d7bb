"""Evaluations of surrogates of sources that produce."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lean_runs import lean_training, quick_figures

from diffkeras.config import Config
from diffkeras.data import raw_dataset
from diffkeras.surrogates.surrogate import load_surrogate
from diffkeras.workflows import evaluate, generate, train


@pytest.fixture(scope="module")
def config(tiny: Config) -> Config:
    return tiny.with_overrides(
        {
            "name": "tiny_production",
            "physics.sources": "production",
            "data.placement.overlap": True,
            "data.divide_by_maximum": True,
            "training.epochs": 1,
        }
    )


@pytest.fixture(scope="module")
def folder(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("production")
    generate(config, folder / "data")
    with lean_training():
        train(config, folder / "data", folder / "run")
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> Any:
    with quick_figures():
        return evaluate(folder / "run", folder / "data")


def test_errors_are_on_the_scale_of_the_dataset(found: Any, config: Config, folder: Path) -> None:
    assert list(found.metrics) == ["surrogate", "exact solver", "zero field"]
    surrogate, errors, largest = load_surrogate(folder / "run"), [], []
    for count in (1, 2):
        for example in raw_dataset(config, count, "test", folder / "data").as_numpy_iterator():
            image, field = example["source_image"][..., 0], example["field"][..., 0]
            errors.append(abs(surrogate.network_fields(image) - field).mean())
            largest.append(field.max())
    assert found.metrics["surrogate"]["all"]["mae"] == pytest.approx(np.mean(errors), rel=1e-5)
    np.testing.assert_allclose(largest, 1)
    assert found.metrics["zero field"]["all"]["max_error"] == pytest.approx(1)


def test_the_bounds_are_the_errors(found: Any) -> None:
    bounds = json.loads((found.path / "metrics.json").read_text())["bounds"]
    for of_count in bounds.values():
        for statistic in ("median", "max"):
            error = of_count["prediction_max_error"][statistic]
            assert error > 1e-3
            assert of_count["prediction_bound"][statistic] == pytest.approx(error, abs=1e-6)
        assert of_count["corrected_bound"]["max"] < 1e-9
        assert set(of_count) == {
            "images",
            "prediction_bound",
            "prediction_max_error",
            "prediction_mae",
            "corrected_bound",
        }


def test_the_report_has_what_makes_sense_only(found: Any) -> None:
    html = (found.path / "report.html").read_text()
    for part in ("Proven bounds", "divided by their maximum", "balances production", "<dt>exact"):
        assert part in html, part
    for part in ("sources set", "rims", "a disc"):
        assert part not in html, part
