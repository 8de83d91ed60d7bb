import math

import numpy as np
import pytest
from scipy import stats

from diffkeras.studies.answer import LEVEL, POWER, answer, detectable, in_words
from diffkeras.studies.plan import DRAW, LOSS, ORDER_SEED, SEED
from tests.helpers.study_rows import FRACTION, SEEDS_OF_THREE, falling, study_rows

SIZES = {FRACTION: ("0.0625", "0.25", "1.0")}
LOSSES = {LOSS: ("absolute", "squared")}


def test_an_error_that_falls_is_named_with_its_ratio():
    found = answer(study_rows(SIZES | SEEDS_OF_THREE, falling, noise=0.02))
    [effect] = found.effects
    assert effect.trend == -1
    assert not effect.is_chance
    np.testing.assert_allclose(effect.errors, [0.16, 0.08, 0.04], rtol=0.05)
    ratio, low, high = effect.ratio
    assert low < 4 < high
    assert ratio == pytest.approx(4, rel=0.1)
    assert effect.share > 0.98
    words = in_words(found)
    assert words.startswith("The lattice MAE falls with the training fraction: 0.1")
    assert "times (95 %: " in words
    assert " by seeds; " in words


@pytest.mark.parametrize("factors", [SIZES, LOSSES])
def test_what_few_scattered_seeds_miss_is_underpowered(factors):
    data = study_rows(factors | {SEED: ("0", "1")}, lambda _: 0.1, noise=1.0)
    found = answer(data)
    [effect] = found.effects
    assert effect.is_chance
    assert effect.is_underpowered
    words = in_words(found)
    assert words.startswith("Underpowered: the lattice MAE may depend on the ")
    assert f"; only a {effect.seen:.2g}-fold difference would probably have been seen." in words
    assert "does not depend" not in words


def test_seeds_that_explain_nearly_all_are_no_effect():
    seeds = {SEED: tuple(map(str, range(40)))}
    found = answer(study_rows(SIZES | seeds, lambda _: 0.1, noise=0.03))
    [effect] = found.effects
    assert effect.is_chance
    assert not effect.is_underpowered
    assert found.seeds > 0.5
    words = in_words(found)
    assert words.startswith(
        "The lattice MAE does not depend on the training fraction beyond chance"
    )
    assert f"; a difference of {effect.seen - 1:.1%} would probably have been seen." in words


def test_an_effect_is_seen_as_often_as_promised():
    """Two losses whose errors differ by what ten seeds see with the probability POWER."""
    seeds, noise, least = tuple(map(str, range(10))), 0.1, detectable(9)
    ratio = np.exp(least * noise * math.sqrt(2 / len(seeds)))
    rng = np.random.default_rng(0)

    def is_seen() -> bool:
        def error(values: dict[str, str]) -> float:
            level = ratio if values[LOSS] == "squared" else 1.0
            return 0.1 * level * np.exp(rng.normal(scale=noise))

        [effect] = answer(study_rows(LOSSES | {SEED: seeds}, error)).effects
        return not effect.is_chance

    trials = 300
    seen = sum(is_seen() for _ in range(trials))
    assert stats.binomtest(seen, trials, POWER).pvalue > 1e-4


@pytest.mark.parametrize("degrees", [1, 2, 5, 1000])
def test_one_difference_is_detected_by_the_noncentral_t_distribution(degrees):
    least, ends = detectable(degrees), stats.t.ppf([LEVEL / 2, 1 - LEVEL / 2], degrees)
    missed = np.diff(stats.nct.cdf(ends, degrees, least))
    assert missed == pytest.approx(1 - POWER, abs=1e-6)


def test_factors_are_in_the_order_of_what_they_explain():
    factors = LOSSES | SIZES | SEEDS_OF_THREE
    found = answer(
        study_rows(factors, lambda v: falling(v) * (1.3 if v[LOSS] == "squared" else 1), noise=0.01)
    )
    assert [effect.factor for effect in found.effects] == [FRACTION, LOSS]
    _, loss = found.effects
    assert loss.trend == 0
    assert loss.ratio[0] == pytest.approx(1.3, rel=0.03)
    assert "The lattice MAE depends on the loss: " in in_words(found)
    assert sum(effect.share for effect in found.effects) + found.seeds == pytest.approx(1, abs=0.02)


def test_a_single_seed_leaves_chance_open():
    found = answer(study_rows(SIZES, falling))
    [effect] = found.effects
    assert math.isnan(effect.p)
    assert effect.is_chance
    assert "single run, so chance may explain" in in_words(found)


def test_a_study_of_seeds_gives_their_scatter():
    seeds = {SEED: ("0", "1", "2", "3"), ORDER_SEED: ("0", "1")}
    rows = study_rows(seeds, lambda _: 0.1, noise=0.1)
    found = answer(rows)
    assert found.effects == []
    logs = np.log(rows.overall()["mae"])
    assert found.scatter == pytest.approx(logs.std(ddof=1))
    assert in_words(found).startswith("Seeds alone scatter the lattice MAE by ±")
    assert "8 runs" in in_words(found)


def test_draws_with_seeds_of_their_own_are_the_repetitions():
    draws = {"0": ("0", "1"), "1": ("2", "3"), "2": ("4", "5")}
    seeds = tuple(seed for own in draws.values() for seed in own)
    factors = {DRAW: tuple(draws), **SIZES, SEED: seeds}
    data = study_rows(factors, falling, noise=0.02, draws=draws)
    assert set(data.overall()["repetition"]) == set(draws)
    [effect] = answer(data).effects
    assert effect.trend == -1


def test_runs_that_share_a_seed_are_not_independent():
    """Crossed draws and seeds: an error common to a draw must not count once for each seed."""
    crossed = {DRAW: ("0", "1"), SEED: ("0", "1", "2", "3")}
    data = study_rows(SIZES | crossed, falling, noise=0.02)
    assert set(data.overall()["repetition"]) == {"0", "1"}
    few = {**crossed, SEED: ("0",)}
    assert set(study_rows(SIZES | few, falling).overall()["repetition"]) == {"0", "1"}


def test_a_failed_run_is_left_out_of_the_comparison():
    data = study_rows(SIZES | SEEDS_OF_THREE, falling, noise=0.001)
    gone = data.runs["run"].unique()[0]
    rows = data.runs[data.runs["run"] != gone]
    [effect] = answer(type(data)(data.factors, rows, data.baselines)).effects
    assert effect.trend == -1
    np.testing.assert_allclose(effect.errors, [0.16, 0.08, 0.04], rtol=0.01)
