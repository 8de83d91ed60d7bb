"""The tables of a study, gathered from its finished runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from diffkeras.config import format_counts
from diffkeras.evaluation.errors import COLUMNS, ERRORS
from diffkeras.evaluation.methods import SOURCES_SET, SURROGATE
from diffkeras.reporting.text import value_text
from diffkeras.studies.evaluations import read_evaluation, read_searches
from diffkeras.studies.plan import Cell
from diffkeras.studies.study_data import SIZE, TRAINED_SOURCES, StudyData
from diffkeras.surrogates.run_directory import Run

EXAMPLE_COLUMNS = ("run", "test_set", "sources", "example", *COLUMNS)
BASELINE_COLUMNS = ("method", "test_set", "sources", *ERRORS)


def read_results(runs: Sequence[Cell], factors: Mapping[str, Sequence[str]]) -> StudyData:
    """The measurements of a study.

    The baselines of a test set are those of the first run whose evaluation has some.

    Args:
        runs: those that are done, at least one, each with the same test sets.
        factors: name of each varied setting → its values as text.

    Raises:
        RunError: a file of a run is missing or damaged.
    """
    rows: list[pd.DataFrame] = []
    examples: list[pd.DataFrame] = []
    baselines: dict[str, pd.DataFrame] = {}
    for run in runs:
        about = _about(run)
        for label, path in run.tests.items():
            found = read_evaluation(path)
            errors = found.errors.assign(test_set=label)
            own = errors[errors["method"] == SURROGATE][["test_set", "sources", *ERRORS]]
            rows.append(own.assign(**about))
            others = errors[~errors["method"].isin((SURROGATE, SOURCES_SET))]
            if label not in baselines or baselines[label].empty:
                baselines[label] = others[list(BASELINE_COLUMNS)]
            examples.append(found.examples.assign(run=run.identity, test_set=label))
    return StudyData(
        {name: list(values) for name, values in factors.items()},
        pd.concat(rows, ignore_index=True)[[*_about(runs[0]), "test_set", "sources", *ERRORS]],
        pd.concat(baselines.values(), ignore_index=True),
        pd.concat(examples, ignore_index=True)[list(EXAMPLE_COLUMNS)],
        _searches(runs),
    )


def _as_text(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: value_text(value) for name, value in values.items()}


def _about(run: Cell) -> dict[str, Any]:
    """The columns of the table of runs that don't depend on the test set."""
    found = Run(run.run_dir)
    state, history = found.state(), found.history()
    counts = run.config.data.sources
    return {
        **_as_text(run.values),
        "run": run.identity,
        SIZE: run.config.data.train_examples_used * len(counts),
        TRAINED_SOURCES: format_counts(counts),
        "steps": run.config.steps,
        # runs of earlier versions have no such column
        "step_seconds": sum(row.get("seconds", float("nan")) for row in history),
        "seconds": state.get("seconds", float("nan")),
        "best_epoch": state.get("best_epoch"),
    }


def _searches(runs: Sequence[Cell]) -> pd.DataFrame | None:
    """The worst-case searches on all runs, with the factors and the run of each."""
    parts = []
    for run in runs:
        if run.search is not None:
            found = read_searches(run.search)
            about = pd.DataFrame({**_as_text(run.values), "run": run.identity}, index=found.index)
            parts.append(pd.concat([about, found], axis=1))
    return pd.concat(parts, ignore_index=True) if parts else None
