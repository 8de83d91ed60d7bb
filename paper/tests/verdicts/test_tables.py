"""The tables of the verdicts on the paper's claims from the rows of studies."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from diffkeras.errors import RunError
from paper.verdicts import NOT, OPEN
from paper.verdicts import tables as script

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "benchmarks" / "results"
STUDIES = ROOT / "paper" / "results" / "studies"
TABLES = ("verdicts", "rules", "weights", "joint", "recipe", "identities")


def test_what_no_study_has_is_left_out(tmp_path):
    found = tmp_path / "findings"
    script.write_tables(tmp_path, tmp_path, found)
    rows = (found / "verdicts.md").read_text().splitlines()
    assert len(rows) == 2
    assert all((found / f"{name}.md").read_text().count("\n") >= 2 for name in TABLES)
    rules = (found / "rules.md").read_text().splitlines()[2:]
    numbers = [row.split(". ")[0] for row in rules]
    claims = ["1", "2", "3a", "3b", "4", "5a", "5b", "6", "7a", "7b", "8", "9", "10", "11"]
    assert numbers == [f"| {claim}" for claim in claims]
    assert all(row.endswith(". |") for row in rules)


def test_verdicts_are_of_the_rows_of_runs(tmp_path):
    """Tables are not read; a study of source counts and one of searches are judged quickly."""
    for name in ("source_counts_reduced", "worst_cases_reduced"):
        kept = shutil.ignore_patterns("tables")
        shutil.copytree(STUDIES / name, tmp_path / "studies" / name, ignore=kept)
    rows = list(script.verdicts(tmp_path / "studies", RESULTS))
    found = {(row[0].split(".")[0], row[1]): row[2] for row in rows}
    assert found["6", "fixed values, equal steps"] == f"**{OPEN}**"
    assert found["8", "fixed values, equal steps"] == f"**{OPEN}**"
    assert found["10", "production, 512², CPU"] == f"**{NOT}**"
    summary = {row[0]: row[1:] for row in script.summary(rows)}
    assert summary["[8. Edge cases exist](#finding-8)"][0].startswith(f"**{OPEN}**: ")
    assert len(summary) == len({row[0] for row in rows})
    joint = list(script.joint(tmp_path / "studies"))
    assert [row[1] for row in joint] == ["1", "2", "3", "4", "5"]
    # recomputed by hand from the means of the three seeds: 1.027 on two sources
    assert joint[1][2].startswith("1.03 [")


@pytest.mark.slow
def test_the_published_verdicts_follow_from_the_published_rows():
    published = (STUDIES.parent / "findings" / "verdicts.md").read_text().splitlines()[2:]
    shown = [[cell.strip() for cell in row.strip("|").split(" | ")][:3] for row in published]
    assert [list(row[:3]) for row in script.verdicts(STUDIES, RESULTS)] == shown


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("trained_sources", "x", r"runs\.csv.* is damaged \(ValueError"),
        ("training.seed", "0", "source_counts_reduced has too few runs: .* two common seeds"),
    ],
)
def test_damaged_rows_of_joint_surrogates_are_named(tmp_path, column, value, message):
    """Their ratios are no verdict, and are computed beside them."""
    study = "source_counts_reduced"
    shutil.copytree(STUDIES / study, tmp_path / study)
    file = tmp_path / study / "runs.csv"
    rows = pd.read_csv(file, dtype=str, keep_default_na=False)
    if column == "training.seed":
        rows = rows[rows[column] == value]
    else:
        rows = rows.assign(**{column: value})
    rows.to_csv(file, index=False)
    with pytest.raises(RunError, match=message):
        list(script.joint(tmp_path))
