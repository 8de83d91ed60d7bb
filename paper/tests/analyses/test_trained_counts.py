"""Which source counts to train on, and what surrogates of one count do on the next."""

import numpy as np
import pytest

from paper.analyses.trained_counts import NEIGHBOUR_COUNTS, TRAINED_COUNTS
from paper.analysis import rows_of
from paper.statistics.comparison import holm
from paper.tests.synthetic_study import source_count_study

FACTORS = {
    "only 1": {1: 1.0, 2: 2.0, 3: 9.0},
    "only 2": {1: 3.0, 2: 1.5, 3: 4.0},
    "joint": {1: 1.2, 2: 1.6, 3: 1.3},
}


@pytest.fixture(scope="module")
def data():
    return source_count_study(FACTORS)


@pytest.fixture(scope="module")
def exact():
    return source_count_study(FACTORS, noise=0)


@pytest.fixture(scope="module")
def table(data):
    return TRAINED_COUNTS.table(data)


def test_every_training_is_ranked_on_every_count(table):
    ranked = table.set_index(["tested", "rank"])["trained"].to_dict()
    assert [ranked[count, 1] for count in (1, 2, 3)] == ["only 1", "only 2", "joint"]
    assert ranked[3, 3] == "only 1"
    trained = dict(zip(table["trained"], table["trained_sources"], strict=True))
    assert trained == {"only 1": "1", "only 2": "2", "joint": "1-3"}


def test_errors_are_those_of_the_runs_over_seeds(data, table):
    runs = rows_of(data.runs, {"variant": "only 2", "sources": "3"})["mae"]
    row = rows_of(table, {"trained": "only 2", "tested": 3}).iloc[0]
    assert row["mae"] == pytest.approx(runs.mean())
    assert (row["smallest"], row["largest"]) == pytest.approx((runs.min(), runs.max()))
    assert row["seeds"] == 3


def test_lead_over_the_others(exact):
    found = TRAINED_COUNTS.table(exact).set_index(["tested", "trained"])
    assert found["ratio_to_best"][3, "only 1"] == pytest.approx(9 / 1.3)
    assert found["ratio_to_best"][2, "joint"] == pytest.approx(1.6 / 1.5)
    assert found["ratio_to_best"][2, "only 2"] == 1
    row = found.loc[(3, "only 1")]
    assert 1 < row["ratio_low"] < 9 / 1.3 < row["ratio_high"]


def test_surrogates_of_one_count_are_compared_with_their_own_count(data):
    found = NEIGHBOUR_COUNTS.table(data).set_index(["count", "tested"])
    assert list(found.index) == [(1, 2), (2, 1), (2, 3)]
    assert list(found["trained"]) == ["only 1", "only 2", "only 2"]
    runs = data.runs[data.runs["variant"] == "only 2"].set_index(["sources", "training.seed"])
    ratios = runs["mae"]["3"] / runs["mae"]["2"]
    row = found.loc[(2, 3)]
    assert row["ratio"] == pytest.approx(np.exp(np.log(ratios).mean()))
    assert row["mae"] == pytest.approx(runs["mae"]["3"].mean())
    assert row["own_mae"] == pytest.approx(runs["mae"]["2"].mean())
    # hard images scatter by 0.4, so means of 20 by 0.4/√20 each: ± 25 % for a ratio
    assert 1.3 < row["high"] / row["low"] < 2.2


def test_surrogates_of_one_count_are_compared_with_that_of_the_tested_count(exact):
    found = NEIGHBOUR_COUNTS.table(exact).set_index(["count", "tested"])
    assert found["specialist_ratio"][1, 2] == pytest.approx(2 / 1.5)
    assert found["specialist_ratio"][2, 1] == pytest.approx(3)
    assert found["specialist_low"][2, 1] < 3 < found["specialist_high"][2, 1]
    assert found["rank_biserial"][2, 1] == 1
    np.testing.assert_allclose(found["p_holm"], holm(found["p"]))
    row = found.loc[(2, 3)]
    empty = row[row.isna()].index
    assert {"specialist_ratio", "specialist_low", "specialist_mae", "p"} <= set(empty)
    assert "ratio" not in empty
