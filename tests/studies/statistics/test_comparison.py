import numpy as np
import pandas as pd
import pytest

from diffkeras.studies.statistics.bootstrap import resampled
from diffkeras.studies.statistics.comparison import compare

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
