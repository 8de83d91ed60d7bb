import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from diffkeras import evaluate
from diffkeras.data import generate, raw_dataset
from diffkeras.errors import DataError, OutputError, RunError
from diffkeras.evaluation import figures
from diffkeras.evaluation.errors import image_errors, summarise
from diffkeras.evaluation.report import FILES
from diffkeras.reporting.figures import Case
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.surrogate import load_surrogate
from diffkeras.system.result_folders import MANIFEST
from tests.helpers.tables import read_csv

METHODS = (
    "surrogate",
    "surrogate, sources set",
    "superposition",
    "1 number a disc",
    "3 numbers a disc",
    "exact solver",
    "zero field",
)


@pytest.fixture(scope="module")
def truth(tiny, data_dir):
    """Source images and fields of the test split, by source count."""
    stored = {n: list(raw_dataset(tiny, n, "test", data_dir).as_numpy_iterator()) for n in (1, 2)}
    return {
        n: tuple(
            np.stack([e[name][..., 0] for e in examples]) for name in ("source_image", "field")
        )
        for n, examples in stored.items()
    }


def test_figures_are_those_of_the_test_split(evaluation, run_dir, truth):
    surrogate = load_surrogate(run_dir)
    every = []
    for count, (images, fields) in truth.items():
        every.append(image_errors(surrogate.predict(images).field, fields, images))
        assert len(every[-1]) == evaluation.metrics["surrogate"][str(count)]["images"] == 5
    for label, errors in {"all": pd.concat(every), "1": every[0], "2": every[1]}.items():
        expected, found = summarise(errors), evaluation.metrics["surrogate"][label]
        assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-5)


def test_the_zero_field_misses_all_there_is(evaluation, truth):
    found = evaluation.metrics["zero field"]
    for count, (_, fields) in truth.items():
        assert found[str(count)]["mae"] == pytest.approx(np.abs(fields).mean(), rel=1e-6)
        assert found[str(count)]["relative_l2"] == pytest.approx(1)
        assert found[str(count)]["max_error"] == pytest.approx(1)


def test_times_are_there(evaluation):
    for method, by_count in evaluation.metrics.items():
        for count, errors in by_count.items():
            assert errors["milliseconds"] >= 0, (method, count)
        each = [by_count[count]["milliseconds"] for count in ("1", "2")]
        assert by_count["all"]["milliseconds"] == pytest.approx(np.mean(each))
    assert evaluation.metrics["exact solver"]["all"]["milliseconds"] > 0
    assert "wall-clock time" in json.loads((evaluation.path / "metrics.json").read_text())["clock"]
    html = (evaluation.path / "report.html").read_text()
    row = re.search(r"<td>exact solver</td>(?:<td[^>]*>[^<]*</td>){9}<td>1</td></tr>", html)
    assert row, "its time is 1 times its own"


def test_the_report_names_the_baselines_that_are_better(evaluation):
    html = (evaluation.path / "report.html").read_text()
    found = re.search(r"Baselines with a smaller lattice MAE than the surrogate: (.*?)\.</p>", html)
    assert found
    mae = {method: by_count["all"]["mae"] for method, by_count in evaluation.metrics.items()}
    assert found[1].split(", ") == [m for m in METHODS[2:] if mae[m] < mae["surrogate"]]
    assert "exact solver" in found[1]


def test_a_damaged_history_is_found_before_the_work(own_run, data_dir, monkeypatch):
    (own_run / "history.csv").write_text("epoch,loss\n1,often\n")
    monkeypatch.setattr("diffkeras.evaluation.evaluate.surrogate_of_run", None)
    with pytest.raises(RunError, match=r"damaged: .*history\.csv"):
        evaluate(own_run, data_dir)


@pytest.mark.usefixtures("quick_figures")
def test_chosen_baselines_and_pictures(tiny, own_run, data_dir, monkeypatch):
    drawn: list[list[Case]] = []
    monkeypatch.setattr(figures, "case_figure", drawn.append)
    chosen = {"evaluation.baselines": ["zero_field"], "evaluation.pictures": "2"}
    config = tiny.with_overrides({**chosen, "evaluation.batch_size": 1, "data.sources": "2"})
    found = evaluate(own_run, data_dir, config=config)
    assert list(found.metrics) == ["surrogate", "surrogate, sources set", "zero field"]
    [example] = drawn[-1]
    assert example[0].startswith("n = 2, example 0")
    html = (found.path / "report.html").read_text()
    assert "–</td></tr>" in html, "no time of the exact solver"
    assert "over the first image of" in html
    assert "No baseline here has a smaller lattice MAE" in html
    assert "Not measured here, by evaluation.baselines of the configuration: superposition" in html


def test_the_files_are_complete(evaluation):
    names = {file.name for file in evaluation.path.iterdir()}
    assert names == {*FILES, MANIFEST, "figures"}
    stored = json.loads((evaluation.path / "metrics.json").read_text())
    assert stored["test_examples"] == 10
    assert tuple(stored["methods"]) == METHODS
    rows = read_csv(evaluation.path / "examples.csv")
    keys = [(row["method"], row["sources"], row["example"]) for row in rows]
    assert keys == [(m, n, str(k)) for m in METHODS for n in ("1", "2") for k in range(5)]
    for method in METHODS:
        assert set(stored["methods"][method]) == {"all", "1", "2"}
        errors = [float(row["mae"]) for row in rows if row["method"] == method]
        assert np.mean(errors) == pytest.approx(evaluation.metrics[method]["all"]["mae"], abs=1e-12)


def test_the_report_needs_no_other_file(evaluation):
    html = (evaluation.path / "report.html").read_text()
    sources = re.findall(r"<(?:img|script|iframe|link)[^>]*?(?:src|href)=[\"']([^\"']*)", html)
    assert len(sources) >= 6
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "url(" not in html
    assert "@import" not in html
    for part in ("superposition", "zero field", "orst", "edian", "relative L2", "R3"):
        assert part in html, part
    assert "{{" not in html
    assert "nan" not in re.sub(r"base64,[^\"']*", "", html).lower().split()
    assert "the largest over 5 images per source count" in html, "of 10 with bounds, 5 are there"


@pytest.mark.parametrize(
    ("changes", "images"),
    [
        ({"data.sources": "3"}, 5),
        ({"data.sources": "1", "data.test_examples": 2, "physics.lattice": [16, 20]}, 2),
    ],
)
def test_other_test_data_than_the_runs(tiny, run_dir, own_data, tmp_path, changes, images):
    quick = {"evaluation.baselines": [], "evaluation.bounds": 1}
    other = tiny.with_overrides({**changes, **quick})
    generate(other.with_overrides({"data.train_examples": 1}), own_data)
    found = evaluate(run_dir, own_data, config=other, output=tmp_path / "out", report=False)
    assert set(found.metrics["surrogate"]) == {"all", changes["data.sources"]}
    assert found.metrics["surrogate"]["all"]["images"] == images


def test_other_physics_than_the_runs_are_refused(tiny, run_dir, data_dir, tmp_path):
    other = tiny.with_overrides({"physics.decay": 0.2})
    with pytest.raises(DataError, match=r"other physics.*decay 0.05 there, 0.2 here"):
        evaluate(run_dir, data_dir, config=other, output=tmp_path / "out")
    divided = {"physics.sources": "production", "data.divide_by_maximum": True}
    with pytest.raises(DataError, match=r"data\.divide_by_maximum False there, True here"):
        evaluate(run_dir, data_dir, config=tiny.with_overrides(divided), output=tmp_path / "out")
    odd = tiny.with_overrides({"physics.lattice": [16, 17], "model.pad": True})
    with pytest.raises(DataError, match=r"16,17 here, .* multiples of 2"):
        evaluate(run_dir, data_dir, config=odd, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_results_never_replace_other_files(own_run, data_dir, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    for place in (tmp_path / "mine", own_run, own_run / "weights.npz", Path("/proc/diffkeras")):
        with pytest.raises(OutputError, match=r"choose another|can't be written"):
            evaluate(own_run, data_dir, output=place)
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "x"
    load_surrogate(own_run)


def test_a_foreign_figure_is_noticed_before_the_work(
    evaluation, run_dir, data_dir, tmp_path, monkeypatch
):
    drawn = {file.stem for file in (evaluation.path / "figures").iterdir()}
    assert drawn <= {*figures.FIGURES}
    place = tmp_path / "out"
    shutil.copytree(evaluation.path, place)
    (place / "figures" / "media.pdf").write_text("mine")
    monkeypatch.setattr("diffkeras.evaluation.evaluate_run.surrogate_of_run", None)
    with pytest.raises(OutputError, match=r"media\.pdf is no file of an earlier result"):
        evaluate(run_dir, data_dir, output=place, figure_format="pdf")


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
