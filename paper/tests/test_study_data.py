import pandas as pd

from paper.study_data import StudyData, read_study
from paper.tests.synthetic_study import synthetic_study, write_study


def test_a_study_is_read_back_from_its_rows(tmp_path):
    # a label that pandas takes for a missing value, and counts that look like numbers
    variants = {"None": lambda n: 1.0, "1": lambda n: 2.0}
    made = synthetic_study(
        fractions=(0.05, 1.0), losses={"a": 1.0}, seeds=2, variants=variants, trained={"1": "1"}
    )
    made.runs.loc[0, "mae_r3"] = float("nan")  # a region without nodes
    searches = pd.DataFrame({"run": ["000000000001"], "sources": ["3"], "found_error": [0.5]})
    data = StudyData(made.factors, made.runs, made.baselines, searches)
    write_study(tmp_path, data)
    found = read_study(tmp_path)
    assert found.factors == data.factors
    pd.testing.assert_frame_equal(found.runs, data.runs)
    pd.testing.assert_frame_equal(found.baselines, data.baselines)
    pd.testing.assert_frame_equal(found.searches, data.searches)
