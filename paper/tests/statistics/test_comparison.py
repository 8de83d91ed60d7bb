import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from paper.statistics.comparison import (
    ImageErrors,
    holm,
    ratio_of_errors,
    signed_rank,
)
from paper.study_data import LOSS
from paper.tests.synthetic_study import synthetic_study

SEEDS = pd.Series([0, 1, 2], ["0", "1", "2"])
OTHERS = pd.Series([5, 4, 3], ["2", "1", "0"])


@pytest.fixture(scope="module")
def data():
    return synthetic_study(fractions=[0.5, 1.0], images=4, sources=[2, 1, 3])


def errors_of(values: np.ndarray) -> ImageErrors:
    """Errors (runs, images), all of one source count."""
    return ImageErrors(pd.DataFrame(), values, np.ones(values.shape[1], int))


def ratio(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    """Of errors (seeds, images) of one source count."""
    return ratio_of_errors(first, second, np.ones(first.shape[1], int))


def constant(values: list[float], images: int = 20) -> np.ndarray:
    """Errors of seeds that no image changes."""
    return np.tile(values, (images, 1)).T


def test_errors_are_those_of_the_run_and_image(data):
    assert data.examples is not None
    shuffled = dataclasses.replace(data, examples=data.examples.sample(frac=1, random_state=1))
    found = ImageErrors.of(shuffled, "mae_r1")
    np.testing.assert_array_equal(found.sources, np.repeat([1, 2, 3], 4))
    examples = data.examples.set_index(["run", "sources", "example"]).sort_index()
    for row, run in found.runs.iterrows():
        np.testing.assert_array_equal(found.values[row], examples.loc[run["run"]]["mae_r1"])
    assert ImageErrors.of(data, "mae_r3").values.shape[1] == 11, "one image has no R3"
    np.testing.assert_array_equal(found.of_count(2).values, found.values[:, 4:8])


def test_source_counts_are_strata():
    rng = np.random.default_rng(0)
    sources = np.repeat([1, 2, 3], 20)
    level = np.array([1.0, 5.0, 25.0])[sources - 1]
    values = level * (1 + 0.01 * rng.normal(size=60)) * np.ones((2, 1))
    apart = ratio_of_errors(values, np.ones((2, 60)), sources)
    mixed = ratio(values, np.ones((2, 60)))
    assert np.log(apart["high"] / apart["low"]) < 0.1 * np.log(mixed["high"] / mixed["low"])


def test_other_images_add_their_variance():
    rng = np.random.default_rng(1)
    first, second = (np.exp(rng.normal(0, 0.1, size=(1, n))) * np.ones((3, 1)) for n in (40, 60))
    found = ratio_of_errors(first, second, np.repeat([1, 2], [40, 60]), same_images=False)
    parts = [stats.sem(values[0]) / values[0].mean() for values in (first, second)]
    reach = stats.t.ppf(0.975, 39) * np.hypot(*parts)
    assert np.log(found["high"] / found["ratio"]) == pytest.approx(reach)


def test_few_seeds_that_no_image_changes_have_the_interval_of_a_t_test():
    first, second = [1.0, 2.0, 4.0], [0.9, 1.9, 3.5]
    found = ratio(constant(first, 500), constant(second, 500))
    differences = np.log(first) - np.log(second)
    low, high = stats.t.interval(0.95, 2, differences.mean(), stats.sem(differences))
    assert (found["t_low"], found["t_high"]) == pytest.approx((np.exp(low), np.exp(high)))
    assert found["t_p"] == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
    ends = np.log([found["low"], found["high"]])
    assert ends == pytest.approx([low, high], abs=0.03 * (high - low))
    assert found["ratio"] == pytest.approx(np.exp(differences.mean()))


def test_interval_covers_the_truth_for_other_seeds_and_images():
    rng = np.random.default_rng(2)
    hits, repetitions = 0, 300
    for _ in range(repetitions):
        hard = rng.normal(0, 0.3, size=60)
        images = rng.normal(0, 0.1, size=(2, 1, 60))
        seeds = rng.normal(0, 0.025, size=(2, 3, 1))
        values = np.exp(hard + images + seeds)  # (groups, seeds, images)
        found = ratio(*values)
        hits += found["low"] <= 1 <= found["high"]
    # about 0.8 without the seeds or without the images
    assert 0.92 <= hits / repetitions < 1


def errors(images: int) -> np.ndarray:
    """(6 runs, images): the second group, in reverse order, has half the errors of the first."""
    hard = np.random.default_rng(0).lognormal(size=images)
    seeds = np.array([[1.0], [3.0], [9.0]])
    return np.concatenate([2 * seeds * hard, seeds * hard])


def test_runs_of_the_same_seed_are_compared():
    values = errors(20)
    found = errors_of(values).compare(SEEDS, OTHERS)
    assert (found["ratio"], found["low"], found["high"]) == pytest.approx((2, 2, 2))
    assert found["error"] == found["mean"] == pytest.approx(values[:3].mean())
    assert found["reference_error"] == pytest.approx(values[3:].mean())
    assert (found["seeds"], found["seeds_agree"], found["images"]) == (3, 3, 20)
    assert found["rank_biserial"] == 1
    assert found["p"] < 1e-4
    found = errors_of(values).compare(SEEDS, OTHERS.drop("1"))
    assert (found["seeds"], found["common_seeds"]) == (3, 2)
    assert found["reference_error"] == pytest.approx(values[[3, 5]].mean())
    assert found["error"] == pytest.approx(values[[0, 2]].mean())


@pytest.mark.parametrize(("images", "seeds"), [(9, 3), (20, 1)])
def test_too_few_images_or_seeds_give_no_statistic(images, seeds):
    found = errors_of(errors(images)).compare(SEEDS[:seeds], OTHERS)
    assert found["common_seeds"] == seeds
    for name in ("ratio", "low", "high", "p", "rank_biserial"):
        assert np.isnan(found[name])


def test_signed_rank_of_three_images_by_hand():
    # differences 3, −1, 2 have the ranks 3, 1, 2: W₊ = 5, W₋ = 1
    first, second = np.array([4.0, 1.0, 5.0, 7.0]), np.array([1.0, 2.0, 3.0, 7.0])
    assert signed_rank(first, second)[1] == pytest.approx(4 / 6)
    assert signed_rank(first, second) == signed_rank(first[:3], second[:3])
    assert signed_rank(np.ones(5), np.ones(5)) == (1.0, 0.0)


def test_holm_by_hand_leaves_out_what_was_not_computed():
    adjusted = holm(pd.Series([0.01, np.nan, 0.04, 0.03]))
    np.testing.assert_allclose(adjusted, [0.03, np.nan, 0.06, 0.06])


@pytest.mark.parametrize(("own", "units"), [(True, ["0", "1", "2"]), (False, ["0", "1"])])
def test_runs_that_are_not_independent_are_one_row(own, units):
    """Those of one draw of the examples, or those of a seed that all draws share."""
    data = synthetic_study(fractions=[1.0], draws=3, seeds=2, own_seeds=own, images=4)
    errors = ImageErrors.of(data)
    assert len(errors.runs) == 3 * len(units)
    plain = errors.select({LOSS: "absolute"})
    assert list(plain.index) == units
    unit = "data.seed" if own else "training.seed"
    runs = data.runs[(data.runs[LOSS] == "absolute") & (data.runs[unit] == "1")]["run"]
    of_unit = data.examples[data.examples["run"].isin(runs)]
    assert errors.values[plain["1"]].mean() == pytest.approx(of_unit["mae"].mean())
