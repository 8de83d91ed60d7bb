"""Claims that compare surrogates, on studies whose truth is known."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from benchmarks.verdicts import (
    HOLDS,
    NOT,
    OPEN,
    best_for_each_count,
    hard_examples_help,
    loses_outside_its_placement,
    subsets_differ,
    variant_helps,
    weights_help,
)
from benchmarks.verdicts.comparisons import joint_against_single, weighted_losses
from diffkeras.studies.study_data import TRAIN_PART, StudyData, TooFewRunsError
from tests.helpers.synthetic_study import source_count_study, synthetic_study

TANH = "huber(delta=0.02) × tanh(rate=1)"
EXPONENTIAL = "squared(weight_from=prediction, weight_gradient=True) × exponential(scale=1.0)"
STEP = "absolute × step(amplitude=10)"


def losses(**factors: float) -> StudyData:
    names = {"exponential": EXPONENTIAL, "step": STEP}
    found = {"absolute": 1.0, "squared": 1.2, TANH: 0.1}
    found |= {names[name]: factor for name, factor in factors.items()}
    return synthetic_study(fractions=[1.0], losses=found, seeds=6, noise=0.004, images=2)


@pytest.mark.parametrize(
    ("exponential", "step", "outcome"),
    [(0.9, 1.0, HOLDS), (1.3, 0.5, NOT), (1.199, 0.5, NOT), (1.13, 1.0, HOLDS)],
)
def test_a_weight_is_compared_with_the_same_error_without_it(exponential, step, outcome):
    data = losses(exponential=exponential, step=step)
    found = {(each.loss, each.region): each for each in weighted_losses(data)}
    assert {each.reference for each in found.values()} == {"absolute", "squared"}
    assert TANH not in {loss for loss, _ in found}, "the study has this error with a weight only"
    ratio = found[EXPONENTIAL, "r1"].ratio
    assert ratio.value == pytest.approx(exponential / 1.2, rel=0.01)
    verdict = weights_help(data)
    assert verdict.outcome == outcome, "our own weight decides nothing"
    assert "Our own weight" in verdict.evidence


def test_an_interval_that_allows_both_decides_nothing():
    pair = {"absolute": 1.0, "absolute × tanh(rate=1)": 1.0}
    data = synthetic_study(fractions=[1.0], losses=pair, seeds=2, noise=0.3, images=2)
    assert weights_help(data).outcome == OPEN


def test_without_a_weight_there_is_no_verdict():
    data = synthetic_study(fractions=[1.0], losses={"absolute": 1.0, STEP: 0.5}, images=2)
    with pytest.raises(TooFewRunsError, match="no weight of the authors"):
        weights_help(data)


@pytest.mark.parametrize(
    ("toggled", "noise", "outcome"),
    [(0.8, 0.01, HOLDS), (1.2, 0.01, NOT), (1.0, 0.004, NOT), (0.9, 0.4, OPEN)],
)
def test_a_variant_helps_if_its_error_is_clearly_smaller(toggled, noise, outcome):
    data = synthetic_study(
        fractions=[1.0],
        losses={"absolute": 1.0},
        variants={"plain": lambda n: 1.0, "toggled": lambda n: toggled, "log": lambda n: 1.1},
        seeds=5,
        noise=noise,
        images=2,
    )
    verdict = variant_helps(data)
    assert verdict.outcome == outcome
    assert "error / error of plain: toggled" in verdict.evidence


@pytest.mark.parametrize(
    ("hard", "noise", "outcome"), [(0.8, 0.01, HOLDS), (1.0, 0.004, NOT), (0.9, 0.4, OPEN)]
)
def test_hard_examples_are_compared_with_random_ones(hard, noise, outcome):
    factors: dict[str, Any] = {"none": 2.0, "random": 1.0, "hard": hard}
    variants = {name: lambda n, factor=factor: factor for name, factor in factors.items()}
    data = synthetic_study(
        fractions=[1.0], losses={"absolute": 1.0}, variants=variants, seeds=5, noise=noise, images=2
    )
    runs = data.runs.assign(mae_of_hardest=3 * data.runs["mae"])
    verdict = hard_examples_help(replace(data, runs=runs))
    assert verdict.outcome == outcome


@pytest.mark.parametrize(
    ("factors", "outcome"),
    [
        ({"only 1": {1: 0.5, 2: 2, 3: 4}, "only 2": {1: 3, 2: 1, 3: 2}}, HOLDS),
        ({"only 1": {1: 2, 2: 2, 3: 4}, "only 2": {1: 3, 2: 3, 3: 2}}, NOT),
        ({"only 1": {1: 1, 2: 1, 3: 1}, "only 2": {1: 3, 2: 3, 3: 2}}, OPEN),
    ],
)
def test_one_is_best_only_if_it_ties_with_none(factors, outcome):
    factors |= {"joint": {1: 1, 2: 1, 3: 1}}
    found = best_for_each_count(source_count_study(factors, noise=0.01))
    assert found.outcome == outcome
    if outcome == OPEN:
        assert "1: joint or only 1" in found.evidence or "1: only 1 or joint" in found.evidence


def test_the_joint_surrogate_is_compared_with_those_of_one_count():
    factors = {"only 1": {1: 0.5, 2: 2, 3: 4}, "only 2": {1: 3, 2: 2, 3: 2}}
    data = source_count_study({**factors, "joint": {1: 1, 2: 1, 3: 1}}, noise=0)
    ratios = joint_against_single(data)
    assert {count: ratio.value for count, ratio in ratios.items()} == pytest.approx({1: 2, 2: 0.5})


@pytest.mark.parametrize(
    ("spread", "noise", "outcome"), [(0.2, 0.02, HOLDS), (0.0, 0.01, NOT), (0.0, 0.3, OPEN)]
)
def test_subsets_differ_by_more_than_chance(spread, noise, outcome):
    parts = {str(n): (lambda count, n=n: 1 + spread * (n - 2)) for n in range(5)}
    data = synthetic_study(
        fractions=[1.0], losses={"absolute": 1.0}, variants=parts, noise=noise, images=2
    )
    runs = data.runs.assign(**{TRAIN_PART: data.runs["variant"]}).drop(columns="variant")
    factors = {TRAIN_PART: list(parts), "training.seed": ["0", "1", "2"]}
    assert subsets_differ(StudyData(factors, runs, data.baselines)).outcome == outcome


@pytest.mark.parametrize(
    ("away", "noise", "outcome"), [(1.5, 0.01, HOLDS), (0.8, 0.01, NOT), (1.1, 0.3, OPEN)]
)
def test_placements_lose_away_from_their_own(away, noise, outcome):
    data = synthetic_study(
        fractions=[1.0],
        losses={"absolute": 1.0},
        variants={"uniform": lambda n: 1.0, "edge": lambda n: 1.0},
        test_sets={"uniform": 1.0, "edge": 1.0},
        noise=noise,
        images=2,
    )
    apart = data.runs["variant"] != data.runs["test_set"]
    data.runs["mae"] *= pd.Series(1.0, data.runs.index).mask(apart, away)
    assert loses_outside_its_placement(data).outcome == outcome
