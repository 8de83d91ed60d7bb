"""The script that draws the findings from the committed results of studies."""

import re
import runpy
import shutil
from pathlib import Path

import pytest

from diffkeras.errors import RunError
from diffkeras.studies import report as writing
from diffkeras.studies.analyses import errors, loss_comparisons
from diffkeras.studies.report import write_study
from docs.phone_figures import phone_path
from tests.helpers.synthetic_runs import synthetic_runs
from tests.helpers.synthetic_study import synthetic_study

SCRIPT = Path(__file__).parents[1] / "make_findings.py"
PAGE = """
```{measured} results/findings/synthetic/errors.md
```
```{measured} results/findings/synthetic/source_counts.md
```
```{measured} results/findings/synthetic/about.md
```
```{measured} results/findings/verdicts.md
```
"""


@pytest.fixture(scope="module")
def make():
    return runpy.run_path(str(SCRIPT))["main"]


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """The directory of studies, with one that has results."""
    root = tmp_path_factory.mktemp("studies")
    data = synthetic_study(fractions=(0.05, 1.0), losses={"absolute": 1, "a|b": 2}, images=2)
    study, runs, _ = synthetic_runs(data, root / "runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "ANALYSES", (errors.IN_REGIONS, errors.BY_COUNT))
        write_study(root / "synthetic", study, data, runs, planned=12, command="diffkeras study")
    (root / "begun").mkdir()
    (root / "begun" / "study.json").write_text('{"name": "begun", "factors": {}}')
    return root


@pytest.fixture
def docs(tmp_path):
    (tmp_path / "page.md").write_text(PAGE)
    return tmp_path


def test_figures_are_those_of_the_study_and_made_from_committed_files(make, docs, studies):
    name = "images/findings/synthetic/source_counts.svg"
    (docs / "page.md").write_text(f"{PAGE}\n![Errors]({name})\n")
    assert make(docs, studies) == []
    committed = docs / "results" / "studies"
    names = {path.relative_to(committed).as_posix() for path in committed.rglob("*.*")}
    assert names == {
        f"synthetic/{name}"
        for name in ("study.json", "runs.csv", "baselines.csv", "examples.csv.gz")
    } | {f"synthetic/tables/{name}.csv" for name in ("errors", "source_counts")}
    drawn = docs / name
    of_study = studies / "synthetic" / "figures" / "source_counts.svg"
    assert drawn.read_bytes() == of_study.read_bytes()
    assert phone_path(drawn).is_file()
    drawn.unlink()
    assert make(docs, None) == []
    assert drawn.is_file()


def test_tables_say_how_they_were_measured(make, docs, studies):
    make(docs, studies)
    found = docs / "results" / "findings"
    text = (found / "synthetic" / "errors.md").read_text()
    first, *lines = text.splitlines()
    assert first.startswith("64×64 nodes, sources of fixed value; 12 of 12 runs, tested on 20 ")
    assert "a machine with 2 cores, by `diffkeras study`" in first
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 2 + 4
    assert rows[4].startswith("| train fraction 1.0, absolute (3) | **")
    assert "a\\|b" in rows[5]
    assert "Equal steps" in (found / "synthetic" / "about.md").read_text()
    table = (found / "studies.md").read_text().splitlines()
    assert len(table) == 3
    assert table[2].startswith("| `synthetic` | 12 | Equal steps")


def test_what_no_study_has_is_named(make, docs, studies):
    wanted = ["images/findings/other/errors.svg", "results/findings/synthetic/spread.md"]
    (docs / "page.md").write_text("\n".join(wanted))
    assert make(docs, studies) == wanted


def test_a_damaged_description_is_named(make, docs, studies):
    """As reading the study doesn't see it."""
    make(docs, studies)
    file = docs / "results" / "studies" / "synthetic" / "study.json"
    text = file.read_text()
    assert '"errors": {' in text
    file.write_text(text.replace('"errors": {', '"errors": [], "other": {', 1))
    with pytest.raises(RunError, match=f"{re.escape(str(file))} .*damaged"):
        make(docs, None)


def test_rows_that_are_too_few_for_a_table_are_named(tmp_path):
    """One wrong word in a row, and no seed has a run of every variant."""
    study = "results/studies/source_counts_reduced"
    shutil.copytree(SCRIPT.parent / study, tmp_path / study)
    file = tmp_path / study / "runs.csv"
    file.write_text(file.read_text().replace("\nonly 1,", "\nx,", 1))
    with pytest.raises(RunError, match=r"runs\.csv is damaged: shares of variance need two seeds"):
        runpy.run_path(str(SCRIPT))["remake"](tmp_path / study)


def test_tables_are_made_again_from_rows(make, docs, studies):
    make(docs, studies)
    file = docs / "results" / "studies" / "synthetic" / "tables" / "errors.csv"
    before = file.read_bytes()
    # another processor rounds otherwise, which is no reason to write a file
    file.write_bytes(before.replace(b",3,", b",4,"))
    make(docs, None)
    assert file.read_bytes() == before
    file.write_bytes(before[:-9])
    make(docs, None)
    assert file.read_bytes() == before


def test_tables_that_need_single_images_are_kept_and_say_so(make, docs, tmp_path_factory):
    root = tmp_path_factory.mktemp("with_losses")
    data = synthetic_study(fractions=(1.0,), losses={"absolute": 1, "squared": 2})
    study, runs, _ = synthetic_runs(data, root / "runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "ANALYSES", (errors.IN_REGIONS, loss_comparisons.ANALYSIS))
        write_study(root / "synthetic", study, data, runs, planned=6)
    (docs / "page.md").write_text("results/findings/synthetic/loss_comparisons.md")
    shown = docs / "results" / "findings" / "synthetic" / "loss_comparisons.md"
    make(docs, root)
    assert "are not committed" not in shown.read_text()
    committed = docs / "results" / "studies" / "synthetic"
    (committed / "examples.csv.gz").unlink()
    before = (committed / "tables" / "loss_comparisons.csv").read_bytes()
    make(docs, None)
    assert "are not committed" in shown.read_text()
    assert (committed / "tables" / "loss_comparisons.csv").read_bytes() == before
