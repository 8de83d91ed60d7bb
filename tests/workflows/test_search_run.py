"""Searches for the worst images of a run."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_membership import belongs

from diffkeras.config import Config
from diffkeras.errors import ConfigurationError, DataError, OutputError
from diffkeras.evaluation.worst_cases.certified import space_of
from diffkeras.physics import Sources, solve
from diffkeras.studies.config import WorstCasesConfig
from diffkeras.studies.study_data import SEARCH_NUMBERS
from diffkeras.surrogates.surrogate import load_surrogate
from diffkeras.workflows import search_worst_cases

pytestmark = pytest.mark.usefixtures("quick_figures")

SETTINGS = WorstCasesConfig(starts=3, evaluations=120, seed=1)


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path / "searches.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def output(
    run_dir: Path, data_dir: Path, tiny: Config, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("searches") / "tiny"
    return search_worst_cases(run_dir, data_dir, tiny, SETTINGS, output=path).path


def test_it_starts_from_the_worst_test_images_of_each_count(output: Path, evaluation: Any) -> None:
    with open(evaluation.path / "examples.csv", encoding="utf-8", newline="") as file:
        tested = [row for row in csv.DictReader(file) if row["method"] == "surrogate"]
    errors = {(int(r["sources"]), int(r["example"])): float(r["max_error"]) for r in tested}
    rows = rows_of(output)
    assert {*SEARCH_NUMBERS, "sources", "discs"} <= {*rows[0]}  # studies read the numbers
    starts = [(int(row["sources"]), int(row["start_example"])) for row in rows]
    of_one, of_two = (
        sorted((key for key in errors if key[0] == count), key=errors.__getitem__)[::-1]
        for count in (1, 2)
    )
    by_error = {"key": errors.__getitem__, "reverse": True}
    assert starts[:2] == sorted([of_one[0], of_two[0]], **by_error)
    assert starts[2:] == sorted([of_one[1], of_two[1]], **by_error)[:1]
    for row, start in zip(rows, starts, strict=True):
        assert float(row["start_error"]) == pytest.approx(errors[start], rel=1e-5)
        count = {1: of_one, 2: of_two}[start[0]]
        assert float(row["count_max_error"]) == pytest.approx(errors[count[0]], rel=1e-5)
        assert float(row["test_max_error"]) == pytest.approx(max(errors.values()), rel=1e-5)


def test_the_found_image_has_the_found_error(output: Path, run_dir: Path, tiny: Config) -> None:
    surrogate = load_surrogate(run_dir)
    found = np.load(output / "worst_cases.npz")
    for k, row in enumerate(rows_of(output)):
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


def test_all_bounds_hold_on_what_was_found(output: Path) -> None:
    for row in rows_of(output):
        assert row["violations"] == "0"
        assert row["evaluations"] == "120"
        # the found image, the start, and the last population of 120 / 10 images
        assert row["certified_images"] == "14"
        assert float(row["error_of_prediction"]) == pytest.approx(float(row["found_error"]))
        for name in ("prediction", "corrected"):
            error, bound = float(row[f"error_of_{name}"]), float(row[f"bound_of_{name}"])
            assert 0 <= error <= bound * (1 + 1e-9) + 1e-11


def test_the_same_settings_give_the_same_result(
    output: Path, run_dir: Path, data_dir: Path, tiny: Config, tmp_path: Path
) -> None:
    def but_for_time(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        return [{**row, "seconds": ""} for row in rows]

    again = search_worst_cases(run_dir, data_dir, tiny, SETTINGS, output=tmp_path / "again")
    assert but_for_time(rows_of(again.path)) == but_for_time(rows_of(output))
    assert {file.name for file in again.path.iterdir()} == {
        "searches.csv",
        "worst_cases.npz",
        "worst_case.png",
    }


def test_what_cannot_be_searched_is_refused_before_the_work(
    run_dir: Path, data_dir: Path, tiny: Config, tmp_path: Path
) -> None:
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
    refused(OutputError, "holds other files", tmp_path / "mine")
