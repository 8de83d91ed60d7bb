"""Commands take the names of shipped surrogates, and write nothing into the package."""

import numpy as np
import pytest
from click.testing import CliRunner

import diffkeras as dk
from diffkeras.commands import main
from diffkeras.surrogates.run_directory import SHIPPED
from tests.helpers.refusals import assert_refused, files_below


def test_predict_takes_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = dk.sample_sources(2, (32, 48), rng=0).image()
    np.save("sources.npy", image)
    words = ["predict", "default", "sources.npy", "-o", "field.npy", "--certify"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert "a proven error of at most" in result.output
    np.testing.assert_allclose(np.load("field.npy"), dk.solve(image).field, rtol=0, atol=0.01)


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
