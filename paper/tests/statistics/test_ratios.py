import numpy as np
import pandas as pd
import pytest
from scipy import stats

from paper.statistics.ratios import holm, ratios
from paper.study_data import DRAW, LOSS, SEED, TooFewRunsError
from paper.tests.synthetic_study import synthetic_study


def test_a_pair_has_students_interval():
    first, second = np.array([1.9, 2.2, 4.0]), np.array([1.0, 1.0, 2.0])
    wide = np.log(pd.DataFrame({"a": second, "b": first}))
    wide.loc[3] = [0.0, np.nan]  # a unit without both
    found = ratios(wide, "a")["b"]
    differences = np.log(first / second)
    low, high = stats.t.interval(0.95, 2, differences.mean(), stats.sem(differences))
    expected = np.exp([differences.mean(), low, high])
    assert (found.value, found.low, found.high) == pytest.approx(tuple(expected))
    assert found.p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
    with pytest.raises(TooFewRunsError, match="two common seeds, not 1"):
        ratios(wide.iloc[:1], "a")


@pytest.mark.parametrize("blocks", [0, 4])
def test_pooled_intervals_contain_the_truth_as_often_as_they_say(blocks):
    """Of other sizes, too, though they may say nothing new of the units."""
    rng = np.random.default_rng(0)

    def drawn() -> pd.DataFrame:
        values = rng.normal(scale=0.3, size=(3, 1)) + rng.normal(scale=0.1, size=(3, 5))
        return pd.DataFrame(values + np.arange(5) * 0.2, columns=list("abcde"))

    inside = 0
    for _ in range(200):
        found = ratios(drawn(), "a", [drawn() for _ in range(blocks)])["d"]
        inside += found.low <= np.exp(0.6) <= found.high
    assert 182 <= inside <= 200


@pytest.mark.parametrize(("own_seeds", "unit"), [(True, DRAW), (False, "seed")])
def test_runs_that_share_examples_or_seeds_are_one_unit(own_seeds, unit):
    data = synthetic_study(fractions=[0.5, 1.0], draws=3, seeds=2, own_seeds=own_seeds)
    assert data.unit == unit
    rows = data.overall[data.overall["training_examples"] == data.sizes[-1]]
    wide = data.ln_errors(LOSS, runs=rows)
    assert len(wide) == (3 if own_seeds else 2)
    of_unit = rows[(rows[DRAW if own_seeds else SEED] == "1") & (rows[LOSS] == "absolute")]
    assert wide.loc["1", "absolute"] == pytest.approx(np.log(of_unit["mae"]).mean())


def test_holm_multiplies_the_smallest_by_their_number():
    found = holm({"a": 0.01, "b": 0.5, "c": 0.03, "d": float("nan")})
    assert [found[name] for name in "abc"] == pytest.approx([0.03, 0.5, 0.06])
    assert np.isnan(found["d"])
