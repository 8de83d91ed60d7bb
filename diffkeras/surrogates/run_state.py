"""What `run.json` says of a run, checked, with the hashes of the files that its results rest on."""

import csv
import hashlib
import math
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from diffkeras.config import explain
from diffkeras.errors import RunError
from diffkeras.system.atomic_files import check_regular, read_json

MARK = "run.json"
HASHED = ("config.yaml", "history.csv", "model.keras")
TEXTS = ("config.yaml", "history.csv")  # Git may change the ends of their lines
CHOOSES = "mae"  # the validation metric that chooses the best epoch


class RunState(BaseModel, extra="allow"):
    """The content of `run.json`; runs of earlier versions have fewer keys."""

    state: str
    versions: dict[str, str]
    machine: str
    config_end: str = ""
    seconds: float | None = Field(None, ge=0)
    epochs: int | None = Field(None, ge=1)
    best_epoch: int | None = Field(None, ge=1)
    trainable_parameters: int | None = Field(None, ge=0)
    dataset_versions: dict[str, str] | None = None
    validation: dict[str, float | None] | None = None
    sha256: dict[str, str] = {}


def read_state(file: Path) -> dict[str, Any]:
    """The content of a `run.json`.

    Raises:
        RunError: it is missing, damaged, or of another program, which may write such files, too.
    """
    content: dict[str, Any] = read_json(file)
    other = f"{file} is damaged, or written by another program"
    if not isinstance(content, dict):
        raise RunError(other)
    try:
        found = RunState.model_validate(content)
    except ValidationError as error:
        raise RunError(f"{other}: {explain(error, RunState, content)}") from None
    if found.epochs and found.best_epoch and found.best_epoch > found.epochs:
        raise RunError(f"{other}: best_epoch {found.best_epoch} of {found.epochs} epochs")
    return content


def file_hash(file: Path) -> str:
    """The SHA-256 of a file, of texts without the differences between ends of lines."""
    content = file.read_bytes()
    if file.name in TEXTS:
        content = content.replace(b"\r\n", b"\n")
    return hashlib.sha256(content).hexdigest()


def file_hashes(run: Path) -> dict[str, str]:
    """The hashes of those files of a run that are there, by name."""
    return {name: file_hash(run / name) for name in HASHED if (run / name).is_file()}


def check_sealed(run: Path, state: dict[str, Any]) -> None:
    """Raise a RunError if a finished run notes not all of its hashes, or lacks a noted file.

    Otherwise a changed character in `run.json` would switch off the check of what it notes.
    """
    if state["state"] != "finished":  # its files may still change
        return
    if unnoted := [name for name in HASHED if name not in state.get("sha256", {})]:
        raise RunError(
            f"the run directory {run} is damaged: {MARK} doesn't note the SHA-256 of "
            f"{', '.join(unnoted)}; train again by `diffkeras train --config "
            f"{run / 'config.yaml'} --run-dir {run} --overwrite`, or, only if you know that the "
            "files are what the training wrote, note them by "
            "`diffkeras.surrogates.run_directory.Run(path).seal()`"
        )
    for name in HASHED:
        if not (run / name).is_file():
            raise RunError(f"the run directory {run} is damaged: {run / name} is missing")


def check_hash(file: Path, state: dict[str, Any], remedy: str) -> None:
    """Raise a RunError if a file isn't the one that a finished run has noted."""
    check_sealed(file.parent, state)
    if state["state"] == "finished" and file_hash(file) != state["sha256"][file.name]:
        raise RunError(
            f"the run directory {file.parent} is damaged: {file} was changed after the training "
            f"(its SHA-256 isn't that in {MARK}); {remedy}"
        )


def read_history(file: Path, state: dict[str, Any]) -> list[dict[str, float]]:
    """Losses and metrics of each epoch of a run; none if an unfinished run has no file yet.

    Raises:
        RunError: it is damaged, or not the history of the run.
    """
    damaged = f"the run directory {file.parent} is damaged: {file}"
    try:
        if os.path.lexists(file):
            check_regular(file)
        with open(file, encoding="utf-8", newline="") as lines:
            rows = [
                {name: float(value) if value else math.nan for name, value in row.items()}
                for row in csv.DictReader(lines)
            ]
    except FileNotFoundError:
        check_sealed(file.parent, state)
        return []
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise RunError(f"{damaged}: {error}") from None
    epochs, best = state.get("epochs"), state.get("best_epoch")
    if epochs not in (None, len(rows)):
        raise RunError(f"{damaged} has {len(rows)} of {epochs} epochs")
    if state["state"] == "finished" and best and (noted := state.get("validation")):
        found = rows[best - 1].get(f"val_{CHOOSES}", math.nan)
        if found != noted.get(CHOOSES):
            raise RunError(
                f"{damaged} has a validation MAE of {found:.6g} in the best epoch, {best}, and "
                f"{MARK} {noted.get(CHOOSES)}; restore the file"
            )
    check_hash(file, state, "restore the file")
    return rows
