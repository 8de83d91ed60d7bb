import base64
import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from diffkeras.studies import report
from diffkeras.studies.plan import LOSS, PlannedRun, Study
from diffkeras.studies.results import StudyData
from diffkeras.studies.study_directory import FailedRun
from diffkeras.system.result_folders import MANIFEST
from tests.helpers.refusals import files_below
from tests.helpers.study_rows import FRACTION, SEEDS_OF_THREE, falling, study_rows
from tests.helpers.synthetic_runs import synthetic_runs
from tests.helpers.tables import read_csv

FAILED = [FailedRun("training fraction 0.05, seed 7", "abc", "the loss is <NaN>")]


class Written(NamedTuple):
    """Arguments of `write_study`."""

    directory: Path
    study: Study
    data: StudyData
    runs: list[PlannedRun]

    def write(self) -> None:
        command = "diffkeras study --config synthetic"
        report.write_study(*self, planned=7, failed=FAILED, command=command)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A study's directory, of two sizes and three seeds on two test sets; treat it as read-only."""
    factors = {FRACTION: ("0.05", "1.0"), **SEEDS_OF_THREE}
    data = study_rows(factors, falling, noise=0.02, test_sets=("test", "edge"))
    root = tmp_path_factory.mktemp("studies")
    study, runs, _ = synthetic_runs(data, root / "runs")
    written = Written(root / "synthetic", study, data, runs)
    written.write()
    return written


def test_a_study_leaves_tables_a_figure_and_its_description(files):
    found = {name for name in files_below(files.directory) if not name.startswith("tensorboard/")}
    assert found == {
        *("study.json", "runs.csv", "baselines.csv"),
        *("errors.csv", "errors.svg", "failed.csv", "report.html", MANIFEST),
    }
    described = json.loads((files.directory / "study.json").read_text())
    assert described["budget"] == "Equal steps: every run trains for 400 steps of 16 examples."
    assert described["runs"] == {"planned": 7, "finished": 6, "failed": 1}
    assert described["training_seconds"] == pytest.approx(6 * 11)
    assert described["lattice"] == [64, 64]
    assert described["answer"].startswith("The lattice MAE falls with the training fraction: ")
    assert described["answer"].endswith(described["budget"])
    rows = read_csv(files.directory / "errors.csv")
    assert [(row["test_set"], row[FRACTION], row["runs"]) for row in rows] == [
        (label, value, "3") for label in ("test", "edge") for value in ("0.05", "1.0")
    ]
    for row in rows:
        assert float(row["mae_low"]) < float(row["mae"]) < float(row["mae_high"])


def test_the_report_answers_first_and_folds_the_rest(files):
    html = (files.directory / "report.html").read_text()
    [picture] = re.findall(r"<img[^>]*?src=[\"']([^\"']*)", html)
    svg = base64.b64decode(picture.partition(",")[2]).decode()
    sizes = [float(size) for size in re.findall(r"font(?:-size)?: ([\d.]+)px", svg)]
    width = float(re.search(r'width="([\d.]+)pt"', svg)[1])  # type: ignore[index]
    assert min(sizes) * 360 / width >= 9  # pixels, on a phone
    assert not re.search(r"(src|href)=[\"'](https?:|/)", html)
    places = [
        html.index(words)
        for words in (
            files.study.question,
            "The lattice MAE falls with the training fraction",
            "Equal steps: every run trains for 400 steps",
            "<img",
            "Test set: edge",
            "the loss is &lt;NaN&gt;",
            "<details",
            "6 of 7 finished, 1 failed",
            "diffkeras study --config synthetic",
            "<td>superposition</td>",
            'href="../runs/000000000000"',
        )
    ]
    assert places == sorted(places)
    assert "{{" not in html
    assert html.count('class="best"') >= 8


def test_each_run_has_one_entry_in_tensorboard_by_its_factors(files):
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    folders = sorted((files.directory / "tensorboard").iterdir())
    assert len(folders) == 6
    assert folders[0].name.startswith("training fraction=0.05, seed=0, ")
    events = EventAccumulator(str(folders[0])).Reload()
    assert {"validation/lattice MAE", "training/loss"} <= {*events.Tags()["tensors"]}
    values = events.Tensors("validation/lattice MAE")
    errors = [float(tf.make_ndarray(event.tensor_proto)) for event in values]
    assert errors == pytest.approx([0.1 / n for n in range(1, 9)])
    for label in files.runs[0].tests:
        [tested] = events.Tensors(f"{label}/lattice MAE")
        expected = files.data.overall(label)["mae"].iloc[0]
        assert (tested.step, float(tf.make_ndarray(tested.tensor_proto))) == (
            8,
            pytest.approx(expected),
        )
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    started = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert {*started} == {FRACTION, "training.seed"}


def test_a_second_report_of_the_same_study_changes_no_file(files):
    before = files_below(files.directory)
    files.write()
    assert files_below(files.directory) == before


@pytest.mark.parametrize(
    "factors",
    [
        {**SEEDS_OF_THREE},
        {LOSS: ("absolute", "a × very long weight(amplitude=2000, rate=1)"), **SEEDS_OF_THREE},
        {FRACTION: ("0.05", "0.5", "1.0"), LOSS: ("a", "b"), **SEEDS_OF_THREE},
        {LOSS: ("a", "b"), FRACTION: ("0.05", "1.0")},
    ],
)
def test_every_kind_of_study_has_a_figure(factors):
    data = study_rows(factors, lambda values: 0.1 + len(values.get(LOSS, "")), noise=0.1)
    data.runs.loc[:, "mae_r3"] = float("nan")  # a region without nodes
    assert report.draw(data, data.settings).startswith(b"<?xml")
