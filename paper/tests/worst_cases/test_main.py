"""Searches for the worst images of the runs of a study."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from diffkeras import Sources, load_surrogate, solve
from paper.study_data import read_study
from paper.tests.synthetic_study import synthetic_study, write_study
from paper.tests.worst_cases.membership import belongs
from paper.worst_cases.__main__ import Settings, search_run, search_study
from tests.helpers.tables import read_csv

# what the statistics and the appendix read
SEARCH_NUMBERS = ("start_error", "test_max_error", "random_error", "found_error", "ratio")
SEARCH_NUMBERS += ("evaluations", "certified_images", "violations", "search")
SETTINGS = Settings(starts=3, evaluations=120, seed=1)


@pytest.fixture(scope="module")
def searches(run_dir, tiny):
    return search_run(load_surrogate(run_dir), tiny, SETTINGS)


def test_it_starts_from_the_worst_test_images(searches, evaluation):
    errors = {
        (int(row["sources"]), int(row["example"])): float(row["max_error"])
        for row in read_csv(evaluation.path / "examples.csv")
        if row["method"] == "surrogate"
    }
    rows = searches.to_dict("records")
    assert {*SEARCH_NUMBERS, "sources", "discs"} <= {*rows[0]}  # the statistics read these
    assert {row["sources"] for row in rows[:2]} == {1, 2}
    for row in rows:
        of_count = [error for (count, _), error in errors.items() if count == row["sources"]]
        start = errors[row["sources"], row["start_example"]]
        assert row["start_error"] == pytest.approx(start, rel=1e-4)
        assert row["count_max_error"] == pytest.approx(max(of_count), rel=1e-4)
        assert row["test_max_error"] == pytest.approx(max(errors.values()), rel=1e-4)


def test_the_found_image_has_the_found_error(searches, run_dir, tiny):
    surrogate = load_surrogate(run_dir)
    for row in searches.to_dict("records"):
        sources = Sources.from_lists(**json.loads(row["discs"]))
        image = sources.image((16, 16))
        exact = solve(image, medium=tiny.physics.medium).field
        error = abs(surrogate.fields([image], divided=True)[0] - exact).max()
        assert row["found_error"] == pytest.approx(error, rel=1e-4)
        assert row["ratio"] == pytest.approx(error / row["test_max_error"], rel=1e-4)
        assert error >= row["start_error"] * (1 - 1e-6)
        sources = Sources(**{**vars(sources), "lattice": (16, 16)})
        assert belongs(sources, tiny.recipe(row["sources"]))
        assert (row["violations"], row["evaluations"]) == (0, 120)
        # the found image, the start, and the last population of 120 / 10 images
        assert row["certified_images"] == 14
        assert row["error_of_prediction"] == pytest.approx(row["found_error"], rel=1e-4)


def test_the_same_settings_give_the_same_result(searches, run_dir, tiny):
    again = search_run(load_surrogate(run_dir), tiny, SETTINGS)
    pd.testing.assert_frame_equal(
        again.drop(columns="seconds"), searches.drop(columns="seconds"), rtol=1e-6
    )


def test_a_study_gets_the_searches_on_each_of_its_runs(run_dir, tiny, tmp_path):
    data = synthetic_study(fractions=(1.0,), losses={"absolute": 1.0}, seeds=2)
    write_study(tmp_path / "synthetic", data)
    names = data.overall["run"].tolist()
    for name in names:
        shutil.copytree(run_dir, tmp_path / "runs" / name)
    few = Settings(starts=1, evaluations=20)
    search_study(tmp_path / "synthetic", tmp_path / "runs", tiny, few)
    found = read_study(tmp_path / "synthetic").searches
    assert found is not None
    assert found["run"].tolist() == names
    assert found["training.seed"].tolist() == ["0", "1"]
    assert np.isfinite(found[list(SEARCH_NUMBERS)].to_numpy(float)).all()
