"""Searches for the worst images of a run."""

import json
from pathlib import Path

import numpy as np
import pytest

from diffkeras.errors import ConfigurationError, DataError, OutputError
from diffkeras.evaluation.worst_cases.certified import space_of
from diffkeras.evaluation.worst_cases.config import WorstCasesConfig
from diffkeras.physics import Sources, solve
from diffkeras.studies.study_data import SEARCH_NUMBERS
from diffkeras.surrogates.surrogate import load_surrogate
from diffkeras.system.result_folders import MANIFEST
from diffkeras.workflows import search_worst_cases
from tests.helpers.image_membership import belongs
from tests.helpers.tables import read_csv

pytestmark = pytest.mark.usefixtures("quick_figures")

SETTINGS = WorstCasesConfig(starts=3, evaluations=120, seed=1)


@pytest.fixture(scope="module")
def output(run_dir, data_dir, tiny, tmp_path_factory):
    path = tmp_path_factory.mktemp("searches") / "tiny"
    return search_worst_cases(run_dir, data_dir, tiny, SETTINGS, output=path).path


def test_it_starts_from_the_worst_test_images(output, evaluation):
    errors = {
        (row["sources"], row["example"]): float(row["max_error"])
        for row in read_csv(evaluation.path / "examples.csv")
        if row["method"] == "surrogate"
    }
    rows = read_csv(output / "searches.csv")
    assert {*SEARCH_NUMBERS, "sources", "discs"} <= {*rows[0]}  # studies read the numbers
    assert {row["sources"] for row in rows[:2]} == {"1", "2"}
    for row in rows:
        start = errors[row["sources"], row["start_example"]]
        of_count = [error for (count, _), error in errors.items() if count == row["sources"]]
        assert float(row["start_error"]) == pytest.approx(start, rel=1e-5)
        assert float(row["count_max_error"]) == pytest.approx(max(of_count), rel=1e-5)
        assert float(row["test_max_error"]) == pytest.approx(max(errors.values()), rel=1e-5)


def test_the_found_image_has_the_found_error(output, run_dir, tiny):
    surrogate = load_surrogate(run_dir)
    found = np.load(output / "worst_cases.npz")
    for k, row in enumerate(read_csv(output / "searches.csv")):
        discs = json.loads(row["discs"])
        sources = Sources.from_lists(**discs)
        image = sources.image((16, 16))
        np.testing.assert_array_equal(found["source_images"][k], image)
        exact = solve(image, medium=tiny.physics.medium).field
        np.testing.assert_allclose(found["fields"][k], exact, atol=1e-6)
        predicted = surrogate.network_fields(image)
        np.testing.assert_allclose(found["predictions"][k], predicted, atol=1e-6)
        error = abs(predicted - exact).max()
        assert float(row["found_error"]) == pytest.approx(error, rel=1e-5)
        assert float(row["ratio"]) == pytest.approx(error / float(row["test_max_error"]), rel=1e-5)
        assert error >= float(row["start_error"]) * (1 - 1e-6)
        sources = Sources(**{**vars(sources), "lattice": (16, 16)})
        assert belongs(sources, space_of(tiny, int(row["sources"])).recipe)
        assert (row["violations"], row["evaluations"]) == ("0", "120")
        # the found image, the start, and the last population of 120 / 10 images
        assert row["certified_images"] == "14"
        assert float(row["error_of_prediction"]) == pytest.approx(float(row["found_error"]))


def test_the_same_settings_give_the_same_result(output, run_dir, data_dir, tiny, tmp_path):
    def but_for_time(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        return [{**row, "seconds": ""} for row in rows]

    again = search_worst_cases(run_dir, data_dir, tiny, SETTINGS, output=tmp_path / "again")
    assert but_for_time(read_csv(again.path / "searches.csv")) == but_for_time(
        read_csv(output / "searches.csv")
    )
    assert {file.name for file in again.path.iterdir()} == {
        "searches.csv",
        "worst_cases.npz",
        "worst_case.png",
        MANIFEST,
    }


def test_what_cannot_be_searched_is_refused_before_the_work(run_dir, data_dir, tiny, tmp_path):
    def refused(error: type[Exception], words: str, output: Path = tmp_path / "out", **changed):
        config = tiny.with_overrides({key.replace("__", "."): v for key, v in changed.items()})
        with pytest.raises(error, match=words):
            search_worst_cases(run_dir, data_dir, config, SETTINGS, output=output)
        assert not (tmp_path / "out").exists()

    refused(ConfigurationError, "clustered", data__placement__kind="clustered")
    refused(DataError, "other physics", physics__decay=0.01)
    refused(DataError, "no dataset", data__seed=99)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    refused(OutputError, "no file of an earlier result", tmp_path / "mine")
