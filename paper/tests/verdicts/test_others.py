"""Edge cases and speed."""

import json

import pandas as pd
import pytest

from paper.study_data import StudyData, TooFewRunsError
from paper.verdicts.others import edge_cases_exist, is_ordinary, orders_of_magnitude_faster
from paper.verdicts.verdict import HOLDS, NOT, OPEN


def discs(rows: list[int], values: list[float]) -> str:
    return json.dumps({"rows": rows, "columns": [9] * len(rows), "values": values})


@pytest.mark.parametrize(
    ("rows", "values", "ordinary"),
    [
        ([5, 30], [1.0, 0.001], True),
        ([5, 30], [1.0, 1e-16], False),
        ([5, 5, 30], [1.0, 0.5, 0.5], True),
        ([5, 6, 7], [1.0, 0.5, 0.5], False),
        ([5], [1.0], True),
    ],
)
def test_ordinary_images_could_well_be_drawn(rows, values, ordinary):
    assert is_ordinary(discs(rows, values)) is ordinary


def searched(found: list[float], random: float, kind: str) -> StudyData:
    rows = [
        {"run": run, "found_error": error, "test_max_error": 1.0, "random_error": random}
        | {"discs": kind, "violations": 0, "certified_images": 4}
        for run, error in zip("aab", found, strict=True)
    ]
    empty = pd.DataFrame()
    return StudyData({}, empty, empty, pd.DataFrame(rows))


@pytest.mark.parametrize(
    ("found", "random", "outcome"),
    [
        ([0.9, 1.5, 1.1], 1.2, HOLDS),
        ([0.9, 1.5, 0.9], 1.2, OPEN),
        ([0.9, 0.8, 0.9], 1.2, NOT),
    ],
)
def test_a_search_must_beat_the_test_set(found, random, outcome):
    verdict = edge_cases_exist(searched(found, random, discs([5, 30], [1.0, 0.5])))
    assert verdict.outcome == outcome
    assert "1.50 (random 1.20)" in verdict.evidence or outcome == NOT
    improbable = edge_cases_exist(searched(found, random, discs([5, 30], [1.0, 1e-16])))
    assert improbable.outcome == NOT
    assert "0 of 3 finds count" in improbable.evidence


def test_without_a_search_there_is_no_verdict():
    data = searched([1.0, 1.0, 1.0], 1.0, "")
    with pytest.raises(TooFewRunsError, match="no search"):
        edge_cases_exist(StudyData({}, data.runs, data.runs))


@pytest.mark.parametrize(("fastest", "outcome"), [(30.0, HOLDS), (3.0, OPEN), (0.2, NOT)])
def test_orders_of_magnitude_are_counted_from_the_fastest_solver(fastest, outcome):
    verdict = orders_of_magnitude_faster(0.2, {"stepping": 400.0, "fast": fastest}, "here")
    assert verdict.outcome == outcome
    assert f"fast {fastest / 0.2:.2g}, stepping 2e+03" in verdict.evidence
