"""The tables of "Should I use a surrogate?" say what the scoreboard found."""

import csv
from typing import Any

import pytest

from docs.pictures import scoreboard
from docs.tests.helpers.snippets import ROOT


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
        (None, 3.0, "1.5", "never"),
        (12345.0, 1.0, "0.5", "after 12,345 images"),
        (None, 0.5, "0.25", "cost of training unknown"),
        (12345.0, 2.0, "1", "a tie"),
    ],
)
def test_verdicts_follow_from_times(break_even, own, ratio, pays):
    (found,) = scoreboard.verdict_rows(problem(break_even, own))
    assert found == ["tissue", "64×64", "64", "net", "1.0e-03", "solve", "0.0e+00", ratio, pays]


def test_the_published_board_has_verdicts_and_proofs():
    tables = scoreboard.tables(scoreboard.read())
    assert all(text.count("\n| ") > 4 for text in tables.values())


def rows_of_architectures(name: str) -> list[dict[str, str]]:
    file = ROOT / "benchmarks" / "results" / f"architectures_{name}_64.csv"
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def milliseconds(row: dict[str, str]) -> float:
    return float(row["time per image"].removesuffix(" ms"))


@pytest.mark.parametrize(("name", "table"), [("fixed_values", "fixed"), ("production",) * 2])
def test_in_a_uniform_medium_classical_methods_win(name, table):
    """What the pages answer: alone the exact solver, in batches some method of smaller error."""
    rows = [row for row in rows_of_architectures(table) if "no network" not in row["architecture"]]
    shown = [(float(r["lattice MAE"]), milliseconds(r)) for r in rows if r["weights"] != "0"]
    boards = [found for found in scoreboard.read()["problems"] if found["problem"] == name]
    for board in boards:
        methods: dict[bool, list[Any]] = {True: [], False: []}  # networks, and classical methods
        for method in board["methods"]:
            times = {batch: time["median"] for batch, time in method["times"].items()}
            methods[method["surrogate"] is not None].append((method["error"]["mean"], times))
            if method["name"] == "exact solver":
                exact = times["1"]
        assert exact < min(times["1"] for _, times in methods[True])
        networks = [(error, times["64"]) for error, times in methods[True] if error]  # not solved
        for error, time in networks + (shown if board["side"] == 64 else []):
            assert any(e <= error and t["64"] < time for e, t in methods[False])


def test_learned_rounds_take_a_fifth_to_a_third_of_the_time_of_the_solver():
    rows = {row["architecture"]: row for row in rows_of_architectures("fixed")}
    exact = milliseconds(rows["exact solver"])
    learned = [row for name, row in rows.items() if "no network" in name]
    shares = [milliseconds(row) / exact for row in learned]
    assert min(shares) == pytest.approx(1 / 5, rel=0.1)
    assert max(shares) == pytest.approx(1 / 3, rel=0.1)
    errors = sorted(float(row["lattice MAE"]) for row in learned)
    assert (errors[0], errors[-1]) == (3e-5, pytest.approx(6e-4, rel=0.1))


def test_the_chart_has_the_ratios_of_the_table():
    board = scoreboard.read()
    (axis,) = scoreboard.chart(board["problems"]).axes
    drawn = {f"{line.get_xdata()[0]:.2g}" for line in axis.lines}
    for found in board["problems"]:
        assert {row[7] for row in scoreboard.verdict_rows(found)} <= drawn


def proven(name: str, bound: float, milliseconds: float, surrogate: str | None = None) -> Any:
    return row(name, 0.0, milliseconds, surrogate) | {
        "error": {"mean": 0.0, "bound": {"largest": bound}}
    }


def test_times_to_a_proven_error_are_compared_cold_and_warm():
    methods = [
        proven("net, to 0.01", 9e-3, 3.0, "net"),
        proven("net, certified", 2e-2, 1.0, "net"),  # proves too little
        proven("other, to 0.01", 9e-3, 4.0, "other"),  # takes longer
        proven("solve", 1e-9, 8.0),
        proven("solve to 0.01", 8e-3, 6.0),
        proven("solve to 0.01, warm", 8e-3, 2.0),
        row("rounds", 1e-9, 0.1),  # proves nothing
    ]
    found = list(scoreboard.proven_rows({**problem(None, 4.0), "methods": methods}))
    assert len(found) == 1  # no surrogate proves 1e-3
    assert found[0] == ["tissue", "64×64", "64", "0.01", "0.5", "1.5"]
