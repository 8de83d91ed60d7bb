"""The files of a finished run are those that its training wrote."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffkeras.errors import RunError
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.run_state import HASHED
from tests.helpers.refusals import flipped


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("command", ["predict", "evaluate", "export"])
def test_no_command_takes_a_changed_configuration(own_run, data_dir, tmp_path, refused, command):
    change(own_run / "config.yaml", "decay: 0.05", "decay: 0.85")
    np.save(tmp_path / "image.npy", np.zeros((16, 16)))
    words = {
        "predict": [tmp_path / "image.npy", "-o", tmp_path / "field.npy", "--certify"],
        "evaluate": ["--data-dir", data_dir, "--output", tmp_path / "out"],
        "export": ["-o", tmp_path / "out"],
    }[command]
    assert "config.yaml was changed" in refused(command, own_run, *words)
    assert not {"field.npy", "out"} & {entry.name for entry in tmp_path.iterdir()}


def test_other_ends_of_lines_change_nothing(own_run):
    for name in ("config.yaml", "history.csv"):
        file = own_run / name
        file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert Run.open(own_run).config()
    assert Run.open(own_run).history()


@pytest.mark.parametrize(("old", "new"), [('"sha256"', '"sha257"'), ('"model.keras":', '"model":')])
def test_a_run_that_notes_not_all_hashes_is_refused(own_run, old, new):
    before = Run(own_run).state()
    change(own_run / "run.json", old, new)
    for use in (lambda: Run.open(own_run), *uses(Run(own_run))):
        with pytest.raises(RunError, match=r"run\.json has no SHA-256 .*diffkeras train --config"):
            use()
    Run(own_run).seal()
    assert Run.open(own_run).state() == {**before, **Run(own_run).state()}
    assert Run.open(own_run).state()["sha256"] == before["sha256"]


@pytest.mark.parametrize("name", HASHED)
def test_a_file_that_is_missing_or_has_a_flipped_byte_is_damage(own_run, name):
    file, run = own_run / name, Run(own_run)
    content = file.read_bytes()
    file.write_bytes(flipped(content, 0))
    use = dict(zip(HASHED, uses(run), strict=True))[name]
    with pytest.raises(RunError, match=f"{name} was changed after the training"):
        use()
    file.unlink()
    for use in (lambda: Run.open(own_run), *uses(run), run.seal):
        with pytest.raises(RunError, match=rf"{name} is missing"):
            use()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("best_epoch", 99, "best_epoch 99 of 2"),
        ("sha256", [], "sha256"),
        ("seconds", -1, "seconds"),
    ],
)
def test_a_state_of_other_kinds_is_no_run(own_run, key, value, message):
    file = own_run / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
    with pytest.raises(RunError, match=rf"run\.json is damaged.*{message}"):
        Run.open(own_run)


@pytest.mark.parametrize("format", [None, 0, 2])
def test_a_run_of_another_version_is_refused_with_what_makes_it_again(
    own_run, tiny, refused, format
):
    file = own_run / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": format}))
    command = f"diffkeras train --config {own_run}/config.yaml --run-dir {own_run}-again"
    assert command in refused("export", own_run)
    with pytest.raises(RunError, match="of another version of diffkeras"):
        Run.begin(own_run, tiny, overwrite=True)


def uses(run: Run) -> tuple[Callable[[], Any], ...]:
    return run.config, run.history, run.check_model
