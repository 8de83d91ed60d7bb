"""Evaluations of runs of several kinds, and of predictions of other programs."""

import csv
import functools
import json
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from diffkeras import evaluate, train
from diffkeras.config import Config
from diffkeras.data import generate, raw_dataset
from diffkeras.errors import ConfigurationError, DataError, OutputError, RunError
from diffkeras.evaluation import figures
from diffkeras.evaluation.report import FILES
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.surrogate import load_surrogate
from diffkeras.system.result_folders import MANIFEST
from tests.helpers.lean_runs import lean_training, quick_figures

SET = "surrogate, sources set"
EXACT, ZERO = "exact solver", "zero field"
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "production": {
        "physics.sources": "production",
        "data.placement.overlap": True,
        "data.divide_by_maximum": True,
    },
    "lengths": {
        "physics.decay": 1 / 400,
        "data.diffusion_length": [1.0, 20.0],
        "data.sources": "1,3",
        "data.radius": 1,
        "data.test_examples": 12,
    },
    "tissue": {"data.sources": "1", "data.tissue": {"cells": [3, 9], "regions": [2, 3]}},
}
DISCS = ("superposition", "1 number per disc", "3 numbers per disc")
METHODS = {
    "plain": ("surrogate", SET, *DISCS, EXACT, ZERO),
    "production": ("surrogate", EXACT, ZERO),
    "lengths": ("surrogate", SET, *DISCS, EXACT, ZERO),
    "tissue": ("surrogate", SET, "mean medium", EXACT, ZERO),
}
# what the report contains, and what it doesn't
REPORTED = {
    "plain": (
        ("superposition", "zero field", "orst", "edian", "relative L2", "[0.05, 0.1) (R3)"),
        ("in tissues",),
    ),
    "production": (
        ("Proven bounds", "divided by their maximum", "balances production", "<dt>exact"),
        ("sources set", "rims", "per disc"),
    ),
    "lengths": (("against the diffusion length", "diffusion lengths of 1 to 20"), ("in tissues",)),
    "tissue": (("in tissues of cells and regions",), ("diffusion length of",)),
}


class Evaluated(NamedTuple):
    """A run and its evaluation."""

    config: Config
    data: Path
    run: Path
    found: Any

    @property
    def metrics(self) -> dict[str, Any]:
        return json.loads((self.found.path / "metrics.json").read_text())

    @property
    def report(self) -> str:
        return (self.found.path / "report.html").read_text(encoding="utf-8")

    def stored(self, count: int) -> list[dict[str, np.ndarray]]:
        """The test split of a source count."""
        examples = raw_dataset(self.config, count, "test", self.data).as_numpy_iterator()
        return [
            {name: np.squeeze(value) for name, value in example.items() if name != "sources"}
            for example in examples
        ]


@pytest.fixture(scope="module")
def evaluated(tiny, data_dir, run_dir, evaluation, tmp_path_factory):
    """`evaluated(kind)`: a run of the kind, trained for one epoch."""

    @functools.cache
    def make(kind: str) -> Evaluated:
        if kind == "plain":
            return Evaluated(tiny, data_dir, run_dir, evaluation)
        folder = tmp_path_factory.mktemp(kind)
        config = tiny.with_overrides({**KINDS[kind], "training.epochs": 1})
        generate(config, folder / "data")
        with lean_training():
            train(config, folder / "data", folder / "run")
        with quick_figures():
            found = evaluate(folder / "run", folder / "data")
        return Evaluated(config, folder / "data", folder / "run", found)

    return make


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_errors_are_those_of_the_fields_in_the_dataset(evaluated, kind):
    """On the dataset's scale, and each image in its own medium."""
    of_kind = evaluated(kind)
    surrogate, metrics, every = load_surrogate(of_kind.run), of_kind.found.metrics, []
    assert tuple(metrics) == METHODS[kind]
    for count in of_kind.config.data.sources:
        errors, sizes = [], []
        for example in of_kind.stored(count):
            field, image = example.pop("field"), example.pop("source_image")
            example.pop("maximum", None)
            own = {name: v if v.ndim else float(v) for name, v in example.items()}
            errors.append(np.abs(surrogate.fields([image], divided=True, **own)[0] - field))
            sizes.append(np.abs(field))
        found = metrics["surrogate"][str(count)]
        assert found["images"] == len(errors)
        assert found["mae"] == pytest.approx(np.mean(errors), rel=1e-4)
        assert found["max_error"] == pytest.approx(np.max(errors), rel=1e-4)
        assert metrics[ZERO][str(count)]["mae"] == pytest.approx(np.mean(sizes), rel=1e-5)
        every += errors
    assert metrics["surrogate"]["all"]["mae"] == pytest.approx(np.mean(every), rel=1e-4)
    assert metrics[ZERO]["all"]["relative_l2"] == pytest.approx(1)
    assert metrics[EXACT]["all"]["max_error"] < 1e-5
    assert metrics[EXACT]["all"]["milliseconds"] > 0


def test_bounds_hold_and_are_nearly_attained(evaluated, kind):
    for of_count in evaluated(kind).metrics["bounds"].values():
        for statistic in ("median", "max"):
            error = of_count["prediction_max_error"][statistic]
            assert 1e-3 < error <= of_count["prediction_bound"][statistic] + 1e-6 < 3 * error
        if kind == "tissue":
            error = of_count["corrected_max_error"]["max"]
            assert error <= of_count["corrected_bound"]["max"] + 1e-6
        else:  # it is the solution
            assert of_count["corrected_bound"]["max"] < 1e-9
            assert not {"corrected_max_error", "corrected_mae"} & set(of_count)


def test_the_report_has_what_makes_sense_and_needs_no_other_file(evaluated, kind):
    html = evaluated(kind).report
    there, absent = REPORTED[kind]
    assert [part for part in there if part not in html] == []
    assert [part for part in (*absent, "{{", "url(", "@import") if part in html] == []
    sources = re.findall(r"<(?:img|script|iframe|link)[^>]*?(?:src|href)=[\"']([^\"']*)", html)
    assert len(sources) >= 6
    assert all(re.match(r"data:image/(png|svg\+xml);base64,", source) for source in sources)
    answer, title, table = (html.index(tag) for tag in ('<p id="answer">', "<h2>", "<table>"))
    assert answer < title < table
    assert "nan" not in re.sub(r"base64,[^\"']*", "", html).lower().split()


def test_the_files_are_complete_and_agree(evaluated):
    plain, lengths = evaluated("plain"), evaluated("lengths")
    names = {file.name for file in plain.found.path.iterdir()}
    assert names == {*FILES, MANIFEST, "figures"}
    assert plain.metrics["test_examples"] == 10
    assert "wall-clock time" in plain.metrics["clock"]
    found = re.search(
        r"Baselines with a smaller lattice MAE than the surrogate: (.*?)\.</strong>", plain.report
    )
    mae = {method: by_count["all"]["mae"] for method, by_count in plain.found.metrics.items()}
    assert found
    assert found[1].split(", ") == [m for m in METHODS["plain"][2:] if mae[m] < mae["surrogate"]]
    for of_kind, each in ((plain, 5), (lengths, 12)):
        with (of_kind.found.path / "examples.csv").open() as file:
            rows = list(csv.DictReader(file))
        counts, metrics = of_kind.config.data.sources, of_kind.metrics["methods"]
        keys = [(row["method"], row["sources"], row["example"]) for row in rows]
        assert keys == [(m, str(n), str(k)) for m in metrics for n in counts for k in range(each)]
        for method in metrics:
            errors = [float(row["mae"]) for row in rows if row["method"] == method]
            assert np.mean(errors) == pytest.approx(metrics[method]["all"]["mae"], abs=1e-12)
    written = [np.float32(row["diffusion_length"]) for row in rows[12:24]]
    assert written == [example["diffusion_length"] for example in lengths.stored(3)]
    assert (lengths.found.path / "figures" / "error_per_length.png").is_file()


def test_each_baseline_is_of_the_image_s_medium(evaluated):
    lengths, tissue = evaluated("lengths").found.metrics, evaluated("tissue").found.metrics
    # superposition is exact for one source in its own medium, and in no other
    assert lengths["superposition"]["1"]["max_error"] < 1e-6
    assert lengths["superposition"]["3"]["max_error"] > 1e-3
    assert 1e-3 < tissue["mean medium"]["all"]["mae"] < tissue[ZERO]["all"]["mae"]


@pytest.mark.usefixtures("quick_figures")
def test_chosen_baselines_and_pictures(own_run, data_dir, monkeypatch):
    drawn: list[list[Any]] = []
    monkeypatch.setattr(figures, "case_figure", drawn.append)
    chosen = {"evaluation.baselines": ["zero_field"], "evaluation.pictures": "2"}
    chosen |= {"evaluation.batch_size": 1, "data.sources": "2"}
    found = evaluate(own_run, data_dir, overrides=chosen)
    assert list(found.metrics) == ["surrogate", SET, ZERO]
    [example] = drawn[-1]
    assert example[0].startswith("n = 2, example 0")
    html = (found.path / "report.html").read_text()
    for part in (
        "–</td></tr>",  # no time of the exact solver
        "over the first image of",
        "No baseline here has a smaller lattice MAE",
        "Not measured here, by evaluation.baselines of the configuration: superposition",
    ):
        assert part in html


def test_other_test_data_than_the_runs(tiny, run_dir, tmp_path):
    changes = {"data.sources": "3", "data.test_examples": 2, "physics.lattice": [16, 20]}
    quick = {"evaluation.baselines": [], "evaluation.bounds": 1, "data.train_examples": 1}
    other = tiny.with_overrides({**changes, **quick})
    generate(other, tmp_path)
    found = evaluate(run_dir, tmp_path, config=other, output=tmp_path / "out", report=False)
    assert set(found.metrics["surrogate"]) == {"all", "3"}
    assert found.metrics["surrogate"]["all"]["images"] == 2
    other = other.with_overrides({"physics.decay": 0.2})
    with pytest.raises(DataError, match=r"other physics.*decay 0\.05 there, 0\.2 here"):
        evaluate(run_dir, tmp_path, config=other, output=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_what_would_fail_is_refused_before_the_work(
    evaluation, run_dir, own_run, data_dir, tmp_path, monkeypatch
):
    monkeypatch.setattr("diffkeras.evaluation.evaluate.surrogate_of_run", None)
    drawn = {file.stem for file in (evaluation.path / "figures").iterdir()}
    assert drawn <= {*figures.FIGURES}
    place = shutil.copytree(evaluation.path, tmp_path / "out")
    (place / "figures" / "media.pdf").write_text("mine")
    with pytest.raises(OutputError, match=r"media\.pdf is no file of an earlier result"):
        evaluate(run_dir, data_dir, output=place, figure_format="pdf")
    with pytest.raises(ConfigurationError, match=r"figures are png, pdf or svg, not 'bmp'"):
        evaluate(run_dir, data_dir, output=place, figure_format="bmp")
    for other in (own_run, own_run / "weights.npz", Path("/proc/diffkeras")):
        with pytest.raises(OutputError, match=r"choose another|can't be written"):
            evaluate(own_run, data_dir, output=other)
    (own_run / "history.csv").write_text("epoch,loss\n1,often\n")
    with pytest.raises(RunError, match=r"damaged: .*history\.csv"):
        evaluate(own_run, data_dir)


@pytest.mark.usefixtures("quick_figures")
def test_fewer_test_images_are_taken_as_they_are(own_run, own_data, diffkeras, tmp_path):
    # as if the data had been generated with --test-examples 5, and trained on with the default
    config = Run(own_run).config().with_overrides({"data.test_examples": 7})
    (own_run / "config.yaml").write_text(config.to_yaml())
    words = ["evaluate", own_run, "--data-dir", own_data, "--output", tmp_path / "out"]
    words += ["--set", "evaluation.baselines=[]", "--set", "evaluation.bounds=1"]
    result = diffkeras(*words)
    assert result.exit_code == 0, result.output
    assert "of the 7 test images of each source count in the configuration, 5" in result.stderr
    assert "has 5 test examples, and 6 are needed" in diffkeras(*words, "--test-examples", 6).stderr


@pytest.fixture
def words(tiny, evaluated, tmp_path):
    """Words of the command that name test images, and a file of the tiny run's predictions."""
    quick = tiny.with_overrides({"evaluation.baselines": ["zero_field"], "evaluation.bounds": 2})
    (tmp_path / "quick.yaml").write_text(quick.to_yaml())
    plain = evaluated("plain")
    surrogate = load_surrogate(plain.run)
    predicted = {
        f"sources_{count:02d}": [
            surrogate.predict(example["source_image"]).field for example in plain.stored(count)
        ]
        for count in tiny.data.sources
    }
    np.savez(tmp_path / "mine.npz", **predicted)
    places = ["--data-dir", plain.data, "--output", tmp_path / "out"]
    return ["evaluate", "--config", tmp_path / "quick.yaml", *places]


@pytest.mark.usefixtures("quick_figures")
def test_predictions_have_the_errors_of_the_surrogate_that_made_them(
    words, evaluation, tmp_path, diffkeras
):
    result = diffkeras(*words, "--predictions", tmp_path / "mine.npz")
    assert result.exit_code == 0, result.output
    stored = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert stored["run"] is None
    assert stored["methods"]["predictions"]["all"]["milliseconds"] is None
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


@pytest.mark.usefixtures("quick_figures")
def test_several_models_share_a_report_under_their_names(
    words, run_dir, tmp_path, diffkeras, refused
):
    words = [*words, run_dir, "--name", "U-Net"]
    result = diffkeras(*words, "--compare", f"mine={tmp_path / 'mine.npz'}", "--format", "pdf")
    assert result.exit_code == 0, result.output
    stored = json.loads((tmp_path / "out" / "metrics.json").read_text())["methods"]
    models = [model + own for model in ("U-Net", "mine") for own in ("", ", sources set")]
    assert list(stored) == [*models, ZERO]
    for model in models[:2]:
        other = stored[model.replace("U-Net", "mine")]["all"]
        assert stored[model]["all"]["mae"] == pytest.approx(other["mae"], rel=1e-4)
    assert "<h1>Evaluation of U-Net, mine</h1>" in (tmp_path / "out" / "report.html").read_text()
    drawn = {file.name for file in (tmp_path / "out" / "figures").iterdir()}
    assert {"spectrum.png", "spectrum.pdf"} < drawn
    for name, compare, message in (
        ("U-Net", "zero field=mine.npz", "two methods are named 'zero field'"),
        ("U-Net", "U-Net=mine.npz", "two methods are named 'U-Net'"),
        ("U-Net", "mine.npz", "'mine.npz' is not NAME=RUN"),
        (" ", "mine=mine.npz", "a model is named ' '; give it"),
        ("mine, sources set", "mine=mine.npz", "two methods are named 'mine'"),
    ):
        assert message in refused(*words, "--name", name, "--compare", compare)


@pytest.mark.usefixtures("quick_figures")
def test_predictions_in_tissues_are_judged_in_them(evaluated, tmp_path):
    tissue = evaluated("tissue")
    fields = [example["field"] + 0.01 for example in tissue.stored(1)]
    np.savez(tmp_path / "mine.npz", sources_01=fields)
    given = {"config": tissue.config, "output": tmp_path / "out"}
    found = evaluate(tmp_path / "mine.npz", tissue.data, **given)
    assert found.metrics["predictions"]["all"]["mae"] == pytest.approx(0.01, rel=1e-5)
    bounds = json.loads((tmp_path / "out" / "metrics.json").read_text())["bounds"]["all"]
    assert 0.01 <= bounds["prediction_bound"]["median"] < 0.02
    for missing in given:
        few = {name: value for name, value in given.items() if name != missing}
        with pytest.raises(ConfigurationError, match=f"give {missing}, too"):
            evaluate(tmp_path / "mine.npz", tissue.data, **few)


def test_the_command_says_what_it_needs(refused, tmp_path, run_dir):
    file = tmp_path / "mine.npz"
    file.write_text("")
    for words, message in (
        (["--predictions", file], "--predictions needs --config or --test-set"),
        (["--predictions", file, "--config", "quickstart"], "--predictions needs --output"),
        ([run_dir, "--predictions", file], "--predictions excludes RUN; leave one out"),
        ([run_dir, "--test-set", file, "--config", "quickstart"], "--test-set excludes --config"),
    ):
        assert message in refused("evaluate", *words)
