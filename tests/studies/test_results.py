import shutil

import pandas as pd
import pytest

from diffkeras.errors import RunError
from diffkeras.studies.results import read_results
from tests.helpers.study_rows import FRACTION, SEEDS_OF_THREE, falling, study_rows
from tests.helpers.synthetic_runs import synthetic_runs


@pytest.fixture(scope="module")
def data():
    factors = {FRACTION: ("0.05", "1.0"), **SEEDS_OF_THREE}
    return study_rows(factors, falling, test_sets=("main", "edge"))


@pytest.fixture
def runs(data, tmp_path):
    return synthetic_runs(data, tmp_path)[1]


@pytest.fixture
def baselines(runs):
    """Label of each test set → directory of the errors of the baselines."""
    pool = runs[0].run_dir.parent / "baselines"
    return {path.name: path for path in sorted(pool.iterdir(), reverse=True)}


def test_the_files_of_runs_are_the_tables_of_a_study(data, runs, baselines):
    found = read_results(runs, data.factors, baselines)
    assert found.factors == data.factors
    pd.testing.assert_frame_equal(found.runs, data.runs, check_like=True)
    order = ["test_set", "method", "sources"]
    pd.testing.assert_frame_equal(
        found.baselines.sort_values(order, ignore_index=True),
        data.baselines.sort_values(order, ignore_index=True),
        check_like=True,
    )
    assert found.test_sets == ["main", "edge"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.json", "{"),
        ("tests/edge/metrics.json", None),
        ("tests/edge/metrics.json", {'"relative_l2"': '"relative"'}),
        ("tests/edge/metrics.json", {'"mae": 0': '"mae": null, "m": 0'}),
        ("history.csv", "epoch,seconds\n1,x\n"),
    ],
)
def test_missing_and_damaged_files_are_named(data, runs, name, content):
    file = runs[2].run_dir / name
    before = file.read_bytes().decode()
    file.unlink()
    if isinstance(content, dict):
        [(old, new)] = content.items()
        assert old in before
        content = before.replace(old, new, 1)
    if content is not None:
        file.write_bytes(content.encode())
    with pytest.raises(RunError, match=file.name) as caught:
        read_results(runs, data.factors, {})
    assert "\n" not in str(caught.value)
    shutil.rmtree(runs[2].run_dir)
