import shutil
from dataclasses import replace

import pandas as pd
import pytest

from diffkeras.errors import RunError
from diffkeras.evaluation.worst_cases.config import WorstCasesConfig
from diffkeras.studies.results import check_searches, passes, read_results
from diffkeras.studies.study_data import SEARCH_NUMBERS
from tests.helpers.synthetic_runs import synthetic_runs
from tests.helpers.synthetic_study import synthetic_study


@pytest.fixture(scope="module")
def data():
    return synthetic_study(
        fractions=(0.05, 1.0), losses={"a": 1.0}, seeds=2, test_sets={"main": 1.0, "edge": 2.0}
    )


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
    assert found.examples is not None
    assert data.examples is not None
    order = ["run", "test_set", "sources", "example"]
    pd.testing.assert_frame_equal(
        found.examples.sort_values(order, ignore_index=True),
        data.examples.sort_values(order, ignore_index=True),
        check_like=True,
    )
    assert found.searches is None
    assert found.test_sets == ["main", "edge"]


def test_searches_have_the_run_and_its_factors(data, runs):
    search = runs[1].run_dir / "searches" / "0"
    search.mkdir(parents=True)
    rows = {name: [0.5, 0.75] for name in SEARCH_NUMBERS} | {"sources": [3, 3]}
    pd.DataFrame(rows).to_csv(search / "searches.csv", index=False)
    searched = replace(runs[1], search=search)
    found = read_results([runs[0], searched], data.factors, {}).searches
    assert found is not None
    assert found["run"].tolist() == [runs[1].run_dir.name] * 2
    assert found["training.seed"].tolist() == ["1", "1"]
    assert found["sources"].tolist() == ["3", "3"]
    assert found["found_error"].tolist() == [0.5, 0.75]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.json", "{"),
        ("tests/edge/metrics.json", None),
        ("tests/edge/examples.csv", "method,sources\nsurrogate,1\n"),
        ("tests/edge/metrics.json", {'"relative_l2"': '"relative"'}),
        ("tests/edge/metrics.json", {'"mae": 0': '"mae": null, "m": 0'}),
        ("tests/edge/metrics.json", {'"images": 20,': '"images": 19,'}),
        ("tests/edge/examples.csv", {"\r\nsurrogate,5,": "\r\nother,5,"}),
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


SETTINGS = WorstCasesConfig(starts=2)


@pytest.fixture
def searches(tmp_path):
    """That of two searches, which is written."""
    rows = pd.DataFrame({name: [1.5, 2.5] for name in SEARCH_NUMBERS} | {"sources": [1, 2]})
    rows.to_csv(tmp_path / "searches.csv", index=False)
    return rows


def test_searches_are_complete(searches, tmp_path, tiny):
    check_searches(tmp_path, tiny, SETTINGS)
    assert passes(check_searches, tmp_path, tiny, SETTINGS)
    assert not passes(check_searches, tmp_path, tiny, WorstCasesConfig(starts=3))
    assert not passes(check_searches, tmp_path / "new", tiny, SETTINGS)
    # there are no more test images
    few = tiny.with_overrides({"data.test_examples": 1, "evaluation.bounds": 0})
    assert passes(check_searches, tmp_path, few, WorstCasesConfig(starts=3))


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-1],
        lambda text: "".join(text.splitlines(keepends=True)[:-1]),
        lambda text: text.replace("violations", "violation"),
        lambda text: text.replace("1.5", "x", 1),
    ],
)
def test_damaged_searches_are_named(searches, tmp_path, tiny, damage):
    file = tmp_path / "searches.csv"
    assert callable(damage)
    changed = damage(file.read_text())
    assert changed != file.read_text()
    file.write_text(changed)
    with pytest.raises(RunError, match=r"searches\.csv is .*damaged"):
        check_searches(tmp_path, tiny, SETTINGS)
