"""The verdicts on the paper's findings follow from the tables of the studies."""

import re
import runpy
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from diffkeras.errors import RunError

DOCS = Path(__file__).parents[1] / "docs"
SCRIPT = runpy.run_path(str(DOCS / "make_verdicts.py"))


def judge(name: str, rows: list[dict[str, Any]], reading: str = "") -> tuple[str, str] | None:
    """The verdict from one table, which every study has."""
    return SCRIPT[name](lambda study, analysis: pd.DataFrame(rows), reading)


@pytest.mark.parametrize(
    ("low", "loss_high", "seed_high", "verdict"),
    [(0.5, 0.4, 0.3, "holds"), (0.3, 0.4, 0.2, "does not hold"), (0.3, 0.2, 0.4, "does not hold")],
)
def test_size_matters_most_if_its_interval_is_above_the_others(
    low: float, loss_high: float, seed_high: float, verdict: str
) -> None:
    shares = {"size": (low, 0.9), "loss": (0.1, loss_high), "seed": (0.1, seed_high)}
    rows = [
        {"region": region, "factor": factor, "share": 0.25, "low": ends[0], "high": ends[1]}
        for region in ("r1", "lattice")
        for factor, ends in shares.items()
    ]
    found = judge("size_matters_most", rows)
    assert found is not None
    assert found[0] == verdict
    assert f"size 25% [{low:.0%}, 90%]" in found[1]


@pytest.mark.parametrize(
    ("better", "lack", "verdict"),
    [
        ("logarithm", 0.3, "holds"),
        ("logarithm", 0.01, "does not hold"),
        ("power law", 0.3, "does not hold"),
        ("neither", 0.3, "not decided"),
    ],
)
def test_the_logarithm_holds_if_it_is_better_and_fits(
    better: str, lack: float, verdict: str
) -> None:
    row = {"training.loss": "absolute", "region": "lattice", "better": better}
    row |= {"log_lack_of_fit_p": lack, "aicc_difference": -3, "aicc_difference_low": -8}
    other = {**row, "training.loss": "squared", "better": "power law", "log_lack_of_fit_p": 0}
    found = judge("logarithm", [other, row | {"aicc_difference_high": 1}])
    assert found is not None
    assert found[0] == verdict
    assert "-3 [-8, 1]" in found[1]


@pytest.mark.parametrize(
    ("absolute", "relative", "verdict"),
    [
        (-0.1, -0.1, "holds"),
        (-0.1, 0.1, "holds for the absolute spread only"),
        (0.1, 0.1, "does not hold"),
    ],
)
def test_the_fluctuation_falls_if_the_exponent_is_negative(
    absolute: float, relative: float, verdict: str
) -> None:
    rows = [
        {"training.loss": loss, "region": "lattice", "quantity": quantity, "exponent": -0.5}
        | {"exponent_low": -1, "exponent_high": high if loss == "all" else 5}
        for loss in ("absolute", "all")
        for quantity, high in (("relative", relative), ("absolute", absolute))
    ]
    assert (judge("fluctuation_falls", rows) or ("",))[0] == verdict


@pytest.mark.parametrize(
    ("loss", "region", "high", "p", "verdict"),
    [
        ("absolute × tanh(rate=1)", "sources", 0.9, 0.01, "holds"),
        ("absolute × tanh(rate=1)", "sources", 1.1, 0.01, "does not hold"),
        ("absolute × tanh(rate=1)", "r3", 0.9, 0.01, "does not hold"),
        ("squared", "sources", 0.9, 0.01, "does not hold"),
    ],
)
def test_a_weighted_loss_helps_near_the_sources(
    loss: str, region: str, high: float, p: float, verdict: str
) -> None:
    row = {"loss": loss, "region": region, "ratio": 0.8, "low": 0.7, "high": high}
    row |= {"p_holm": p, "size": 1200}
    plain = {**row, "loss": "huber", "region": "lattice", "high": 2.0}
    small = {**row, "loss": "step", "region": "r1", "high": 0.5, "size": 15}
    assert (judge("weighted_losses_help", [row, plain, small]) or ("",))[0] == verdict


@pytest.mark.parametrize(("second", "verdict"), [(1.1, "holds"), (0.9, "does not hold")])
def test_edge_cases_exist_if_a_search_for_each_surrogate_exceeds_its_test_set(
    second: float, verdict: str
) -> None:
    searches = [
        {"search": "0", "run": "a", "ratio": 0.8, "random_ratio": 1.0},
        {"search": "1", "run": "a", "ratio": 1.5, "random_ratio": 1.2},
        {"search": "0", "run": "b", "ratio": second, "random_ratio": 0.7},
    ]
    row = {"search": "all", "run": "", "ratio": 1.5, "violations": 0, "certified_images": 9}
    found = judge("edge_cases_exist", [*searches, row])
    assert found is not None
    assert found[0] == verdict
    assert f"1.50, {second:.2f} times" in found[1]
    assert "1.20, 0.70" in found[1]
    assert "median of 3 searches" in found[1]


def test_what_no_study_has_is_left_out(tmp_path: Path) -> None:
    assert list(SCRIPT["verdicts"](tmp_path)) == []
    SCRIPT["main"](tmp_path)
    assert (tmp_path / "results/findings/verdicts.md").read_text().count("\n") == 2
    rules = (tmp_path / "results/findings/rules.md").read_text().splitlines()
    assert [row.split(". ")[0] for row in rules[2:]] == [f"| {n}" for n in range(1, 9)]
    assert all(row.endswith(". |") for row in rules[2:])


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("study.json", "{", "["),
        ("study.json", '"loss_comparisons": {', '"loss_comparisons": 3, "other": {'),
        ("tables/loss_comparisons.csv", "p_holm", "p"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, old: str, new: str) -> None:
    study = "results/studies/size_and_loss_production_reduced"
    shutil.copytree(DOCS / study, tmp_path / study)
    file = tmp_path / study / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1), errors="surrogateescape")
    with pytest.raises(RunError, match=f"{re.escape(str(file))} .*damaged"):
        SCRIPT["main"](tmp_path)


def test_the_script_ends_with_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "make_verdicts.py"
    script.write_bytes((DOCS / "make_verdicts.py").read_bytes())
    study = tmp_path / "results/studies/size_and_loss_reduced"
    study.mkdir(parents=True)
    (study / "study.json").write_text("{")
    with pytest.raises(SystemExit, match=r"^error: .*study\.json is missing or damaged: "):
        runpy.run_path(str(script), run_name="__main__")
