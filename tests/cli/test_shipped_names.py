"""Commands take the names of shipped surrogates, and write nothing into the package."""

import numpy as np
import pytest
from click.testing import CliRunner

import diffkeras as dk
from diffkeras.cli import main
from diffkeras.surrogates.shipped import SHIPPED
from tests.helpers.refusals import assert_refused, files_below


def test_predict_takes_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = dk.sample_sources(2, (32, 48), rng=0).image()
    np.save("sources.npy", image)
    words = ["predict", "default", "sources.npy", "-o", "field.npy", "--certify"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert "is off by at most" in result.output
    np.testing.assert_allclose(np.load("field.npy"), dk.solve(image).field, rtol=0, atol=0.01)


@pytest.mark.slow
def test_predict_takes_maps_and_numbers_of_cells_that_saturate(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image, rng = dk.sample_sources(2, (32, 48), rng=0).image(), np.random.default_rng(0)
    maps = {
        "uptake": 0.3 * (rng.random(image.shape) < 0.2),
        "production": 0.01 * (rng.random(image.shape) < 0.05),
    }
    words = ["predict", "saturating_tissue", "sources.npy", "-o", "field.npy"]
    words += ["--diffusivity", "0.3"]
    for name, values in {"sources": image, **maps}.items():
        np.save(f"{name}.npy", values)
        words += [f"--{name}", f"{name}.npy"] if name in maps else []
    missing = CliRunner().invoke(main, words)
    assert "--saturation" in missing.stderr
    words += ["--saturation", "0.2", "--tolerance", "1e-3"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    exact = dk.solve(
        image,
        uptake=dk.MichaelisMenten(maps["uptake"], 0.2),
        production=maps["production"],
        medium=dk.Medium(0.3, 1e-3, boundary="reflecting"),
    )
    np.testing.assert_allclose(np.load("field.npy"), exact.field, rtol=0, atol=1e-3)


@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_results_of_a_shipped_surrogate_need_a_place(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = files_below(SHIPPED)
    result = CliRunner().invoke(main, [command, "default"])
    assert "--output" in result.stderr
    assert_refused(result, SHIPPED, before)


@pytest.mark.parametrize(
    ("name", "config"), [("default", "models/default"), ("quickstart", "quickstart")]
)
def test_an_evaluation_without_data_names_the_configuration(name, config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", name, "--output", "here"]
    result = CliRunner().invoke(main, words)
    assert f"run `diffkeras generate --config {config}`" in result.stderr
    result = CliRunner().invoke(main, [*words, "--set", "data.radius=3"])
    assert "run `diffkeras generate` with the same configuration" in result.stderr


def test_maps_that_a_surrogate_does_not_take_are_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("sources.npy", np.eye(32))
    words = ["predict", "default", "sources.npy", "-o", "field.npy", "--decay", "sources.npy"]
    result = CliRunner().invoke(main, words)
    assert "has the decay 0 to 1 instead of 0.0025" in result.stderr
    assert "hold the field at their value" not in result.stderr
