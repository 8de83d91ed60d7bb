"""What the claims are judged by, and the tables and figures that pages show."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from diffkeras.errors import RunError
from paper import figures
from paper.verdicts import claims
from paper.verdicts.claims import ALL_CLAIMS, FINDINGS, judged
from paper.verdicts.tables import all_rows, page_rows, rule_rows
from paper.verdicts.verdict import HOLDS, NOT, OPEN, UNDERPOWERED

UNNAMED = ("equal-steps", "relative-fluctuation")  # their outcomes are in other words
ROOT = Path(__file__).parents[3]
BENCHMARKS = ROOT / "benchmarks" / "results"
RESULTS = ROOT / "paper" / "results"
PAGE = (ROOT / "docs" / "does_the_paper_hold.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("training", "nodes", "512²"),
        ("solver", "side", "512"),
        ("tissue_surrogates", "nodes", "256²"),
    ],
)
def test_a_speed_that_was_not_measured_is_an_error(tmp_path, name, column, value):
    """Not a verdict of its own: a comparison with NaN decides nothing."""
    for file in ("training", "solver", "solver_production", "tissue_surrogates"):
        shutil.copy(BENCHMARKS / f"{file}.csv", tmp_path)
    file = tmp_path / f"{name}.csv"
    rows = pd.read_csv(file, dtype=str, keep_default_na=False)
    rows[rows[column] != value].to_csv(file, index=False)
    with pytest.raises(RunError, match=rf"{re.escape(str(file))} has no row for"):
        claims.times(tmp_path)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The verdicts by the studies that are judged quickly, of copies of their rows."""
    results = tmp_path_factory.mktemp("results")
    for name in (
        "source_counts_reduced",
        "worst_cases_reduced",
        "architectures_production_time_64",
    ):
        shutil.copytree(RESULTS / "studies" / name, results / "studies" / name)
    return list(judged(results, BENCHMARKS))


def test_verdicts_are_of_the_rows_of_runs(found):
    outcomes = {(each.claim.anchor, each.label): each.verdict.outcome for each in found}
    assert outcomes["source-counts", "64², own recipe, fixed values"] == HOLDS
    assert outcomes["edge-cases", "64², own recipe, fixed values"] == HOLDS
    assert outcomes["architecture", "64², equal time"] == HOLDS
    assert outcomes["speed", "512², fastest solver"] == NOT
    assert outcomes["speed", "512², explicit stepping"] == OPEN


def test_the_page_has_a_row_for_each_claim_that_was_judged(found):
    rows = list(page_rows(found))
    assert [row[0] for row in rows if not row[1]] == [
        "**The paper's findings**",
        "**Its framing**",
        "**Our questions**",
    ]
    links = [row[0].partition(": ")[0] for row in rows if row[1]]
    assert links == [
        f"[{name}](#{name.lower().replace(' ', '-')})"
        for name in ("Source counts", "Edge cases", "Architecture", "Speed")
    ]
    assert len(list(all_rows(found))) == len(found)
    assert [row[0] for row in rule_rows()] == [claim.name for claim in ALL_CLAIMS]


def section_of(anchor: str) -> str:
    """The text below the heading of a claim, up to the next heading."""
    for part in re.split(r"^#+ ", PAGE, flags=re.MULTILINE):
        heading, _, text = part.partition("\n")
        if heading.lower().replace(" ", "-") == anchor:
            return text
    raise KeyError(anchor)


def test_each_claim_has_a_section_with_its_outcome():
    outcomes = (HOLDS, NOT, UNDERPOWERED, OPEN)
    for claim in ALL_CLAIMS:
        bold = re.findall(r"\*\*(.*?)\.?\*\*", section_of(claim.anchor).lower())
        assert {*bold} & {*outcomes} or claim.anchor in UNNAMED


@pytest.mark.slow
def test_the_page_says_what_the_rows_give():
    said, given, findings = {}, {}, {}
    for each in judged(RESULTS, BENCHMARKS):
        anchor = each.claim.anchor
        if each.nearest and each.claim.block == FINDINGS:
            findings.setdefault(anchor, each.verdict.outcome)
        if each.nearest and anchor not in given and anchor not in UNNAMED:
            given[anchor] = each.verdict.outcome
            said[anchor] = re.findall(r"\*\*(.*?)\.?\*\*", section_of(anchor))[0].lower()
    assert said == given
    assert [*findings.values()].count(HOLDS) == 4
    assert len(findings) == 9
    assert NOT not in findings.values()
    assert PAGE.split("\n")[2].startswith("**Four of nine findings of ")


def test_each_figure_of_the_pages_is_drawn():
    pages = PAGE + (ROOT / "docs" / "two_readings.md").read_text(encoding="utf-8")
    shown = re.findall(r"images/paper/([\w-]+)\.svg", pages)
    assert set(shown) == set(figures.FIGURES)


@pytest.mark.slow
@pytest.mark.parametrize("name", figures.FIGURES)
def test_figures_have_content(name):
    assert all(axis.has_data() for axis in figures.draw(name).axes)
