"""The directory of a study: what study.json says of it, and which runs failed."""

import contextlib
import csv
import datetime
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffkeras.config import Config, format_counts
from diffkeras.errors import OutputError, RunError
from diffkeras.reporting.text import value_text
from diffkeras.studies.results import names_damaged
from diffkeras.studies.study import PlannedRun, Study
from diffkeras.studies.study_data import SIZE, STUDY_FILE, StudyData
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import (
    check_directory,
    names_unwritable,
    read_json,
    write_csv,
    write_json,
)
from diffkeras.system.result_folders import check_replaceable, claim, remove_files

FAILED = "failed.csv"
REPORT = "report.html"  # the last file of a study's results
DATE = "date"
# the keys that say how a surrogate is trained, as a paper would report them
RECIPE = (
    *("training.loss", "training.optimizer", "training.learning_rate", "training.schedule"),
    *("training.warmup", "training.batch_size", "training.steps_per_epoch", "training.epochs"),
    *("training.rollback_factor", "model.architecture", "model.initial_weights"),
    *("model.transform", "model.width", "model.depth"),
)
READINGS = {
    "fixed_value": "sources of fixed value",
    "production": "sources that produce",
}


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
                    f"{directory} has runs of {factor} {', '.join(lost)}, which the study doesn't "
                    f"name any more: a study can grow, but not shrink; {advice}"
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


def describe_study(
    study: Study,
    data: StudyData,
    runs: Sequence[PlannedRun],
    numbers: dict[str, int],
    command: str,
) -> dict[str, Any]:
    """The content of study.json: question, factors, scale, budget, cost, machine and versions."""
    states = [Run(run.run_dir).state() for run in runs]
    physics = study.base.physics
    return {
        **identify(study),
        "question": study.question,
        "test_images": {label: test_set_in_words(test) for label, test in study.test_sets.items()},
        "lattice": list(physics.lattice),
        "sources": READINGS[physics.sources],
        "trainable_parameters": sorted({state.get("trainable_parameters", 0) for state in states}),
        "training_examples": sorted({int(size) for size in data.overall()[SIZE]}),
        "budget": budget_in_words([run.config for run in runs]),
        "runs": numbers,
        "training_seconds": round(sum(state.get("seconds") or 0.0 for state in states), 1),
        "machines": _distinct([state["machine"] for state in states]),
        "versions": _distinct([state["versions"] for state in states]),
        "commits": _distinct([state["commit"] for state in states if state.get("commit")]),
        "recipe": recipe_of(study.base),
        "command": command,
    }


def recipe_of(config: Config) -> dict[str, Any]:
    """How the runs of a study are trained where its factors don't say otherwise, by key."""
    values = {}
    for key in RECIPE:
        section, name = key.split(".")
        values[key] = getattr(config, section).model_dump(mode="json")[name]
    return values


def _distinct(values: Sequence[Any]) -> list[Any]:
    return [value for place, value in enumerate(values) if value not in values[:place]]


def with_date(description: dict[str, Any], file: Path) -> dict[str, Any]:
    """The description with today's date, or that of an earlier file with the same description.

    So a second call that measures nothing new leaves the file as it is.
    """
    with contextlib.suppress(RunError):
        before = read_json(file)
        if isinstance(before, dict) and before == {**description, DATE: before.get(DATE)}:
            return before
    return {**description, DATE: datetime.date.today().isoformat()}


def test_set_in_words(test: Config) -> str:
    """For example "100 images for each of 1-5 sources"."""
    counts = test.data.sources
    sources = "source" if counts == (1,) else "sources"
    return f"{test.data.test_examples} images for each of {format_counts(counts)} {sources}"


def budget_in_words(configs: Sequence[Config]) -> str:
    """Whether all runs train for equally many steps, equally many epochs, or neither.

    It follows from the configurations. Early stopping may end a run before.
    """
    steps = sorted({config.steps for config in configs})
    epochs = sorted({config.training.epochs for config in configs})
    batches = sorted({config.training.batch_size for config in configs})
    batch = f"{batches[0]}" if len(batches) == 1 else f"{batches[0]} to {batches[-1]}"
    if len(steps) == 1:
        return f"Equal steps: every run trains for {steps[0]} steps of {batch} examples."
    ranges = f"{steps[0]} to {steps[-1]} steps of {batch} examples"
    if len(epochs) == 1 and not any(config.training.steps_per_epoch for config in configs):
        return f"Equal epochs: every run trains for {epochs[0]} epochs, which are {ranges}."
    return f"Neither equal steps nor equal epochs: runs train for {ranges}."


def budget_of(study: Study, factor: str) -> str:
    """A clause about the training time of a factor's values; "" if all have equal training sets.

    With equal epochs a larger set also has more steps, so the study can't separate the two causes.
    """
    runs: dict[str, list[Config]] = {}  # of all values, in the same order of the other factors
    for values, config in study.combinations:
        runs.setdefault(value_text(values[factor]), []).append(config)
    sizes = [sum(_examples(config) for config in own) for own in runs.values()]
    steps = [[config.steps for config in own] for own in runs.values()]
    if len(set(sizes)) < 2:
        return ""
    if all(own == steps[0] for own in steps):
        return ", after equal steps"
    most, fewest = (sum(steps[sizes.index(size)]) for size in (max(sizes), min(sizes)))
    more = f"the largest training set also has {most / fewest:.3g} times the steps"
    epochs = [
        [(config.training.epochs, config.training.steps_per_epoch) for config in own]
        for own in runs.values()
    ]
    if all(own == epochs[0] for own in epochs):
        return f", after equal epochs, so {more}"
    return f", where {more}"


def _examples(config: Config) -> int:
    """The number of training examples of all source counts."""
    return config.data.train_examples_used * len(config.data.sources)
