import numpy as np
import pandas as pd
import pytest
from scipy import stats

from diffkeras.studies.statistics.bootstrap import resampled
from diffkeras.studies.statistics.comparison import compare, holm, signed_rank

FIRST, SECOND = pd.Series([0, 1, 2], ["0", "1", "2"]), pd.Series([5, 4, 3], ["2", "1", "0"])


def errors(images: int) -> np.ndarray:
    """(6 runs, images): the second group, in reverse order, has half the errors of the first."""
    hard = np.random.default_rng(0).lognormal(size=images)
    seeds = np.array([[1.0], [3.0], [9.0]])
    return np.concatenate([2 * seeds * hard, seeds * hard])


def compared(values: np.ndarray, first: pd.Series, second: pd.Series) -> dict[str, float]:
    return compare(values, resampled(values, np.ones(values.shape[1], int)), first, second)


def test_runs_of_the_same_seed_are_compared() -> None:
    values = errors(20)
    found = compared(values, FIRST, SECOND)
    assert (found["ratio"], found["low"], found["high"]) == pytest.approx((2, 2, 2))
    assert found["error"] == pytest.approx(values[:3].mean())
    assert found["reference_error"] == pytest.approx(values[3:].mean())
    assert (found["seeds"], found["seeds_agree"], found["images"]) == (3, 3, 20)
    assert found["rank_biserial"] == 1
    assert found["p"] < 1e-4


def test_seeds_without_a_partner_are_left_out() -> None:
    found = compared(errors(20), FIRST, SECOND.drop("1"))
    assert found["seeds"] == 2
    assert found["reference_error"] == pytest.approx(errors(20)[[3, 5]].mean())
    assert found["error"] == pytest.approx(errors(20)[[0, 2]].mean())


@pytest.mark.parametrize(("images", "seeds"), [(9, 3), (20, 1)])
def test_too_few_images_or_seeds_give_no_statistic(images: int, seeds: int) -> None:
    found = compared(errors(images), FIRST[:seeds], SECOND)
    assert found["seeds"] == seeds
    for name in ("ratio", "low", "high", "p", "rank_biserial"):
        assert np.isnan(found[name])


def test_rank_biserial_of_three_images_by_hand() -> None:
    # differences 3, −1, 2 have the ranks 3, 1, 2: W₊ = 5, W₋ = 1
    _, effect = signed_rank(np.array([4.0, 1.0, 5.0]), np.array([1.0, 2.0, 3.0]))
    assert effect == pytest.approx(4 / 6)


def test_images_without_a_difference_are_left_out() -> None:
    first, second = np.array([4.0, 1.0, 5.0, 7.0]), np.array([1.0, 2.0, 3.0, 7.0])
    assert signed_rank(first, second) == signed_rank(first[:3], second[:3])


def test_p_is_two_sided() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=40), rng.normal(0.4, size=40)
    p, _ = signed_rank(first, second)
    less = stats.wilcoxon(first, second, alternative="less").pvalue
    assert p == pytest.approx(2 * less, rel=1e-6)


def test_equal_errors_have_no_effect() -> None:
    assert signed_rank(np.ones(5), np.ones(5)) == (1.0, 0.0)


def test_holm_by_hand_leaves_out_what_was_not_computed() -> None:
    adjusted = holm(pd.Series([0.01, np.nan, 0.04, 0.03]))
    np.testing.assert_allclose(adjusted, [0.03, np.nan, 0.06, 0.06])
