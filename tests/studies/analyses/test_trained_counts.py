import dataclasses
import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle
from synthetic_study import source_count_study

from diffkeras.studies.analyses.trained_counts import ANALYSIS
from diffkeras.studies.statistics.comparison import holm
from diffkeras.studies.study_data import ALL, StudyData

FACTORS = {
    "only 1": {1: 1.0, 2: 2.0, 3: 9.0},
    "only 2": {1: 3.0, 2: 1.5, 3: 4.0},
    "joint": {1: 1.2, 2: 1.6, 3: 1.3},
}


def study(noise: float = 0.02, seeds: int = 3) -> StudyData:
    return source_count_study(FACTORS, noise, seeds)


@pytest.fixture(scope="module")
def data() -> StudyData:
    return study()


@pytest.fixture(scope="module")
def table(data: StudyData) -> pd.DataFrame:
    return ANALYSIS.table(data)


def test_every_training_is_ranked_on_every_count(table: pd.DataFrame) -> None:
    ranked = table.set_index(["tested", "rank"])["trained"].to_dict()
    assert {place: ranked[place] for place in ranked if place[1] == 1} == {
        (1, 1): "only 1",
        (2, 1): "only 2",
        (3, 1): "joint",
    }
    assert ranked[3, 3] == "only 1"
    assert dict(zip(table["trained"], table["trained_sources"], strict=True)) == {
        "only 1": "1",
        "only 2": "2",
        "joint": "1-3",
    }


def test_errors_are_those_of_the_runs_over_seeds(data: StudyData, table: pd.DataFrame) -> None:
    runs = data.runs[(data.runs["variant"] == "only 2") & (data.runs["sources"] == "3")]["mae"]
    row = table[(table["trained"] == "only 2") & (table["tested"] == 3)].iloc[0]
    assert row["mae"] == pytest.approx(runs.mean())
    assert (row["smallest"], row["largest"]) == pytest.approx((runs.min(), runs.max()))
    assert row["seeds"] == 3


def test_lead_over_the_others() -> None:
    exact = ANALYSIS.table(study(noise=0)).set_index(["tested", "trained"])
    assert exact["ratio_to_best"][3, "only 1"] == pytest.approx(9 / 1.3)
    assert exact["ratio_to_best"][2, "joint"] == pytest.approx(1.6 / 1.5)
    assert exact["ratio_to_best"][2, "only 2"] == 1
    row = exact.loc[(3, "only 1")]
    assert 1 < row["ratio_low"] < 9 / 1.3 < row["ratio_high"]


def test_only_the_runner_up_is_tested(table: pd.DataFrame) -> None:
    assert (table["p"].notna() == (table["rank"] == 2)).all()
    runners_up = table[table["rank"] == 2]
    assert (runners_up["p"] < 0.01).all()
    assert (runners_up["rank_biserial"] > 0.5).all()  # larger errors than the best
    np.testing.assert_allclose(runners_up["p_holm"], holm(runners_up["p"]))
    assert (runners_up["p_holm"] > runners_up["p"]).any()


def test_heat_map_frames_the_best_of_each_column(data: StudyData, table: pd.DataFrame) -> None:
    committed = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    figure = ANALYSIS.draw(committed, dataclasses.replace(data, examples=None))
    axis = figure.axes[0]
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert labels[:3] == ["only 1", "only 2", "joint"]
    frames = [patch for patch in axis.patches if isinstance(patch, Rectangle)]
    centres = [(round(f.get_x() + f.get_width() / 2), round(f.get_y() + 0.5)) for f in frames]
    assert [(column, labels[row]) for column, row in centres] == [
        (0, "only 1"),
        (1, "only 2"),
        (2, "joint"),
    ]


def test_heat_map_has_errors_and_baselines_in_thousandths(
    data: StudyData, table: pd.DataFrame
) -> None:
    axis = ANALYSIS.draw(table, data).axes[0]
    shown = np.asarray(axis.images[0].get_array())
    runs = data.runs[(data.runs["variant"] == "joint") & (data.runs["sources"] == "2")]
    assert shown[2, 1] == pytest.approx(1000 * runs["mae"].mean())
    labels = [label.get_text() for label in axis.get_yticklabels()]
    baseline = data.baselines[data.baselines["method"] == "superposition"].set_index("sources")
    assert shown[labels.index("superposition"), 1] == pytest.approx(1000 * baseline["mae"]["2"])
    assert baseline["mae"]["2"] != baseline["mae"][ALL] or len(labels) == 6
    assert any(text.get_text() == "250" for text in axis.texts)
