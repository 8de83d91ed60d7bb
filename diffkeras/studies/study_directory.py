"""The directory of a study: what study.json says of it, and which runs failed."""

import contextlib
import csv
import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from diffkeras.errors import OutputError, RunError
from diffkeras.studies.evaluations import names_damaged
from diffkeras.studies.plan import PlannedRun, Study
from diffkeras.system.atomic_files import read_json, write_csv, write_json
from diffkeras.system.result_folders import check_replaceable, claiming, remove_files

STUDY_FILE = "study.json"  # by which a later call recognises the directory
FAILED = "failed.csv"
FAILED_COLUMNS = ("title", "run", "error")
REPORT = "report.html"  # the last file of a study's results
ADVICE = "choose another --run-dir, or remove it: the runs themselves are elsewhere"


@dataclass(frozen=True)
class FailedRun:
    """A run of a study that ended with an error."""

    title: str  # the factors' values, for people
    run: str  # its identity
    error: str  # in one line


def identify(study: Study) -> dict[str, Any]:
    """The content of study.json by which a later call recognises the directory of a study."""
    return {
        "name": study.name,
        "title": study.title,
        "factors": study.factors_as_text,
        "test_sets": list(study.test_sets),
    }


def check_study_directory(directory: Path, study: Study, runs_dir: Path) -> None:
    """Raise an error, before any work, if a directory can't hold the results of a study."""
    if os.path.realpath(directory) == os.path.realpath(runs_dir):
        raise OutputError(
            f"{directory} is the directory of all runs; choose another --run-dir or --runs-dir"
        )
    check_replaceable(directory, REPORT, (STUDY_FILE, FAILED, REPORT))
    file = directory / STUDY_FILE
    if not file.exists():
        return
    try:
        content = read_json(file)
        with names_damaged([file]):
            name, factors = content["name"], content["factors"].items()
            before = {(factor, value) for factor, values in factors for value in values}
    except RunError as error:
        raise RunError(f"{error}; {ADVICE}") from None
    if name != study.name:
        raise RunError(
            f"{directory} holds another study, whose name is {name!r}, not {study.name!r}; {ADVICE}"
        )
    present = {(factor, value) for factor, v in study.factors_as_text.items() for value in v}
    if lost := sorted(before - present):
        raise RunError(
            f"{directory} has runs of {' '.join(map(str, lost[0]))}, which the study no longer "
            f"names: a study can grow, but not shrink; {ADVICE}"
        )


def begin_study(directory: Path, study: Study) -> None:
    """Create the directory of a study, with study.json."""
    with claiming(directory, STUDY_FILE, REPORT):
        if not (directory / STUDY_FILE).is_file():
            write_json(directory / STUDY_FILE, identify(study))


def write_failed(directory: Path, failed: Sequence[FailedRun]) -> None:
    """Write `failed.csv`, or remove it if no run has failed."""
    if failed or (directory / FAILED).is_file():
        with claiming(directory, FAILED, REPORT):
            if failed:
                write_csv(directory / FAILED, FAILED_COLUMNS, map(astuple, failed))
            else:
                remove_files(directory, [FAILED])


def failures(directory: Path, runs: Sequence[PlannedRun]) -> dict[str, str]:
    """Identity of each unfinished run in `failed.csv` → its error."""
    unfinished = {run.identity for run in runs if not run.done}
    with contextlib.suppress(OSError, ValueError, KeyError, csv.Error):  # it is missing or damaged
        lines = (directory / FAILED).read_text(encoding="utf-8").splitlines()
        rows = csv.DictReader(lines)
        return {row["run"]: row["error"] for row in rows if row["run"] in unfinished}
    return {}
