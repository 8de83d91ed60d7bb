import pytest

from paper.drawing import baseline_errors
from paper.study_data import StudyData
from paper.tests.synthetic_study import synthetic_study


def test_baselines_are_of_the_test_set_and_count():
    data = synthetic_study(
        fractions=(1.0,), seeds=2, images=2, test_sets={"uniform": 1.0, "edge": 2.0}
    )
    assert baseline_errors(data)["superposition"] == pytest.approx(0.03)
    assert baseline_errors(data, "mae_sources")["superposition"] == pytest.approx(0.06)
    assert baseline_errors(data, test_set="edge")["superposition"] == pytest.approx(0.06)
    data.baselines.loc[data.baselines["sources"] == "4", "mae_r3"] = float("nan")
    assert baseline_errors(data, "mae_r3", "4") == {}
    empty = StudyData(data.factors, data.runs, data.baselines.iloc[:0])
    assert baseline_errors(empty) == {}
