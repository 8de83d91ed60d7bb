"""What a finished run rests on is what its training wrote: its physics, its history, its model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import flipped

from diffkeras.errors import RunError
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.run_state import HASHED


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("decay: 0.05", "decay: 0.85"),
        ("step: 1.0", "step: 1.8"),
        ("transform: sqrt", "transform: linear"),
        ("width: 2", "width: 8"),
        ("loss: absolute", "loss: magic"),
    ],
)
def test_a_changed_configuration_is_no_run(own_run: Path, old: str, new: str) -> None:
    change(own_run / "config.yaml", old, new)
    with pytest.raises(RunError, match=r"config\.yaml was changed after the training"):
        Run.open(own_run).config()


@pytest.mark.parametrize("command", ["predict", "evaluate", "export"])
def test_no_command_takes_a_changed_configuration(
    own_run: Path, data_dir: Path, tmp_path: Path, refused: Callable[..., str], command: str
) -> None:
    change(own_run / "config.yaml", "decay: 0.05", "decay: 0.85")
    np.save(tmp_path / "image.npy", np.zeros((16, 16)))
    words = {
        "predict": [tmp_path / "image.npy", "-o", tmp_path / "field.npy", "--certify"],
        "evaluate": ["--data-dir", data_dir, "--output", tmp_path / "out"],
        "export": ["-o", tmp_path / "out"],
    }[command]
    assert "config.yaml was changed" in refused(command, own_run, *words)
    assert not {"field.npy", "out"} & {entry.name for entry in tmp_path.iterdir()}


def test_other_ends_of_lines_change_nothing(own_run: Path) -> None:
    for name in ("config.yaml", "history.csv"):
        file = own_run / name
        file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert Run.open(own_run).config()
    assert Run.open(own_run).history()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"sha256"', '"sha257"'),
        *((f'"{name}":', f'"x{name}":') for name in HASHED),
    ],
)
def test_a_run_that_notes_not_all_hashes_is_refused(own_run: Path, old: str, new: str) -> None:
    before = Run(own_run).state()
    change(own_run / "run.json", old, new)
    for use in (lambda: Run.open(own_run), *uses(Run(own_run))):
        with pytest.raises(RunError, match=r"run\.json doesn't note .*diffkeras train --config"):
            use()
    Run(own_run).seal()
    assert Run.open(own_run).state() == {**before, **Run(own_run).state()}
    assert Run.open(own_run).state()["sha256"] == before["sha256"]


@pytest.mark.parametrize("name", HASHED)
def test_a_noted_file_that_is_missing_is_damage(own_run: Path, name: str) -> None:
    (own_run / name).unlink()
    run = Run(own_run)
    for use in (lambda: Run.open(own_run), *uses(run), run.seal):
        with pytest.raises(RunError, match=rf"{name}.* (missing|No such file)"):
            use()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("dataset_versions", "1", "dataset_versions"),
        ("dataset_versions", {"1": 2}, "dataset_versions"),
        ("best_epoch", 99, "best_epoch 99 of 2"),
        ("best_epoch", 0, "best_epoch"),
        ("epochs", "many", "epochs"),
        ("config_end", 3, "config_end"),
        ("validation", 3, "validation"),
        ("sha256", [], "sha256"),
        ("seconds", -1, "seconds"),
    ],
)
def test_a_state_of_other_kinds_is_no_run(
    own_run: Path, key: str, value: Any, message: str
) -> None:
    file = own_run / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
    with pytest.raises(RunError, match=rf"run\.json is damaged.*{message}"):
        Run.open(own_run)


def test_another_history_is_damage(own_run: Path) -> None:
    file, run = own_run / "history.csv", Run(own_run)
    text = file.read_text()
    header, *rows = text.splitlines()
    best = run.state()["best_epoch"]
    nan = [*rows[: best - 1], ",".join("nan" for _ in header.split(",")), *rows[best:]]
    for content, message in (
        ([header], "has 0 of 2 epochs"),
        ([header, *nan], "has a validation MAE of nan"),
        ([header.replace("val_mae,", "other,"), *rows], "has a validation MAE of nan"),
        ([header, rows[0], rows[1].replace("1", "2", 1)], "history.csv"),
    ):
        file.write_text("\n".join([*content, ""]))
        with pytest.raises(RunError, match=message):
            run.history()
    file.write_text(text.replace(",seconds,", ",minutes,"))  # only the hash tells
    with pytest.raises(RunError, match="was changed after the training"):
        run.history()


@pytest.mark.parametrize("name", HASHED)
def test_a_flipped_byte_is_found_in_every_file_that_a_run_rests_on(
    own_run: Path, name: str
) -> None:
    for seed in range(8):
        file = own_run / name
        content = file.read_bytes()
        file.write_bytes(flipped(content, seed))
        with pytest.raises(RunError, match=name):
            check_whole(Run(own_run))
        file.write_bytes(content)
    check_whole(Run.open(own_run))


def uses(run: Run) -> tuple[Callable[[], Any], ...]:
    return run.config, run.history, run.check_model


def check_whole(run: Run) -> None:
    for use in uses(run):
        use()
