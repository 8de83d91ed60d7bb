"""The tables of "Should I use a surrogate?" say what the scoreboard found."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from diffkeras.system.atomic_files import read_json

DOCS = Path(__file__).parents[1]
SCRIPT = runpy.run_path(str(DOCS / "make_scoreboard.py"))


def row(name: str, error: float, milliseconds: float, surrogate: str | None = None) -> Any:
    return {
        "name": name,
        "surrogate": surrogate,
        "error": {"mean": error, "bound": None},
        "times": {"64": {"median": milliseconds, "quartiles": [0.9 * milliseconds] * 2}},
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
    ("break_even", "own", "ratio", "pays"),
    [
        (None, 4.0, "2", "never"),
        (12345.0, 1.0, "0.5", "after 12,345 images"),
        (None, 0.5, "0.25", "cost of training unknown"),
        (12345.0, 2.0, "1", "a tie"),
    ],
)
def test_verdicts_follow_from_times(break_even, own, ratio, pays):
    (found,) = SCRIPT["verdict_rows"](problem(break_even, own))
    assert found == ["tissue", "64×64", "64", "net", "1.0e-03", "solve", "0.0e+00", ratio, pays]


def test_the_committed_tables_are_those_of_the_committed_results(tmp_path, monkeypatch):
    monkeypatch.setitem(SCRIPT["main"].__globals__, "draw", lambda problems, path: None)
    SCRIPT["main"](tmp_path, read_json(SCRIPT["BOARD"]))
    made = sorted((tmp_path / "results" / "scoreboard").iterdir())
    assert len(made) == 2
    for file in made:
        committed = DOCS / "results" / "scoreboard" / file.name
        assert committed.read_text(encoding="utf-8") == file.read_text(encoding="utf-8")


def test_the_chart_has_the_ratios_of_the_table():
    board = read_json(SCRIPT["BOARD"])
    (axis,) = SCRIPT["chart"](board["problems"], 9.0).axes
    drawn = {f"{line.get_xdata()[0]:.2g}" for line in axis.lines}
    for found in board["problems"]:
        assert {row[7] for row in SCRIPT["verdict_rows"](found)} <= drawn


def proven(name: str, bound: float, milliseconds: float, surrogate: str | None = None) -> Any:
    return row(name, 0.0, milliseconds, surrogate) | {
        "error": {"mean": 0.0, "bound": {"largest": bound}}
    }


def test_times_to_a_proven_error_are_compared_cold_and_warm():
    methods = [
        proven("net, to 0.01", 9e-3, 3.0, "net"),
        proven("net, certified", 2e-2, 1.0, "net"),  # proves too little
        proven("solve", 1e-9, 8.0),
        proven("solve to 0.01", 8e-3, 6.0),
        proven("solve to 0.01, warm", 8e-3, 2.0),
        row("rounds", 1e-9, 0.1),  # proves nothing
    ]
    found = list(SCRIPT["proven_rows"]({**problem(None, 4.0), "methods": methods}))
    assert len(found) == 1  # no surrogate proves 1e-3
    assert found[0] == ["tissue", "64×64", "64", "0.01", "0.5", "1.5"]


def test_only_boards_of_one_machine_are_joined():
    same = {"machine": "A", "device": "the CPU", "threads": 1, "processes": 1}
    old = {**same, "load": 0.5, "problems": [problem(None, 4.0)]}
    new = {**same, "load": 1.5, "problems": [{**problem(None, 2.0), "problem": "other"}]}
    joined = SCRIPT["with_problems"](old, new)
    assert [p["problem"] for p in joined["problems"]] == ["tissue", "other"]
    assert joined["load"] == 1.5
    assert SCRIPT["with_problems"](joined, old)["problems"][-1] == old["problems"][0]
    with pytest.raises(SystemExit, match="machine of the new scoreboard is B"):
        SCRIPT["with_problems"](old, {**new, "machine": "B"})
