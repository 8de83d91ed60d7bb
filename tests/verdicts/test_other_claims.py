"""Edge cases, speed, and kinds of networks."""

import json
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from benchmarks.verdicts import (
    HOLDS,
    NOT,
    OPEN,
    architecture_is_best,
    edge_cases_exist,
    hard_examples_help,
    orders_of_magnitude_faster,
    spread_falls,
    variant_helps,
    weights_help,
)
from benchmarks.verdicts.edge_cases import is_ordinary
from diffkeras.studies.analyses import fluctuation
from diffkeras.studies.study_data import StudyData, TooFewRunsError
from tests.helpers.synthetic_study import synthetic_study


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
    return StudyData({}, empty, empty, None, pd.DataFrame(rows))


@pytest.mark.parametrize(
    ("found", "random", "outcome"),
    [
        ([0.9, 1.5, 1.3], 1.2, HOLDS),
        ([0.9, 1.5, 1.1], 1.2, OPEN),
        ([0.9, 1.1, 1.1], 1.2, NOT),
    ],
)
def test_a_search_must_beat_as_many_random_images(found, random, outcome):
    verdict = edge_cases_exist(searched(found, random, discs([5, 30], [1.0, 0.5])))
    assert verdict.outcome == outcome
    assert "1.50 (random 1.20)" in verdict.evidence or outcome == NOT
    improbable = edge_cases_exist(searched(found, random, discs([5, 30], [1.0, 1e-16])))
    assert improbable.outcome == NOT
    assert "0 of 3 finds count" in improbable.evidence


def test_without_a_search_there_is_no_verdict():
    data = searched([1.0, 1.0, 1.0], 1.0, "")
    with pytest.raises(TooFewRunsError, match="no search"):
        edge_cases_exist(StudyData({}, data.runs, data.runs, None, None))


@pytest.mark.parametrize(("fastest", "outcome"), [(30.0, HOLDS), (3.0, OPEN), (0.2, NOT)])
def test_orders_of_magnitude_are_counted_from_the_fastest_solver(fastest, outcome):
    verdict = orders_of_magnitude_faster(0.2, {"stepping": 400.0, "fast": fastest}, "here")
    assert verdict.outcome == outcome
    assert f"fast {fastest / 0.2:.2g}, stepping 2e+03" in verdict.evidence


@pytest.mark.parametrize(
    ("u_net", "noise", "outcome"),
    [(1.5, 0.01, HOLDS), (0.8, 0.01, NOT), (1.0, 0.005, NOT), (1.1, 0.3, OPEN)],
)
def test_an_architecture_is_best_if_all_others_are_worse(u_net, noise, outcome):
    variants: dict[str, Any] = {"encoder-decoder": 1.0, "U-Net": u_net}
    data = synthetic_study(
        fractions=[1.0],
        losses={"absolute": 1.0},
        variants={name: (lambda n, factor=factor: factor) for name, factor in variants.items()},
        seeds=5,
        noise=noise,
        images=2,
    )
    verdict = architecture_is_best(data)
    assert verdict.outcome == outcome
    assert "error / error of encoder-decoder: U-Net" in verdict.evidence


def small_and_clear(error: float) -> StudyData:
    """A second variant, and a weighted loss, with `error` times the error of the first one."""
    data = synthetic_study(
        fractions=[1.0],
        losses={"absolute": 1.0, "absolute × tanh(rate=1)": error},
        variants={"random": lambda n: 1.0, "hard": lambda n: error},
        seeds=6,
        noise=0.001,
        images=2,
    )
    return replace(data, runs=data.runs.assign(mae_of_hardest=data.runs["mae"]))


@pytest.mark.parametrize(
    ("rule", "error", "outcome"),
    [
        (weights_help, 0.97, HOLDS),
        (variant_helps, 0.97, HOLDS),
        (hard_examples_help, 0.97, HOLDS),
        (spread_falls, 0.97, HOLDS),
        (architecture_is_best, 1.03, NOT),
    ],
)
def test_a_rule_says_what_counts_if_both_of_its_conditions_are_met(
    rule, error, outcome, monkeypatch
):
    """As by a difference that is clear and below 5 %."""
    falls = {"exponent": -0.03, "exponent_low": -0.04, "exponent_high": -0.02}
    spread = pd.DataFrame([{"quantity": "absolute", "sd": 1.0, **falls}])
    monkeypatch.setattr(fluctuation, "table", lambda data, regions: spread)
    assert rule(small_and_clear(error)).outcome == outcome
    assert f"If both are so, it {outcome}." in " ".join(rule.__doc__.split())
