"""The directory of a study: what study.json says of it, and which runs failed."""

import contextlib
import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffkeras.errors import OutputError, RunError
from diffkeras.studies.evaluations import names_damaged
from diffkeras.studies.plan import PlannedRun, Study
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import (
    check_directory,
    names_unwritable,
    read_json,
    write_csv,
    write_json,
)
from diffkeras.system.result_folders import check_replaceable, claim, remove_files

STUDY_FILE = "study.json"  # by which a later call recognises the directory
FAILED = "failed.csv"
REPORT = "report.html"  # the last file of a study's results


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
    """Raise an error, before any work, if a directory is not that of a study.

    Raises:
        OutputError: it holds other files, or is that of the runs.
        RunError: it belongs to another study, or has values of factors that this one lacks.
    """
    if os.path.realpath(directory) == os.path.realpath(runs_dir):
        raise OutputError(
            f"{directory} is the directory of all runs; choose another --run-dir or --runs-dir"
        )
    check_replaceable(directory, REPORT, (STUDY_FILE, FAILED, REPORT))
    if (directory / STUDY_FILE).exists():
        _check_identity(directory, study)


def _check_identity(directory: Path, study: Study) -> None:
    advice = "choose another --run-dir, or remove it: the runs themselves are elsewhere"
    expected = identify(study)
    try:
        content = read_json(directory / STUDY_FILE)
    except RunError as error:
        raise RunError(f"{error}; {advice}") from None
    if not isinstance(content, dict) or not {"name", "factors"} <= content.keys():
        raise RunError(
            f"{directory / STUDY_FILE} is damaged, or written by another program; {advice}"
        )
    if content["name"] != study.name:
        raise RunError(
            f"{directory} holds another study, whose name is {content['name']!r}, not "
            f"{study.name!r}; {advice}"
        )
    with names_damaged([directory / STUDY_FILE]):
        for factor, values in content["factors"].items():
            lost = [value for value in values if value not in expected["factors"].get(factor, [])]
            if lost:
                raise RunError(
                    f"{directory} has runs of {factor} {', '.join(lost)}, which the study no "
                    f"longer names: a study can grow, but not shrink; {advice}"
                )


def check_writable(path: Path) -> None:
    """Raise an OutputError if a directory, which need not exist yet, can't be written."""
    with names_unwritable(path):
        places = (path, *path.absolute().parents)
        check_directory(next(place for place in places if place.exists()))


def begin_study(directory: Path, study: Study) -> None:
    """Create the directory of a study, with study.json."""
    if not (directory / STUDY_FILE).is_file():
        claim(directory, STUDY_FILE, REPORT)
        write_json(directory / STUDY_FILE, identify(study))


def write_failed(directory: Path, failed: Sequence[FailedRun]) -> None:
    """Write `failed.csv`, or remove it if no run has failed."""
    if failed:
        claim(directory, FAILED, REPORT)
        write_csv(directory / FAILED, *failed_table(failed))
    elif (directory / FAILED).is_file():
        with names_unwritable(directory / FAILED):
            claim(directory, FAILED, REPORT)
            remove_files(directory, [FAILED])


def failed_table(failed: Sequence[FailedRun]) -> tuple[list[str], list[tuple[str, ...]]]:
    """The columns and rows of `failed.csv`."""
    return ["title", "run", "error"], [(run.title, run.run, run.error) for run in failed]


def failures(directory: Path, runs: Sequence[PlannedRun]) -> dict[str, str]:
    """Identity of each unfinished run that failed → its error.

    A training run notes its errors itself; those of evaluations are in `failed.csv`.
    """
    errors: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError, KeyError, csv.Error):  # it is missing or damaged
        lines = (directory / FAILED).read_text(encoding="utf-8").splitlines()
        errors |= {row["run"]: row["error"] for row in csv.DictReader(lines)}
    for run in runs:
        with contextlib.suppress(RunError):
            state = Run(run.run_dir).state()
            if state["state"] == "failed":
                errors[run.identity] = str(state.get("reason", ""))
    unfinished = [run.identity for run in runs if not run.done]
    return {identity: errors[identity] for identity in unfinished if identity in errors}
