import numpy as np
import pandas as pd
import pytest
from scipy import stats

from diffkeras.studies.statistics.paired_tests import holm, signed_rank


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
