"""What others put beside or into diffkeras' results is never deleted."""

import json

import numpy as np
import pytest

from diffkeras.errors import DiffkerasError, PhysicsError, RunError
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import replace_directory
from diffkeras.workflows.field_files import FieldFiles, write_field
from diffkeras.workflows.solve_files import solve_files


def test_results_written_again_leave_notes_alone(tmp_path):
    place = tmp_path / "evaluation"
    place.mkdir()
    (place / "notes.txt").write_text("precious")
    (place / "metrics.json").write_text("old")
    replace_directory(place, lambda path: (path / "metrics.json").write_text("new"))
    assert (place / "notes.txt").read_text() == "precious"
    assert (place / "metrics.json").read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["evaluation"]


def test_a_foreign_run_json_is_no_run(tmp_path, tiny):
    (tmp_path / "run.json").write_text(json.dumps({"project": "mine"}))
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(RunError, match="not diffkeras'"):
        Run.begin(tmp_path, tiny)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_an_unfinished_run_gives_way_but_notes_stay(tmp_path, tiny):
    run = Run.begin(tmp_path / "run", tiny)
    (run.path / "history.csv").write_text("old")
    (run.path / "notes.txt").write_text("precious")
    Run.begin(run.path, tiny)
    assert (run.path / "notes.txt").read_text() == "precious"
    assert not (run.path / "history.csv").exists()


def test_an_earlier_run_set_aside_is_kept(tmp_path, tiny):
    for _ in range(3):
        Run.begin(tmp_path / "run", tiny, overwrite=True).write_state("finished")
    names = {entry.name for entry in tmp_path.iterdir()}
    assert {"run", "run.previous", "run.previous-2"} <= names


def test_a_plot_or_field_never_replaces_the_sources(tmp_path):
    image = np.zeros((16, 16))
    image[5:8, 5:8] = 1
    np.save(tmp_path / "a.npy", image)
    with pytest.raises(PhysicsError, match="same file"):
        solve_files(tmp_path / "a.npy", tmp_path / "a.npy")
    files = FieldFiles(tmp_path / "b.png", plot=tmp_path / "b.png")
    with pytest.raises(PhysicsError, match="same file"):
        solve_files(tmp_path / "a.npy", files)
    assert np.array_equal(np.load(tmp_path / "a.npy"), image)


def test_an_unwritable_place_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiffkerasError, match="can't be written"):
        write_field(tmp_path / "file" / "field.npy", np.zeros((4, 4)))


def test_upper_case_suffixes(tmp_path):
    write_field(tmp_path / "field.NPY", np.ones((4, 4)))
    assert [entry.name for entry in tmp_path.iterdir()] == ["field.NPY"]
