"""Files of predictions of other programs are judged like surrogates."""

import json

import numpy as np
import pytest

from diffkeras.data import raw_dataset
from diffkeras.surrogates.surrogate import load_surrogate

pytestmark = pytest.mark.usefixtures("quick_figures")


@pytest.fixture(scope="module")
def quick(tiny):
    return tiny.with_overrides({"evaluation.baselines": ["zero_field"], "evaluation.bounds": 2})


@pytest.fixture(scope="module")
def predicted(tiny, run_dir, data_dir):
    """The fields of the tiny run, as another program would write them."""
    surrogate = load_surrogate(run_dir)
    found = {}
    for count in tiny.data.sources:
        examples = raw_dataset(tiny, count, "test", data_dir).as_numpy_iterator()
        images = np.stack([example["source_image"][..., 0] for example in examples])
        found[f"sources_{count:02d}"] = surrogate.predict(images).field
    return found


def test_predictions_have_the_errors_of_the_surrogate_that_made_them(
    quick, predicted, data_dir, evaluation, tmp_path, diffkeras
):
    (tmp_path / "quick.yaml").write_text(quick.to_yaml())
    np.savez(tmp_path / "mine.npz", **predicted)
    words = ["--config", tmp_path / "quick.yaml", "--data-dir", data_dir]
    words += ["--predictions", tmp_path / "mine.npz", "--output", tmp_path / "out"]
    for baselines in ("[]", "[zero_field]"):
        result = diffkeras("evaluate", *words, "--set", f"evaluation.baselines={baselines}")
        assert result.exit_code == 0, result.output  # without times, and so without their picture
        assert not (tmp_path / "out" / "figures" / "cost.png").exists()
    stored = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert stored["run"] is None
    assert stored["methods"]["predictions"]["all"]["milliseconds"] is None
    assert stored["methods"]["zero field"]["all"]["milliseconds"] >= 0
    bounds = stored["bounds"]["all"]
    assert bounds["prediction_bound"]["max"] >= bounds["prediction_max_error"]["max"] > 0
    for count, expected in evaluation.metrics["surrogate"].items():
        found = stored["methods"]["predictions"][count]
        for name in ("mae", "mae_r1", "max_error", "relative_l2"):
            assert found[name] == pytest.approx(expected[name], rel=1e-4)
    html = (tmp_path / "out" / "report.html").read_text()
    assert f"Evaluation of the predictions in {tmp_path / 'mine.npz'}" in html
    for claim in ("neither for training", "learning_rate", "trained network", "the surrogate"):
        assert claim not in html


def test_several_models_share_a_report_under_their_names(
    quick, predicted, run_dir, tmp_path, diffkeras, refused
):
    """The test images are found in the directory that the training used."""
    (tmp_path / "quick.yaml").write_text(quick.to_yaml())
    np.savez(tmp_path / "mine.npz", **predicted)
    words = ["evaluate", run_dir, "--config", tmp_path / "quick.yaml", "--name", "U-Net"]
    words += ["--output", tmp_path / "out"]
    result = diffkeras(*words, "--compare", f"mine={tmp_path / 'mine.npz'}", "--format", "pdf")
    assert result.exit_code == 0, result.output
    stored = json.loads((tmp_path / "out" / "metrics.json").read_text())["methods"]
    models = [model + own for model in ("U-Net", "mine") for own in ("", ", sources set")]
    assert list(stored) == [*models, "zero field"]
    for model in models[:2]:
        other = stored[model.replace("U-Net", "mine")]["all"]
        assert stored[model]["all"]["mae"] == pytest.approx(other["mae"], rel=1e-4)
    html = (tmp_path / "out" / "report.html").read_text()
    assert "<h1>Evaluation of U-Net, mine</h1>" in html
    assert f"the predictions in {tmp_path / 'mine.npz'}" in html
    figures = {file.name for file in (tmp_path / "out" / "figures").iterdir()}
    assert {"spectrum.png", "spectrum.pdf"} < figures
    for compare, message in (
        ("zero field=mine.npz", "two methods are named 'zero field'"),
        ("U-Net=mine.npz", "two methods are named 'U-Net'"),
        ("mine.npz", "'mine.npz' is not NAME=RUN"),
    ):
        assert message in refused(*words, "--compare", compare)
    for name, message in (
        ("zero field", "two methods are named 'zero field'"),
        (" ", "a model is named ' '; give it"),
        ("mine, sources set", "two methods are named 'mine'"),
    ):
        assert message in refused(*words, "--name", name, "--compare", "mine=mine.npz")


def test_the_command_says_what_it_needs(refused, tmp_path, run_dir):
    file = tmp_path / "mine.npz"
    file.write_text("")
    needs = "needs --config or --test-set, and --output"
    assert needs in refused("evaluate", "--predictions", file)
    assert "stands for RUN" in refused("evaluate", run_dir, "--predictions", file)
    # a model from elsewhere is code that diffkeras doesn't run
    assert "No such option" in refused("evaluate", "--model", run_dir / "saved_model")
