"""What a study is, and what it was run on: the content of study.json."""

import contextlib
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diffkeras.config import Config, format_counts
from diffkeras.errors import RunError
from diffkeras.studies.config import Study
from diffkeras.studies.plan import Cell
from diffkeras.studies.study_data import StudyData
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import read_json

DATE = "date"
READINGS = {
    "fixed_value": "sources of fixed value",
    "production": "sources that produce",
}


def describe_study(
    study: Study,
    data: StudyData,
    runs: Sequence[Cell],
    *,
    planned: int,
    failed: int,
    command: str,
) -> dict[str, Any]:
    """Name, question, factors, scale, budget, cost, machine and versions of a study.

    Args:
        study: the study.
        data: its measurements.
        runs: its finished runs.
        planned: the number of runs that it has in all.
        failed: the number of runs that ended with an error.
        command: by which it was run.
    """
    states = [Run(run.run_dir).state() for run in runs]
    physics = study.base.physics
    return {
        "name": study.name,
        "title": study.title,
        "question": study.question,
        "factors": data.factors,
        "test_sets": list(study.test_sets),
        "test_images": {label: test_set_in_words(test) for label, test in study.test_sets.items()},
        "lattice": list(physics.lattice),
        "sources": READINGS[physics.sources],
        "trainable_parameters": sorted({state.get("trainable_parameters", 0) for state in states}),
        "training_examples": sorted({int(size) for size in data.overall["training_examples"]}),
        "budget": budget_in_words([run.config for run in runs]),
        "runs": {"planned": planned, "finished": len(runs), "failed": failed},
        "training_seconds": round(sum(state.get("seconds") or 0.0 for state in states), 1),
        "machines": _different(state["machine"] for state in states),
        "versions": _different(state["versions"] for state in states),
        "command": command,
    }


def with_date(description: dict[str, Any], file: Path) -> dict[str, Any]:
    """The description with today's date, or that of an earlier file which says the same.

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


def _different(values: Any) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


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
