import dataclasses
import io

import numpy as np
import pandas as pd
import pytest
from synthetic_study import source_count_study

from diffkeras.studies.analyses.neighbour_counts import ANALYSIS
from diffkeras.studies.statistics.comparison import holm
from diffkeras.studies.study_data import StudyData

FACTORS = {
    "joint": {1: 1.2, 2: 1.2, 3: 1.2},
    "only 1": {1: 1.0, 2: 2.0, 3: 9.0},
    "only 2": {1: 3.0, 2: 1.5, 3: 4.0},
}


def study(noise: float = 0.02, seeds: int = 3) -> StudyData:
    return source_count_study(FACTORS, noise, seeds)


@pytest.fixture(scope="module")
def data() -> StudyData:
    return study()


@pytest.fixture(scope="module")
def exact() -> pd.DataFrame:
    return ANALYSIS.table(study(noise=0)).set_index(["count", "tested"])


def test_surrogates_of_one_count_are_tested_on_its_neighbours(exact: pd.DataFrame) -> None:
    assert list(exact.index) == [(1, 2), (2, 1), (2, 3)]
    assert list(exact["trained"]) == ["only 1", "only 2", "only 2"]


def test_ratio_to_the_own_count(data: StudyData) -> None:
    table = ANALYSIS.table(data).set_index(["count", "tested"])
    runs = data.runs[data.runs["variant"] == "only 2"].set_index(["sources", "training.seed"])
    ratios = runs["mae"]["3"] / runs["mae"]["2"]
    row = table.loc[(2, 3)]
    assert row["ratio"] == pytest.approx(np.exp(np.log(ratios).mean()))
    assert row["mae"] == pytest.approx(runs["mae"]["3"].mean())
    assert row["own_mae"] == pytest.approx(runs["mae"]["2"].mean())
    assert row["low"] < row["ratio"] < row["high"]


def test_ratio_to_the_own_count_knows_that_the_images_differ(exact: pd.DataFrame) -> None:
    # hard images scatter by 0.4, so means of 20 by 0.4/√20 each: ± 25 % for a ratio
    row = exact.loc[(2, 3)]
    assert 1.3 < row["high"] / row["low"] < 2.2


def test_ratio_to_the_surrogate_of_that_count(exact: pd.DataFrame) -> None:
    assert exact["specialist_ratio"][1, 2] == pytest.approx(2 / 1.5)
    assert exact["specialist_ratio"][2, 1] == pytest.approx(3)
    assert exact["specialist_low"][2, 1] < 3 < exact["specialist_high"][2, 1]
    assert exact["rank_biserial"][2, 1] == 1
    np.testing.assert_allclose(exact["p_holm"], holm(exact["p"]))


def test_no_surrogate_of_that_count_leaves_cells_empty(exact: pd.DataFrame) -> None:
    row = exact.loc[(2, 3)]
    empty = row[row.isna()].index
    assert {"specialist_ratio", "specialist_low", "specialist_mae", "p"} <= set(empty)
    assert "ratio" not in empty


def test_figure_has_both_ratios(data: StudyData) -> None:
    table = ANALYSIS.table(data)
    committed = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    left, right = ANALYSIS.draw(committed, dataclasses.replace(data, examples=None)).axes
    (fewer, more) = (line for line in left.lines if line.get_label()[0] != "_")
    ratios = table.set_index(["count", "tested"])
    assert list(fewer.get_ydata()) == pytest.approx([ratios["ratio"][2, 1]])
    assert list(more.get_ydata()) == pytest.approx([ratios["ratio"][1, 2], ratios["ratio"][2, 3]])
    marks = [line.get_ydata() for line in right.lines if line.get_label()[0] != "_"]
    np.testing.assert_allclose(
        np.concatenate(marks), [ratios["specialist_ratio"][2, 1], ratios["specialist_ratio"][1, 2]]
    )
