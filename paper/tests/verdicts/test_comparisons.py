"""Claims that compare surrogates, on studies whose truth is known."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from paper.statistics.spread import Spread
from paper.study_data import SEED, TRAIN_PART, VARIANT, StudyData, TooFewRunsError
from paper.tests.synthetic_study import source_count_study, synthetic_study
from paper.verdicts import comparisons, sizes
from paper.verdicts.comparisons import (
    architecture_is_best,
    best_for_each_count,
    error_is_linear_in_sources,
    hard_examples_help,
    joint_against_single,
    loses_outside_its_placement,
    subsets_differ,
    variant_helps,
    weighted_losses,
    weights_help,
)
from paper.verdicts.sizes import spread_falls
from paper.verdicts.verdict import HOLDS, NOT, OPEN, UNDERPOWERED

TANH = "huber(delta=0.02) × tanh(rate=1)"
EXPONENTIAL = "squared(weight_from=prediction, weight_gradient=True) × exponential(scale=1.0)"
STEP = "absolute × step(amplitude=10)"


def losses(**factors: float) -> StudyData:
    names = {"exponential": EXPONENTIAL, "step": STEP}
    found = {"absolute": 1.0, "squared": 1.2, TANH: 0.1}
    found |= {names[name]: factor for name, factor in factors.items()}
    return synthetic_study(fractions=[1.0], losses=found, seeds=6, noise=0.004)


@pytest.mark.parametrize(
    ("exponential", "step", "outcome"),
    [(0.9, 1.0, HOLDS), (1.3, 0.5, NOT), (1.199, 0.5, NOT), (1.13, 1.0, HOLDS)],
)
def test_a_weight_is_compared_with_the_same_error_without_it(exponential, step, outcome):
    data = losses(exponential=exponential, step=step)
    found = weighted_losses(data)
    assert TANH not in {loss for loss, _ in found}, "the study has this error with a weight only"
    ratio = found[EXPONENTIAL, "r1"]
    assert ratio.value == pytest.approx(exponential / 1.2, rel=0.01)
    verdict = weights_help(data)
    assert verdict.outcome == outcome, "our own weight decides nothing"


def test_an_interval_that_allows_both_decides_nothing():
    pair = {"absolute": 1.0, "absolute × tanh(rate=1)": 1.0}
    data = synthetic_study(fractions=[1.0], losses=pair, seeds=2, noise=0.3)
    assert weights_help(data).outcome == UNDERPOWERED


def test_without_a_weight_there_is_no_verdict():
    data = synthetic_study(fractions=[1.0], losses={"absolute": 1.0, STEP: 0.5})
    with pytest.raises(TooFewRunsError, match="no weight of the authors"):
        weights_help(data)


def variants(noise: float, losses: Any = None, seeds: int = 5, **factors: float) -> StudyData:
    """One size, and a variant for each factor of the error; each has a test set of its name."""
    data = synthetic_study(
        fractions=[1.0],
        losses=losses or {"absolute": 1.0},
        variants={name: lambda n, factor=factor: factor for name, factor in factors.items()},
        test_sets=dict.fromkeys(factors, 1.0),
        seeds=seeds,
        noise=noise,
    )
    return replace(data, runs=data.runs.assign(mae_of_hardest=3 * data.runs["mae"]))


def subsets(spread: float, noise: float) -> StudyData:
    data = variants(noise, **{str(n): 1 + spread * (n - 2) for n in range(5)})
    factors = {TRAIN_PART: data.factors[VARIANT], SEED: data.factors[SEED]}
    return replace(data, factors=factors, runs=data.runs.rename(columns={VARIANT: TRAIN_PART}))


def placements(away: float, noise: float) -> StudyData:
    data = variants(noise, uniform=1, edge=1)
    data.runs.loc[data.runs[VARIANT] != data.runs["test_set"], "mae"] *= away
    return data


DESIGNS = {
    variant_helps: lambda error, noise: variants(noise, plain=1, toggled=error, log=1.1),
    hard_examples_help: lambda error, noise: variants(noise, none=2, random=1, hard=error),
    architecture_is_best: lambda error, noise: variants(noise, encoder_decoder=1, u_net=error),
    subsets_differ: subsets,
    loses_outside_its_placement: placements,
}


@pytest.mark.parametrize(
    ("rule", "error", "noise", "outcome"),
    [
        (variant_helps, 0.8, 0.01, HOLDS),
        (variant_helps, 1.2, 0.01, NOT),
        (variant_helps, 1.0, 0.004, NOT),
        (variant_helps, 0.9, 0.4, UNDERPOWERED),
        (hard_examples_help, 0.8, 0.01, HOLDS),
        (hard_examples_help, 1.0, 0.004, NOT),
        (hard_examples_help, 0.9, 0.4, UNDERPOWERED),
        (architecture_is_best, 1.5, 0.01, HOLDS),
        (architecture_is_best, 0.8, 0.01, NOT),
        (architecture_is_best, 1.0, 0.005, NOT),
        (architecture_is_best, 1.1, 0.3, UNDERPOWERED),
        (subsets_differ, 0.2, 0.02, HOLDS),
        (subsets_differ, 0.0, 0.01, NOT),
        (subsets_differ, 0.0, 0.3, UNDERPOWERED),
        (loses_outside_its_placement, 1.5, 0.01, HOLDS),
        (loses_outside_its_placement, 0.8, 0.01, NOT),
        (loses_outside_its_placement, 1.1, 0.3, UNDERPOWERED),
    ],
)
def test_a_difference_is_held_against_noise(rule, error, noise, outcome):
    """With `error` times the error of what it is compared with; of subsets, their spread."""
    verdict = rule(DESIGNS[rule](error, noise))
    assert verdict.outcome == outcome
    for first, second in (("plain", "toggled"), ("encoder_decoder", "u_net")):
        if second in verdict.evidence:
            assert f"error / error of {first}: {second}" in verdict.evidence


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
    table = pd.DataFrame({"sd": [1.0, 0.9]})
    spread = Spread(table, -0.03, -0.04, -0.02)
    monkeypatch.setattr(sizes, "spread_of", lambda data, relative: spread)
    pair = {"absolute": 1.0, "absolute × tanh(rate=1)": error}
    data = variants(0.001, losses=pair, seeds=6, random=1, hard=error)
    assert rule(data).outcome == outcome
    assert f"If both are so, it {outcome}." in " ".join(rule.__doc__.split())


@pytest.mark.parametrize(
    ("factors", "outcome"),
    [
        ({"only 1": {1: 0.5, 2: 2, 3: 4}, "only 2": {1: 3, 2: 1, 3: 2}}, HOLDS),
        ({"only 1": {1: 2, 2: 2, 3: 4}, "only 2": {1: 3, 2: 3, 3: 2}}, NOT),
        ({"only 1": {1: 1, 2: 1, 3: 1}, "only 2": {1: 3, 2: 3, 3: 2}}, None),
    ],
)
def test_one_is_best_only_if_it_ties_with_none(factors, outcome):
    factors |= {"joint": {1: 1, 2: 1, 3: 1}}
    found = best_for_each_count(source_count_study(factors, noise=0.01))
    assert found.outcome == outcome or (not outcome and found.outcome in (OPEN, UNDERPOWERED))
    if not outcome:
        assert "1: joint or only 1" in found.evidence or "1: only 1 or joint" in found.evidence


def test_the_joint_surrogate_is_compared_with_those_of_one_count():
    factors = {"only 1": {1: 0.5, 2: 2, 3: 4}, "only 2": {1: 3, 2: 2, 3: 2}}
    data = source_count_study({**factors, "joint": {1: 1, 2: 1, 3: 1}}, noise=0)
    ratios = joint_against_single(data)
    assert {count: ratio.value for count, ratio in ratios.items()} == pytest.approx({1: 2, 2: 0.5})


@pytest.mark.parametrize(("p", "outcome"), [(0.02, HOLDS), (0.03, NOT)])
def test_p_values_of_subsets_are_corrected_for_the_number_of_sizes(p, outcome, monkeypatch):
    def part(p: float) -> pd.DataFrame:
        rows = {"sd": 0.01, "low": 0.0, "high": 0.02, "p": [p, 0.5]}
        return pd.DataFrame(rows, index=["subset", "seed"])

    monkeypatch.setattr(comparisons, "subset_parts", lambda data: {25: part(p), 100: part(0.5)})
    assert subsets_differ.__wrapped__(variants(0.1, one=1)).outcome == outcome


def test_the_error_is_linear_in_the_number_of_sources():
    data = synthetic_study(fractions=[1.0], losses={"absolute": 1.0}, noise=0.01)
    assert error_is_linear_in_sources(data).outcome == HOLDS  # it grows as 1 + n
    counted = data.runs["sources"] != "all"
    data.runs.loc[counted, "mae"] *= (data.runs["sources"][counted].astype(int) - 3) ** 2 + 0.1
    assert error_is_linear_in_sources(data).outcome == NOT
