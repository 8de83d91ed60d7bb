"""The figures and tables of the findings, from the committed results of studies."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from diffkeras.errors import RunError
from docs.phone_figures import phone_path
from paper import __main__ as command
from paper import findings
from paper.analyses import errors, loss_comparisons, variance
from paper.findings import write_findings
from paper.tests.synthetic_study import synthetic_study, write_study
from tests.helpers.refusals import files_below

STUDIES = Path(__file__).parents[1] / "results" / "studies"
FOLDER = "paper/results/findings/synthetic"
PAGE = f"""
```{{measured}} ../{FOLDER}/errors.md
```
```{{measured}} ../{FOLDER}/variance.md
```
```{{measured}} ../{FOLDER}/about.md
```
```{{measured}} ../paper/results/findings/verdicts.md
```
"""


@pytest.fixture
def few_analyses(monkeypatch):
    def choose(*analyses: Any) -> None:
        monkeypatch.setattr(findings, "ANALYSES", analyses)

    choose(errors.ANALYSIS, variance.ANALYSIS)
    return choose


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """The directory of studies, with one that has results."""
    root = tmp_path_factory.mktemp("studies")
    data = synthetic_study(fractions=(0.05, 1.0), losses={"absolute": 1, "a|b": 2}, images=2)
    write_study(root / "synthetic", data)
    (root / "begun").mkdir()
    (root / "begun" / "study.json").write_text('{"name": "begun", "factors": {}}')
    return root


@pytest.fixture
def root(tmp_path, few_analyses):
    """A repository with a page."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text(PAGE)
    return tmp_path


def committed(root: Path) -> Path:
    return root / "paper" / "results" / "studies"


def test_figures_are_made_from_committed_files(root, studies):
    name = "paper/results/figures/synthetic/variance.svg"
    (root / "docs" / "page.md").write_text(f"{PAGE}\n![Errors](../{name})\n")
    assert write_findings(root, studies) == []
    found = committed(root)
    names = {path.relative_to(found).as_posix() for path in found.rglob("*.*")}
    assert names == {
        f"synthetic/{name}"
        for name in ("study.json", "runs.csv", "baselines.csv", "examples.csv.gz")
    } | {f"synthetic/tables/{name}.csv" for name in ("errors", "variance")}
    drawn = root / name
    assert phone_path(drawn).is_file()
    before = drawn.read_bytes()
    drawn.unlink()
    assert write_findings(root) == []
    assert drawn.read_bytes() == before


def test_tables_say_how_they_were_measured(root, studies):
    write_findings(root, studies)
    text = (root / FOLDER / "errors.md").read_text()
    first, *lines = text.splitlines()
    assert first.startswith("64×64 nodes, sources of fixed value; 12 of 12 runs, tested on 20 ")
    assert "a machine with 2 cores, by `diffkeras study`" in first
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 2 + 4
    assert rows[4].startswith("| train fraction 1.0, absolute (3) | **")
    assert "a\\|b" in rows[5]
    assert "Equal steps" in (root / FOLDER / "about.md").read_text()
    table = (root / FOLDER).with_name("studies.md").read_text().splitlines()
    assert len(table) == 3
    assert table[2].startswith("| `synthetic` | 12 | Equal steps")


def test_what_no_study_has_is_named(root, studies):
    wanted = [
        "paper/results/figures/other/errors.svg",
        "paper/results/findings/synthetic/spread.md",
    ]
    (root / "docs" / "page.md").write_text("\n".join(wanted))
    assert write_findings(root, studies) == wanted


def test_a_damaged_description_is_named(root, studies):
    """As reading the study doesn't see it."""
    write_findings(root, studies)
    file = committed(root) / "synthetic" / "study.json"
    text = file.read_text()
    assert '"errors": {' in text
    file.write_text(text.replace('"errors": {', '"errors": [], "other": {', 1))
    with pytest.raises(RunError, match=f"{re.escape(str(file))} .*damaged"):
        write_findings(root)


def test_tables_are_made_again_from_rows(root, studies):
    write_findings(root, studies)
    file = committed(root) / "synthetic" / "tables" / "errors.csv"
    before = file.read_bytes()
    # another processor rounds otherwise, which is no reason to write a file
    file.write_bytes(before.replace(b",3,", b",4,"))
    write_findings(root)
    assert file.read_bytes() == before
    file.write_bytes(before[:-9])
    write_findings(root)
    assert file.read_bytes() == before


LARGE = ["size_and_loss_production_reduced"]
LARGE += [f"size_production_{name}" for name in ("epochs_64", "epochs_128", "steps_64")]


@pytest.mark.parametrize(
    "study",
    [
        pytest.param(path.name, marks=pytest.mark.slow if path.name in LARGE else ())
        for path in sorted(STUDIES.iterdir())
    ],
)
def test_the_published_tables_follow_from_the_published_rows(study, tmp_path):
    """Each analysis, on all studies that it applies to, to the digits that are shown."""
    folder = Path(shutil.copytree(STUDIES / study, tmp_path / study))
    before = files_below(folder)
    findings.remake(folder)
    assert files_below(folder) == before


def test_tables_that_need_single_images_are_kept_and_say_so(root, few_analyses, tmp_path_factory):
    source = tmp_path_factory.mktemp("with_losses")
    data = synthetic_study(fractions=(1.0,), losses={"absolute": 1, "squared": 2})
    write_study(source / "synthetic", data)
    few_analyses(errors.ANALYSIS, loss_comparisons.ANALYSIS)
    (root / "docs" / "page.md").write_text(f"{FOLDER}/loss_comparisons.md")
    shown = root / FOLDER / "loss_comparisons.md"
    write_findings(root, source)
    assert "are not committed" not in shown.read_text()
    (committed(root) / "synthetic" / "examples.csv.gz").unlink()
    file = committed(root) / "synthetic" / "tables" / "loss_comparisons.csv"
    before = file.read_bytes()
    write_findings(root)
    assert "are not committed" in shown.read_text()
    assert file.read_bytes() == before


def test_the_command_makes_all_or_ends_with_one_line(root, studies, monkeypatch):
    monkeypatch.setattr(command, "write_costs", lambda file: file.write_text("costs"))
    source = shutil.copytree(studies / "synthetic", root / "studies" / "seeds_reduced").parent
    (root / "docs" / "page.md").write_text(PAGE.replace("synthetic", "seeds_reduced"))
    words = ["--root", str(root), "--from", str(source)]
    result = CliRunner().invoke(command.main, words)
    assert result.exit_code == 0, result.output
    made = root / "paper" / "results" / "findings"
    assert {"summary.md", "verdicts.md", "costs.md", "studies.md"} <= {
        f.name for f in made.iterdir()
    }
    (committed(root) / "seeds_reduced" / "study.json").write_text("{")
    result = CliRunner().invoke(command.main, words[:2])
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert re.match(r"Error: .*study\.json is missing or damaged: ", line)
