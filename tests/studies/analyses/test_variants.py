import dataclasses
import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic_study import synthetic_study

from diffkeras.studies.analyses.variants import ANALYSIS
from diffkeras.studies.statistics.comparison import holm
from diffkeras.studies.study_data import StudyData


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
def data() -> StudyData:
    return study()


@pytest.fixture(scope="module")
def table(data: StudyData) -> pd.DataFrame:
    return ANALYSIS.table(data)


@pytest.fixture(scope="module")
def rows(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index(["test_set", "error", "variant"])


def test_one_row_for_each_test_set_error_and_variant(table: pd.DataFrame) -> None:
    assert len(table) == 2 * 8 * 3
    assert not table.duplicated(["test_set", "error", "variant"]).any()
    assert set(table["reference"]) == {"none"}


def test_means_are_those_of_the_runs(data: StudyData, rows: pd.DataFrame) -> None:
    runs = data.runs[(data.runs["test_set"] == "far") & (data.runs["sources"] == "all")]
    for error in ("mae", "mae_r1", "max_error"):
        expected = runs.groupby("variant")[error].mean()["hardest"]
        assert rows["mean"]["far", error, "hardest"] == pytest.approx(expected)


def test_percentile_is_of_the_images_of_each_run(data: StudyData, rows: pd.DataFrame) -> None:
    assert data.examples is not None
    runs = data.runs[data.runs["variant"] == "random"]["run"].unique()
    images = data.examples[data.examples["test_set"] == "near"].set_index("run")["mae"]
    expected = [np.quantile(images[run], 0.99, method="inverted_cdf") for run in runs]
    row = rows.loc[("near", "mae_99_percent", "random")]
    assert row["mean"] == pytest.approx(np.mean(expected))
    assert (row["smallest"], row["largest"]) == pytest.approx((min(expected), max(expected)))


def test_student_is_paired_by_seed(data: StudyData, rows: pd.DataFrame) -> None:
    runs = data.runs[(data.runs["test_set"] == "near") & (data.runs["sources"] == "all")]
    errors = np.log(runs.pivot(index="training.seed", columns="variant", values="mae"))
    test = stats.ttest_rel(errors["hardest"], errors["none"])
    row = rows.loc[("near", "mae", "hardest")]
    assert row["p"] == pytest.approx(test.pvalue)
    interval = test.confidence_interval()
    assert (row["t_low"], row["t_high"]) == pytest.approx(np.exp([interval.low, interval.high]))
    assert row["ratio"] == pytest.approx(np.exp((errors["hardest"] - errors["none"]).mean()))


def test_a_better_variant_differs_from_an_equal_one(rows: pd.DataFrame) -> None:
    better, equal = rows.loc[("near", "mae", "hardest")], rows.loc[("near", "mae", "random")]
    assert better["high"] < 1
    assert better["seeds_agree"] == 3
    assert equal["low"] < 1 < equal["high"]


def test_a_maximum_has_no_bootstrap(rows: pd.DataFrame) -> None:
    row = rows.loc[("near", "max_error", "hardest")]
    assert np.isnan(row["low"])
    assert np.isnan(row["high"])
    assert row["t_low"] < row["ratio"] < row["t_high"]


def test_the_first_variant_is_compared_with_nothing(rows: pd.DataFrame) -> None:
    row = rows.loc[("near", "mae", "none")]
    assert row[["ratio", "low", "t_low", "p", "p_holm"]].isna().all()
    assert row["mean"] > 0


def test_correction_is_for_each_error(table: pd.DataFrame) -> None:
    for _, of_error in table.groupby("error"):
        np.testing.assert_allclose(of_error["p_holm"], holm(of_error["p"]))


def test_parts_of_the_training_set_are_variants_too(data: StudyData) -> None:
    parts = {"none": "0", "random": "1", "hardest": "2"}
    runs = data.runs.assign(**{"data.train_part": data.runs["variant"].map(parts)})
    factors = {**data.factors, "data.train_part": list(parts.values())}
    del factors["variant"]
    subsets = StudyData(factors, runs.drop(columns="variant"), data.baselines, data.examples)
    assert ANALYSIS.applies(subsets)
    found = ANALYSIS.table(subsets)
    assert list(found["variant"][:3]) == ["0", "1", "2"]


def test_other_settings_are_kept_apart() -> None:
    losses = {"absolute": 1.0, "squared": 2.0}
    found = ANALYSIS.table(study(losses=losses, test_sets={"test": 1.0}, noise=0))
    mean = found[found["error"] == "mae"].set_index(["training.loss", "variant"])["mean"]
    assert mean["squared", "none"] == pytest.approx(2 * mean["absolute", "none"])
    ratio = found[found["error"] == "mae"].set_index(["training.loss", "variant"])["ratio"]
    assert ratio["squared", "hardest"] == pytest.approx(0.7)


def test_figure_has_all_seeds_on_each_test_set(data: StudyData, table: pd.DataFrame) -> None:
    committed = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    figure = ANALYSIS.figure(committed, dataclasses.replace(data, examples=None))
    assert len(figure.axes) == 4
    maxima_far = figure.axes[3]
    runs = data.runs[(data.runs["test_set"] == "far") & (data.runs["sources"] == "all")]
    drawn = [line.get_ydata() for line in maxima_far.lines if line.get_label()[0] != "_"]
    np.testing.assert_allclose(np.sort(np.concatenate(drawn)), np.sort(runs["max_error"]))
    labels = [label.get_text() for label in maxima_far.get_xticklabels()]
    assert labels == ["none", "random", "hardest"]


def test_baselines_are_those_of_each_test_set(data: StudyData, table: pd.DataFrame) -> None:
    near = data.baselines.copy()
    chosen = (near["method"] == "superposition") & (near["test_set"] == "far")
    runs = data.runs[(data.runs["test_set"] == "far") & (data.runs["sources"] == "all")]
    near[["mae", "max_error"]] = 900.0
    near.loc[chosen, "mae"] = runs["mae"].mean()
    axes = ANALYSIS.figure(table, dataclasses.replace(data, baselines=near)).axes
    dotted = [[line for line in axis.lines if line.get_linestyle() == ":"] for axis in axes]
    assert [len(lines) for lines in dotted] == [0, 1, 0, 0]
