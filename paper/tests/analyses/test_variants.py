from typing import Any

import numpy as np
import pytest
from scipy import stats

from paper.analyses.variants import ANALYSIS
from paper.study_data import StudyData
from paper.tests.synthetic_study import synthetic_study


def study(**changes: Any) -> StudyData:
    settings = {
        "fractions": [1.0],
        "losses": {"absolute": 1.0},
        "variants": {"none": lambda n: 1.0, "random": lambda n: 1.0, "hardest": lambda n: 0.7},
        "sources": (1, 2),
        "test_sets": {"near": 1.0, "far": 3.0},
        "noise": 0.03,
        "random": 1,
    }
    return synthetic_study(**{**settings, **changes})


@pytest.fixture(scope="module")
def data():
    return study()


@pytest.fixture(scope="module")
def table(data):
    return ANALYSIS.table(data)


@pytest.fixture(scope="module")
def rows(table):
    return table.set_index(["test_set", "error", "variant"])


def test_means_are_those_of_the_runs(data, rows):
    runs = data.runs[(data.runs["test_set"] == "far") & (data.runs["sources"] == "all")]
    for error in ("mae", "mae_r1", "max_error"):
        expected = runs.groupby("variant")[error].mean()["hardest"]
        assert rows["mean"]["far", error, "hardest"] == pytest.approx(expected)


def test_percentile_is_of_the_images_of_each_run(data, rows):
    assert data.examples is not None
    runs = data.runs[data.runs["variant"] == "random"]["run"].unique()
    images = data.examples[data.examples["test_set"] == "near"].set_index("run")["mae"]
    expected = [np.quantile(images[run], 0.99, method="inverted_cdf") for run in runs]
    row = rows.loc[("near", "mae_99_percent", "random")]
    assert row["mean"] == pytest.approx(np.mean(expected))
    assert (row["smallest"], row["largest"]) == pytest.approx((min(expected), max(expected)))


def test_student_is_paired_by_seed(data, rows):
    runs = data.runs[(data.runs["test_set"] == "near") & (data.runs["sources"] == "all")]
    errors = np.log(runs.pivot(index="training.seed", columns="variant", values="mae"))
    test = stats.ttest_rel(errors["hardest"], errors["none"])
    row = rows.loc[("near", "mae", "hardest")]
    assert row["p"] == pytest.approx(test.pvalue)
    interval = test.confidence_interval()
    assert (row["t_low"], row["t_high"]) == pytest.approx(np.exp([interval.low, interval.high]))
    assert row["ratio"] == pytest.approx(np.exp((errors["hardest"] - errors["none"]).mean()))


def test_other_settings_are_kept_apart():
    losses = {"absolute": 1.0, "squared": 2.0}
    found = ANALYSIS.table(study(losses=losses, test_sets={"test": 1.0}, noise=0, images=6))
    mean = found[found["error"] == "mae"].set_index(["training.loss", "variant"])["mean"]
    assert mean["squared", "none"] == pytest.approx(2 * mean["absolute", "none"])
    ratio = found[found["error"] == "mae"].set_index(["training.loss", "variant"])["ratio"]
    assert ratio["squared", "hardest"] == pytest.approx(0.7)
