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
