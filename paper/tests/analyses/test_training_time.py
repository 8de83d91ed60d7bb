import numpy as np
import pytest

from paper.analyses.training_time import ANALYSIS
from paper.study_data import SIZE, StudyData
from paper.tests.synthetic_study import synthetic_study

SMALL = {"images": 2, "losses": {"absolute": 1.0}, "epochs": 8}


def with_seconds(data: StudyData, seconds: np.ndarray) -> StudyData:
    data.runs["step_seconds"] = seconds
    return data


def test_slope_and_intercept_are_found():
    data = synthetic_study(**SMALL, seeds=6)
    rng = np.random.default_rng(0)
    sizes = data.runs[SIZE].to_numpy()
    scatter = 1 + rng.normal(scale=0.01, size=sizes.size)
    row = ANALYSIS.table(with_seconds(data, (3 + 0.02 * sizes) * scatter)).iloc[0]
    assert row["seconds_per_example_low"] < 0.02 < row["seconds_per_example_high"]
    assert row["start_seconds_low"] < 3 < row["start_seconds_high"]
    assert row["seconds_per_example"] == pytest.approx(0.02, rel=0.01)
    assert row["r_squared"] > 0.999
    assert row["curvature_p"] > 0.01
    assert row["exponent_high"] < 1  # for the intercept
    assert 0.01 < row["largest_residual"] < 0.05
    assert (row["runs"], row["sizes"]) == (36, 6)


def test_a_curve_is_no_line():
    data = synthetic_study(**SMALL, seeds=6)
    rng = np.random.default_rng(0)
    sizes = data.runs[SIZE].to_numpy()
    scatter = 1 + rng.normal(scale=0.01, size=sizes.size)
    row = ANALYSIS.table(with_seconds(data, 0.001 * sizes**1.2 * scatter)).iloc[0]
    assert row["curvature_p"] < 1e-6
    assert row["exponent_low"] < 1.2 < row["exponent_high"]
    assert row["exponent"] == pytest.approx(1.2, abs=0.01)


def test_limits_follow_a_scatter_that_grows_with_the_time():
    """With 5 % at the largest size alone, limits from an equal scatter would be far too narrow."""
    rng = np.random.default_rng(0)
    inside = 0
    data = synthetic_study(**SMALL, seeds=6)
    sizes = data.runs[SIZE].to_numpy()
    for _ in range(30):
        scatter = rng.normal(scale=0.05, size=sizes.size) * (sizes == 1200)
        row = ANALYSIS.table(with_seconds(data, 0.02 * sizes * (1 + scatter))).iloc[0]
        inside += row["seconds_per_example_low"] < 0.02 < row["seconds_per_example_high"]
    assert inside >= 27


def test_a_size_off_the_line_is_found():
    data = synthetic_study(**SMALL, seeds=4)
    rng = np.random.default_rng(0)
    sizes = data.runs[SIZE].to_numpy()
    scatter = 1 + rng.normal(scale=0.01, size=sizes.size)
    seconds = (3 + 0.02 * sizes) * scatter
    found = ANALYSIS.table(with_seconds(data, seconds)).iloc[0]
    assert found["lack_of_fit_p"] > 0.01
    assert abs(found["deviation"]) < 0.03
    seconds = np.where(sizes == 60, 1.3, 1.0) * seconds
    found = ANALYSIS.table(with_seconds(data, seconds)).iloc[0]
    assert found["lack_of_fit_p"] < 1e-6
    assert found["farthest_size"] == 60
    assert found["deviation_low"] < found["deviation"] < found["deviation_high"]
    assert found["deviation"] == pytest.approx(0.25, abs=0.06)
