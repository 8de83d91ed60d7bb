"""Run directories: their configuration, their state, and what may go on."""

import contextlib
import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

from diffkeras.errors import Interrupted, RunError
from diffkeras.identity import changed_keys, keys_that_stop
from diffkeras.surrogates.build import build_model, save_weights
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.surrogate import load_surrogate
from tests.helpers.counted_calls import CountedCalls
from tests.helpers.refusals import files_below

HUBER = {"error": "huber", "delta": 0.1, "weight": "tanh"}


@pytest.mark.parametrize(
    ("before", "changes", "found"),
    [
        ({}, {"training.loss": {"error": "absolute"}}, []),
        ({}, {"training.loss": "squared"}, ["training.loss absolute there, squared here"]),
        (
            {},
            {"training.loss": HUBER},
            ["training.loss absolute there, huber(delta=0.1) × tanh here"],
        ),
        ({"training.schedule": "constant"}, {"training.epochs": 4, "evaluation.cases": 1}, []),
        (
            {"training.schedule": "cosine"},
            {"training.epochs": 4},
            ["training.epochs 2 there, 4 here"],
        ),
    ],
)
def test_what_stops_an_unfinished_run(tiny, before, changes, found):
    config = tiny.with_overrides(before)
    assert keys_that_stop(config, config.with_overrides(changes)) == found


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


def test_nothing_that_comes_later_undoes_a_finished_run(tmp_path, tiny):
    run = Run.begin(tmp_path / "run", tiny)
    run.write_state("finished")
    with pytest.raises(KeyboardInterrupt), run.recording_how_it_ends():
        raise KeyboardInterrupt
    assert run.state()["state"] == "finished"
    (run.path / "run.json").write_text("{")  # of a full disk
    with pytest.raises(MemoryError), run.recording_how_it_ends():
        raise MemoryError


def test_foreign_directories_are_no_runs(tmp_path, tiny):
    file = tmp_path / "thesis.txt"
    file.write_text("precious")
    for place, message in (
        (tmp_path / "none", "there is no run directory"),
        (file, "there is no run directory"),
        (tmp_path, "holds no diffkeras run"),
    ):
        with pytest.raises(RunError, match=message):
            load_surrogate(place)
    (tmp_path / "run.json").write_text(json.dumps({"project": "mine"}))
    with pytest.raises(RunError, match="another program"):
        Run.begin(tmp_path, tiny)
    assert file.read_text() == "precious"


@pytest.mark.parametrize("spoil", [Path.unlink, lambda file: file.write_text("")])
def test_a_configuration_that_is_gone_is_no_other_configuration(tmp_path, tiny, spoil):
    run = Run.begin(tmp_path / "run", tiny)
    (run.checkpoints / "000000-0000000001").mkdir(parents=True)
    spoil(run.path / "config.yaml")
    with pytest.raises(RunError, match=r"damaged: .*config\.yaml is missing or empty"):
        run.check(tiny)


@pytest.mark.parametrize("restart", [False, True])
def test_an_unfinished_run_is_set_aside_with_files_of_the_user(tmp_path, tiny, restart):
    run = Run.begin(tmp_path / "run", tiny)
    if restart:
        (run.checkpoints / "000000-0000000001").mkdir(parents=True)
    notes = dict.fromkeys(("logs/notes.txt", "weights.npz", "evaluation/a.png"), b"precious")
    for name, content in notes.items():
        (run.path / name).parent.mkdir(exist_ok=True)
        (run.path / name).write_bytes(content)
    Run.begin(run.path, tiny, restart=restart)
    assert files_below(run.path).keys() == {"run.json", "config.yaml"}
    assert notes.items() <= files_below(tmp_path / "run.previous").items()


def test_a_run_that_failed_at_its_start_begins_in_its_place(tmp_path, tiny):
    for _ in range(2):
        run = Run.begin(tmp_path / "run", tiny)
        (run.logs / "train").mkdir(parents=True, exist_ok=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


def test_a_run_that_is_killed_while_it_begins_can_begin_again(tmp_path, tiny, monkeypatch):
    places = (Path, "replace"), (Path, "unlink"), (Path, "rename")
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


@pytest.mark.parametrize("name", ["config.yaml", "history.csv", "weights.npz"])
def test_a_file_that_is_missing_is_damage(own_run, name):
    (own_run / name).unlink()
    with pytest.raises(RunError, match=rf"is damaged: .*{name} is missing"):
        Run.open(own_run)


@pytest.mark.parametrize("format", [None, 1, 3])
def test_a_run_of_another_version_is_refused_with_what_makes_it_again(
    own_run, tiny, refused, format
):
    file = own_run / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": format}))
    command = f"diffkeras train --config {own_run}/config.yaml --run-dir {own_run}-again"
    assert command in refused("export", own_run)
    with pytest.raises(RunError, match="of another version of diffkeras"):
        Run.begin(own_run, tiny, overwrite=True)


def test_weights_of_another_network_are_refused_in_a_sentence(own_run, tiny):
    def refusal() -> str:
        with pytest.raises(RunError) as error:
            load_surrogate(own_run)
        return str(error.value)

    file = own_run / "weights.npz"
    content = file.read_bytes()
    for change, words in (
        ({"model.width": 4}, r"encoder_conv_0/kernel is float32 \(3, 3, 1, 4\) there"),
        ({"model.depth": 2}, r"decoder_conv_0/kernel is float32 \(3, 3, 4, 8\) there"),
    ):
        save_weights(file, build_model(tiny.with_overrides(change)))
        assert re.search(f"weights of another network than config.yaml: .*{words}", refusal())
    for damaged in (b"", content[:-100], b"PK" + content[2:200]):
        file.write_bytes(damaged)
        assert re.search(r"weights\.npz can't be read as weights of a network", refusal())
    np.savez(file, words=np.array(["no numbers"]))
    assert "is <U10 (1,) there" in refusal()
