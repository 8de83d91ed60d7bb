import numpy as np

from paper.analyses.training_time import ANALYSIS
from paper.study_data import SIZE, StudyData
from paper.tests.synthetic_study import synthetic_study

SMALL = {"images": 2, "losses": {"absolute": 1.0}, "epochs": 8}


def with_seconds(data: StudyData, seconds: np.ndarray) -> StudyData:
    data.runs["step_seconds"] = seconds
    return data


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
