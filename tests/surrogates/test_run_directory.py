"""Run directories: their configuration, their state, and what may go on."""

import contextlib
import itertools
import json
import shutil
from pathlib import Path

import pytest

from diffkeras.errors import Interrupted, RunError
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.run_identity import changed_keys, differing_keys
from tests.helpers.counted_calls import CountedCalls


@pytest.mark.parametrize(
    ("loss", "found"),
    [
        ({"error": "absolute"}, []),
        ("squared", ["training.loss absolute there, squared here"]),
        (
            {"error": "huber", "delta": 0.1, "weight": "tanh"},
            ["training.loss absolute there, huber(delta=0.1) × tanh here"],
        ),
    ],
)
def test_another_loss_is_one_difference(tiny, loss, found):
    assert differing_keys(tiny, tiny.with_overrides({"training.loss": loss})) == found


@pytest.mark.parametrize(
    ("free", "found"), [("model.width", False), ("model.", False), ("model.wid", True), ("", True)]
)
def test_free_keys_are_whole_keys_or_sections(tiny, free, found):
    assert bool(changed_keys(tiny, tiny.with_overrides({"model.width": 4}), (free,))) is found


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (Interrupted("stopped", 2), "interrupted"),
        (KeyboardInterrupt(), "interrupted"),
        (MemoryError(), "failed"),
    ],
)
def test_the_state_says_how_work_ended(tmp_path, tiny, error, state):
    run = Run.begin(tmp_path / "run", tiny)
    with pytest.raises(type(error)), run.recording_how_it_ends():
        raise error
    assert run.state()["state"] == state
    assert run.state()["seed"] == tiny.training.seed
    with run.recording_how_it_ends():
        run.write_state("finished")
    assert run.state()["state"] == "finished"


def test_nothing_that_comes_later_undoes_a_finished_run(tmp_path, tiny):
    run = Run.begin(tmp_path / "run", tiny)
    run.write_state("finished")
    with pytest.raises(KeyboardInterrupt), run.recording_how_it_ends():
        raise KeyboardInterrupt
    assert run.state()["state"] == "finished"


def test_an_error_is_not_hidden_by_one_of_recording_it(tmp_path, tiny):
    run = Run.begin(tmp_path / "run", tiny)
    (run.path / "run.json").write_text("{")  # of a full disk
    with pytest.raises(MemoryError), run.recording_how_it_ends():
        raise MemoryError


def test_a_foreign_run_json_is_no_run(tmp_path, tiny):
    (tmp_path / "run.json").write_text(json.dumps({"project": "mine"}))
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(RunError, match="another program"):
        Run.begin(tmp_path, tiny)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize("spoil", [Path.unlink, lambda file: file.write_text("")])
def test_a_configuration_that_is_gone_is_no_other_configuration(tmp_path, tiny, spoil):
    run = Run.begin(tmp_path / "run", tiny)
    (run.checkpoints / "000000-0000000001").mkdir(parents=True)
    spoil(run.path / "config.yaml")
    with pytest.raises(RunError, match=r"damaged: .*config\.yaml is missing or empty"):
        run.check(tiny)


def test_an_unfinished_run_gives_way_but_notes_stay(tmp_path, tiny):
    run = Run.begin(tmp_path / "run", tiny)
    (run.path / "history.csv").write_text("old")
    (run.path / "notes.txt").write_text("precious")
    Run.begin(run.path, tiny)
    assert (run.path / "notes.txt").read_text() == "precious"
    assert not (run.path / "history.csv").exists()


def test_a_run_that_is_killed_while_it_begins_can_begin_again(tmp_path, tiny, monkeypatch):
    places = (Path, "replace"), (Path, "unlink"), (shutil, "rmtree")
    counted = CountedCalls(monkeypatch, *places)
    for counted.stop_at in itertools.count(1):
        run = Run(tmp_path / str(counted.stop_at))
        counted.made.clear()
        with contextlib.suppress(KeyboardInterrupt):
            Run.begin(run.path, tiny)
            (run.checkpoints / "1").mkdir(parents=True)
            Run.begin(run.path, tiny, restart=True)
        if len(counted.made) < counted.stop_at:
            break
        (run.path / ".partial.run.json").write_text("{")  # which SIGKILL leaves
        Run.begin(run.path, tiny)
        assert run.state()["state"] == "running"
        assert run.config() == tiny


def test_an_earlier_run_set_aside_is_kept(tmp_path, tiny):
    for _ in range(3):
        Run.begin(tmp_path / "run", tiny, overwrite=True).write_state("finished")
    names = {entry.name for entry in tmp_path.iterdir()}
    assert {"run", "run.previous", "run.previous-2"} <= names


def test_checkpoints_that_a_kill_left_in_a_finished_run_are_removed(tmp_path, tiny):
    run = Run.begin(tmp_path / "run", tiny)
    run.write_state("finished")
    (run.checkpoints / "1").mkdir(parents=True)
    with pytest.raises(RunError, match="holds a finished run"):
        Run.begin(tmp_path / "run", tiny)
    assert not run.checkpoints.exists()
