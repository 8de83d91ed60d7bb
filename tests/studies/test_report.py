import base64
import json
import re
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from diffkeras.studies import report
from diffkeras.studies.analyses import errors
from diffkeras.studies.analysis import Analysis
from diffkeras.studies.study import PlannedRun, Study
from diffkeras.studies.study_data import StudyData, TooFewRunsError, read_study
from diffkeras.studies.study_directory import FailedRun
from diffkeras.system.result_folders import MANIFEST
from tests.helpers.refusals import files_below
from tests.helpers.synthetic_runs import synthetic_runs
from tests.helpers.synthetic_study import synthetic_study

FAILED = [FailedRun("train fraction 0.05, seed 7", "abc", "the loss is <NaN>")]


class Written(NamedTuple):
    """Arguments of `write_study`."""

    directory: Path
    study: Study
    data: StudyData
    runs: list[PlannedRun]

    def write(self) -> None:
        command = "diffkeras study --config synthetic"
        report.write_study(*self, planned=5, failed=FAILED, command=command)


def _never(data: StudyData) -> pd.DataFrame:
    raise TooFewRunsError("a spread needs 3 seeds, and there are 2")


REFUSED = Analysis("spread", "Spread", "About spread.", lambda _: True, _never, None)  # type: ignore[arg-type]


@pytest.fixture(autouse=True, scope="module")
def few_analyses():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "ANALYSES", (errors.IN_REGIONS, errors.BY_COUNT, REFUSED))
        yield


@pytest.fixture(scope="module")
def files(few_analyses, tmp_path_factory):
    """A study's directory, of two sizes and two seeds on two test sets; treat it as read-only."""
    data = synthetic_study(
        fractions=(0.05, 1.0),
        losses={"absolute": 1.0},
        seeds=2,
        images=4,
        test_sets={"test": 1.0, "edge": 2.0},
    )
    root = tmp_path_factory.mktemp("studies")
    study, runs, _ = synthetic_runs(data, root / "runs")
    written = Written(root / "synthetic", study, data, runs)
    written.write()
    return written


def test_a_study_leaves_tables_figures_and_its_description(files):
    answered = ("errors", "source_counts")
    assert files_below(files.directory).keys() == {
        *(
            "study.json",
            "runs.csv",
            "baselines.csv",
            "examples.csv.gz",
            "failed.csv",
            "report.html",
        ),
        MANIFEST,
        *(f"tables/{name}.csv" for name in answered),
        *(f"figures/{name}.svg" for name in answered),
    }
    described = json.loads((files.directory / "study.json").read_text())
    assert described["budget"] == "Equal steps: every run trains for 400 steps of 16 examples."
    assert described["runs"] == {"planned": 5, "finished": 4, "failed": 1}
    seconds = files.data.overall["seconds"].sum()
    assert described["training_seconds"] == pytest.approx(seconds, abs=0.1)
    assert described["too_few_runs"] == {"spread": "a spread needs 3 seeds, and there are 2"}
    assert described["lattice"] == [64, 64]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", described["date"])
    assert read_study(files.directory).factors == files.data.factors


def test_the_report_needs_no_other_file_and_names_everything(files):
    html = (files.directory / "report.html").read_text()
    pictures = re.findall(r"<img[^>]*?src=[\"']([^\"']*)", html)
    assert len(pictures) == 2
    for address in pictures:
        assert address.startswith("data:image/svg+xml;base64,")
        assert b"<svg" in base64.b64decode(address.partition(",")[2])
    assert not re.search(r"(src|href)=[\"'](https?:|/)", html)
    for words in (
        files.study.question,
        "Equal steps: every run trains for 400 steps",
        "About spread.",
        "a spread needs 3 seeds, and there are 2",
        "the loss is &lt;NaN&gt;",
        "<td>superposition</td>",
        "Test set: edge",
        "4 of 5 finished, 1 failed",
        "diffkeras study --config synthetic",
        'href="../runs/000000000000"',
    ):
        assert words in html, words
    assert "{{" not in html
    assert html.count('class="best"') >= 8


def test_a_second_report_of_the_same_study_changes_no_file(files, monkeypatch):
    class Tomorrow:
        @staticmethod
        def today() -> "Tomorrow":
            return Tomorrow()

        def isoformat(self) -> str:
            return "2999-01-01"

    monkeypatch.setattr("diffkeras.studies.study_directory.datetime.date", Tomorrow)
    before = files_below(files.directory)
    files.write()
    assert files_below(files.directory) == before
