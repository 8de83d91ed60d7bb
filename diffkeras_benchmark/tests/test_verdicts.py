"""What follows from errors and times, on rows that are made up."""

from typing import Any

import pytest

from diffkeras.evaluation.error_time import Point, pareto_front
from diffkeras_benchmark.verdicts import tied, verdict


def row(name: str, error: float, milliseconds: float, surrogate: str | None = None) -> Any:
    time = {"median": milliseconds, "quartiles": [0.9 * milliseconds, 1.2 * milliseconds]}
    return {"name": name, "surrogate": surrogate, "error": {"mean": error}, "times": {"1": time}}


EXACT, LOOSE, ROUGH = row("exact", 0.0, 8.0), row("loose", 1e-3, 5.0), row("rough", 0.1, 0.5)
SLOW = row("slow", 1e-2, 9.0)
CLASSICAL = [EXACT, LOOSE, ROUGH, SLOW]


def test_the_front_holds_what_nothing_beats_in_both():
    rough, _, loose, _, exact = points = [
        Point("rough", 0.5, 0.1),
        Point("equal", 0.6, 0.1),
        Point("loose", 5.0, 1e-3),
        Point("slow", 9.0, 1e-2),
        Point("exact", 8.0, 0.0),
    ]
    assert pareto_front(points[::-1]) == [rough, loose, exact]


def test_a_faster_surrogate_pays_after_cost_over_saving():
    own = row("network", 1e-2, 1.0, "network")
    found = verdict(own, [*CLASSICAL, own], "1", cost=200.0)
    assert found["equal_error"] == {"name": "loose", "milliseconds": 5.0}
    assert found["equal_time"] == {"name": "rough", "mean_error": 0.1}
    assert found["break_even"] == pytest.approx(200.0 / 4e-3)


@pytest.mark.parametrize(
    ("milliseconds", "tie"), [(3.7, False), (3.8, True), (6.6, True), (6.7, False)]
)
def test_times_whose_middle_halves_overlap_are_a_tie(milliseconds, tie):
    own = row("network", 1e-2, milliseconds, "network")
    assert tied(own, LOOSE, "1") == tied(LOOSE, own, "1") == tie


@pytest.mark.parametrize(
    ("milliseconds", "cost"), [(5.0, 200.0), (6.0, 200.0), (1.0, None)], ids=["equal", "slow", "?"]
)
def test_a_surrogate_that_saves_nothing_never_pays(milliseconds, cost):
    own = row("network", 1e-2, milliseconds, "network")
    assert verdict(own, [*CLASSICAL, own], "1", cost)["break_even"] is None


def test_other_surrogates_are_no_classical_methods():
    own, other = row("a", 1e-2, 1.0, "a"), row("b", 1e-9, 0.1, "b")
    found = verdict(own, [*CLASSICAL, own, other], "1", 1.0)
    assert found["equal_error"]["name"] == "loose"
    fast = row("c", 0.5, 0.1, "c")
    assert verdict(fast, [*CLASSICAL, fast], "1", 1.0)["equal_time"] is None
