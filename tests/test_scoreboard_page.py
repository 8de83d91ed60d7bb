"""The tables of "Should I use a surrogate?" say what the scoreboard found."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from diffkeras.system.atomic_files import read_json

DOCS = Path(__file__).parents[1] / "docs"
SCRIPT = runpy.run_path(str(DOCS / "make_scoreboard.py"))


def row(name: str, error: float, milliseconds: float, surrogate: str | None = None) -> Any:
    return {
        "name": name,
        "surrogate": surrogate,
        "error": {"mean": error, "bound": None},
        "times": {"64": {"wall": {"median": milliseconds}}},
    }


def problem(break_even: float | None, own: float) -> Any:
    exact = {"name": "solve", "milliseconds": 2.0}
    verdicts = {"net": {"64": {"equal_error": exact, "equal_time": None, "break_even": break_even}}}
    return {
        "problem": "tissue",
        "side": 64,
        "pareto": {"64": []},
        "methods": [row("solve", 0.0, 2.0), row("net", 1e-3, own, "net")],
        "surrogates": [{"name": "net", "verdicts": verdicts}],
    }


@pytest.mark.parametrize(
    ("break_even", "own", "words"),
    [
        (None, 4.0, "never pays: 2 times the time"),
        (12345.0, 1.0, "pays after 12,345 images"),
        (None, 0.5, "4 times as fast; the cost of its training is not known"),
    ],
)
def test_verdicts_follow_from_times(break_even: float | None, own: float, words: str) -> None:
    (found,) = SCRIPT["verdict_rows"](problem(break_even, own))
    assert found[:3] == ["tissue", "64×64", "64"]
    assert found[3] == f"net: 1.0e-03 in {own:g} ms"
    assert found[4] == "solve: 0.0e+00 in 2 ms"
    assert found[5] == words


def test_a_problem_without_surrogates_says_so() -> None:
    alone = {**problem(None, 1.0), "surrogates": []}
    (found,) = SCRIPT["verdict_rows"](alone)
    assert found[3] == found[5] == "none measured"


def test_the_committed_tables_are_those_of_the_committed_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SCRIPT["main"].__globals__, "picture", lambda problem: b"drawn elsewhere")
    SCRIPT["main"](tmp_path, read_json(SCRIPT["BOARD"]))
    made = sorted((tmp_path / "results" / "scoreboard").iterdir())
    assert len(made) > 1
    for file in made:
        committed = DOCS / "results" / "scoreboard" / file.name
        assert committed.read_text(encoding="utf-8") == file.read_text(encoding="utf-8")
