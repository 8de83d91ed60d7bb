import dataclasses

import pandas as pd
import pytest

from paper.analyses.loss_comparisons import ANALYSIS, reference_loss
from paper.study_data import LOSS, StudyData
from paper.tests.synthetic_study import synthetic_study

LOSSES = {"squared": 1.15, "absolute": 1.0, "huber": 0.9}


@pytest.fixture(scope="module")
def data():
    return synthetic_study(fractions=[0.25, 1.0], losses=LOSSES, noise=0.02)


@pytest.fixture(scope="module")
def table(data):
    return ANALYSIS.table(data)


def test_ratio_is_that_of_the_mean_errors():
    exact = ANALYSIS.table(synthetic_study(fractions=[1.0], losses=LOSSES, noise=0))
    lattice = exact[exact["region"] == "lattice"].set_index("loss")
    assert lattice["ratio"].to_dict() == pytest.approx({"squared": 1.15, "huber": 0.9})
    assert (lattice["error"] / lattice["reference_error"]).to_numpy() == pytest.approx([1.15, 0.9])


def test_intervals_contain_the_truth_and_exclude_no_difference(table):
    for loss, truth in (("squared", 1.15), ("huber", 0.9)):
        rows = table[(table["loss"] == loss) & (table["region"] == "lattice")]
        assert ((rows["low"] <= rows["ratio"]) & (rows["ratio"] <= rows["high"])).all()
        assert ((rows["low"] < truth + 0.03) & (rows["high"] > truth - 0.03)).all()
        assert (rows["seeds_agree"] == 3).all()
        assert ((rows["low"] > 1) == (truth > 1)).all()
        assert ((rows["rank_biserial"] > 0.5) == (truth > 1)).all()


def test_a_failed_run_leaves_the_common_seeds(data, table):
    failed = data.runs[(data.runs[LOSS] == "huber") & (data.runs["training_examples"] == 1200)]
    failed = failed["run"].iloc[0]
    assert data.examples is not None
    partial = dataclasses.replace(
        data,
        runs=data.runs[data.runs["run"] != failed],
        examples=data.examples[data.examples["run"] != failed],
    )
    seeds = ANALYSIS.table(partial).set_index(["size", "loss", "region"])["seeds"]
    assert seeds[1200, "huber", "r1"] == 2
    assert seeds[1200, "squared", "r1"] == seeds[300, "huber", "r1"] == 3


@pytest.mark.parametrize(
    ("loss", "reference"),
    [
        ("huber", "absolute"),
        ("squared × tanh(rate=1)", "squared"),
        ("squared(weight_from=prediction, weight_gradient=True) × tanh(rate=1)", "squared"),
        ("huber(delta=0.02, weight_from=prediction) × step(amplitude=9)", "huber(delta=0.02)"),
        ("relative × tanh(rate=1)", "absolute"),
    ],
)
def test_a_weighted_loss_is_compared_with_the_same_error(loss, reference):
    losses = ["squared", "absolute", "huber(delta=0.02)"]
    data = StudyData({LOSS: losses}, pd.DataFrame(), pd.DataFrame())
    assert reference_loss(data, loss) == reference
