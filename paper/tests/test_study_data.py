import pandas as pd
import pytest

from diffkeras.errors import RunError
from paper.study_data import StudyData, read_study
from paper.tests.synthetic_study import synthetic_study, write_study


@pytest.fixture(scope="module")
def data():
    # a label that pandas takes for a missing value, and counts that look like numbers
    variants = {"None": lambda n: 1.0, "1": lambda n: 2.0}
    found = synthetic_study(
        fractions=(0.05, 1.0), losses={"a": 1.0}, seeds=2, variants=variants, trained={"1": "1"}
    )
    searches = pd.DataFrame({"run": ["000000000001"], "sources": ["3"], "found_error": [0.5]})
    return StudyData(found.factors, found.runs, found.baselines, searches)


@pytest.fixture
def directory(data, tmp_path):
    write_study(tmp_path, data)
    return tmp_path


def test_a_study_is_read_back_from_its_rows(data, directory):
    found = read_study(directory)
    assert found.factors == data.factors
    pd.testing.assert_frame_equal(found.runs, data.runs)
    pd.testing.assert_frame_equal(found.baselines, data.baselines)
    pd.testing.assert_frame_equal(found.searches, data.searches)


@pytest.mark.parametrize("name", ["study.json", "runs.csv", "baselines.csv"])
def test_missing_and_damaged_tables_are_named(directory, name):
    for content in (None, b"", b"[1]", b"\xff\xfe"):
        if content is None:
            (directory / name).unlink()
        else:
            (directory / name).write_bytes(content)
        with pytest.raises(RunError, match=name):
            read_study(directory)
