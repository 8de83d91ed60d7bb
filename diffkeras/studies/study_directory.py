"""The directory of a study: whose it is, and which runs failed."""

import contextlib
import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffkeras.errors import OutputError, RunError
from diffkeras.studies.config import Study
from diffkeras.studies.plan import Cell
from diffkeras.studies.tables import MARK
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import (
    check_directory,
    names_unwritable,
    read_json,
    write_csv,
    write_json,
)

FAILED = "failed.csv"


@dataclass(frozen=True)
class FailedRun:
    """A run of a study that ended with an error.

    Attributes:
        title: the factors' values, for people.
        run: its identity.
        error: what went wrong, in one line.
    """

    title: str
    run: str
    error: str


def mark(study: Study) -> dict[str, Any]:
    """What `study.json` says of a study, by which its directory is known."""
    return {
        "name": study.name,
        "title": study.title,
        "factors": study.factors_as_text,
        "test_sets": list(study.test_sets),
    }


def check_study_directory(directory: Path, study: Study, runs_dir: Path) -> None:
    """Raise an error, before any work, if a directory is not that of a study.

    Raises:
        OutputError: it holds other files, or is that of the runs.
        RunError: it belongs to another study, or to other factors.
    """
    if os.path.realpath(directory) == os.path.realpath(runs_dir):
        raise OutputError(
            f"{directory} is the directory of all runs; choose another --run-dir or --runs-dir"
        )
    names = {entry.name for entry in directory.iterdir()} if directory.is_dir() else set()
    if MARK not in names and names:
        raise OutputError(
            f"{directory} holds files but no {MARK}, so it is no study's; choose another --run-dir"
        )
    if MARK in names:
        _check_mark(directory, study)


def _check_mark(directory: Path, study: Study) -> None:
    other = "choose another --run-dir, or remove it: the runs themselves are elsewhere"
    wanted = mark(study)
    try:
        found = read_json(directory / MARK)
    except RunError as error:
        raise RunError(f"{error}; {other}") from None
    if not isinstance(found, dict) or not {"name", "factors"} <= found.keys():
        raise RunError(f"{directory / MARK} is damaged, or written by another program; {other}")
    for key in ("name", "factors"):
        if found[key] != wanted[key]:
            raise RunError(
                f"{directory} holds another study, whose {key} is {_short(found[key])}, not "
                f"{_short(wanted[key])}; {other}"
            )


def _short(value: Any) -> str:
    if isinstance(value, dict) and all(isinstance(v, list) for v in value.values()):
        return "; ".join(f"{k}: {', '.join(map(str, v))}" for k, v in value.items())
    return repr(value)


def check_writable(path: Path) -> None:
    """Raise an OutputError if a directory, which need not exist yet, can't be written."""
    with names_unwritable(path):
        places = (path, *path.absolute().parents)
        check_directory(next(place for place in places if place.exists()))


def begin_study(directory: Path, study: Study) -> None:
    """Create the directory of a study, with its mark."""
    check_directory(directory)
    if not (directory / MARK).is_file():
        write_json(directory / MARK, mark(study))


def write_failed(directory: Path, failed: Sequence[FailedRun]) -> None:
    """Write `failed.csv`, or remove it if no run has failed."""
    if failed:
        rows = [(run.title, run.run, run.error) for run in failed]
        write_csv(directory / FAILED, ["title", "run", "error"], rows)
    else:
        with names_unwritable(directory / FAILED):
            (directory / FAILED).unlink(missing_ok=True)


def failures(directory: Path, cells: Sequence[Cell]) -> dict[str, str]:
    """Identity of each unfinished run that failed → its error.

    A training run notes its errors itself; those of evaluations are in `failed.csv`.
    """
    found: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError, KeyError, csv.Error):  # it is missing or damaged
        lines = (directory / FAILED).read_text(encoding="utf-8").splitlines()
        found |= {row["run"]: row["error"] for row in csv.DictReader(lines)}
    for cell in cells:
        with contextlib.suppress(RunError):
            state = Run(cell.run_dir).state()
            if state["state"] == "failed":
                found[cell.identity] = str(state.get("reason", ""))
    return {
        cell.identity: found[cell.identity]
        for cell in cells
        if cell.identity in found and not cell.done
    }
