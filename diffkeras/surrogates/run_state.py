"""The content of `run.json`, checked, with the hashes of the files that results rest on."""

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

RUN_FILE = "run.json"
FORMAT = 1  # version of run directories; runs of unreleased versions have no number
HASHED = ("config.yaml", "history.csv", "model.keras")
# Git may change the ends of their lines
TEXTS = ("config.yaml", "history.csv")


class RunState(BaseModel, extra="allow"):
    """The content of `run.json`. Keys with a default are those of runs that have finished."""

    format: int
    state: str
    versions: dict[str, str]
    machine: str
    data_dir: str | None = None
    seconds: float | None = Field(None, ge=0)
    epochs: int | None = Field(None, ge=1)
    best_epoch: int | None = Field(None, ge=1)
    trainable_parameters: int | None = Field(None, ge=0)
    validation: dict[str, float | None] | None = None
    sha256: dict[str, str] = {}


def read_run_state(file: Path) -> dict[str, Any]:
    """The content of a `run.json`.

    Raises:
        RunError: it is missing, damaged, of another program, or of an unreleased version.
    """
    content: dict[str, Any] = read_json(file)
    if not isinstance(content, dict):
        raise RunError(f"{file} is damaged, or written by another program")
    run = file.parent
    if {"state", "versions"} <= content.keys() and content.get("format") != FORMAT:
        raise RunError(
            f"{run} is a run of another version of diffkeras, which this one doesn't read; train "
            f"again by `diffkeras train --config {run / 'config.yaml'} --run-dir {run}-again`"
        )
    try:
        state = RunState.model_validate(content)
    except ValidationError as error:
        reason = explain(error, RunState, content)
        raise RunError(f"{file} is damaged, or written by another program: {reason}") from None
    if state.epochs and state.best_epoch and state.best_epoch > state.epochs:
        raise RunError(f"{file} is damaged: best_epoch {state.best_epoch} of {state.epochs} epochs")
    return content


def file_hash(file: Path) -> str:
    """The SHA-256 of a file; different ends of lines in a text don't change it."""
    content = file.read_bytes()
    if file.name in TEXTS:
        content = content.replace(b"\r\n", b"\n")
    return hashlib.sha256(content).hexdigest()


def file_hashes(run: Path) -> dict[str, str]:
    """The hashes of those files of a run that exist, by name."""
    return {name: file_hash(run / name) for name in HASHED if (run / name).is_file()}


def check_sealed(run: Path, state: dict[str, Any]) -> None:
    """Raise a RunError if `run.json` of a finished run lacks a hash, or if a hashed file is gone.

    Otherwise a changed character in `run.json` would switch off a check.
    """
    if state["state"] != "finished":  # its files may still change
        return
    if missing := [name for name in HASHED if name not in state.get("sha256", {})]:
        raise RunError(
            f"the run directory {run} is damaged: {RUN_FILE} has no SHA-256 of "
            f"{', '.join(missing)}; train again by `diffkeras train --config "
            f"{run / 'config.yaml'} --run-dir {run} --overwrite`, or, only if you know that the "
            "files are what the training wrote, add their hashes by "
            "`diffkeras.surrogates.run_directory.Run(path).seal()`"
        )
    for name in HASHED:
        if not (run / name).is_file():
            raise RunError(f"the run directory {run} is damaged: {run / name} is missing")


def check_hash(file: Path, state: dict[str, Any], remedy: str) -> None:
    """Raise a RunError if a file of a finished run has another hash than `run.json` says."""
    check_sealed(file.parent, state)
    if state["state"] == "finished" and file_hash(file) != state["sha256"][file.name]:
        raise RunError(
            f"the run directory {file.parent} is damaged: {file} was changed after the training "
            f"(its SHA-256 isn't that in {RUN_FILE}); {remedy}"
        )


def read_history(file: Path, state: dict[str, Any]) -> list[dict[str, float]]:
    """Losses and metrics of each epoch of a run; none if an unfinished run has no file yet.

    Raises:
        RunError: it is damaged, or not the history of the run.
    """
    check_sealed(file.parent, state)
    if not os.path.lexists(file):
        return []
    try:
        check_regular(file)
        check_hash(file, state, "restore the file")
        with open(file, encoding="utf-8", newline="") as lines:
            return [
                {name: float(value) if value else math.nan for name, value in row.items()}
                for row in csv.DictReader(lines)
            ]
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise RunError(f"the run directory {file.parent} is damaged: {file}: {error}") from None
