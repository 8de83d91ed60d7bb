"""The tables of a study, gathered from its finished runs."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from diffkeras.config import Config, format_counts
from diffkeras.errors import RunError
from diffkeras.evaluation.errors import COLUMNS, ERRORS
from diffkeras.evaluation.methods import SOURCES_SET, SURROGATE
from diffkeras.studies.study_data import SIZE, TRAINED_SOURCES, StudyData
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import read_json

EXAMPLE_COLUMNS = ("run", "test_set", "sources", "example", *COLUMNS)
BASELINE_COLUMNS = ("method", "test_set", "sources", *ERRORS)


@dataclass(frozen=True)
class FinishedRun:
    """A run of a study that is trained and evaluated.

    Attributes:
        values: factor → value, as text.
        config: the full configuration.
        path: directory of the run.
        tests: label of each test set → directory with its `metrics.json` and `examples.csv`, the
            main one first.
        search: directory with the `searches.csv` of its worst-case search; None for no search.
    """

    values: Mapping[str, str]
    config: Config
    path: Path
    tests: Mapping[str, Path]
    search: Path | None = None

    @property
    def steps(self) -> int:
        """Optimisation steps of the whole training run."""
        return self.config.steps


def read_results(runs: Sequence[FinishedRun], factors: Mapping[str, Sequence[str]]) -> StudyData:
    """The measurements of a study.

    The baselines of a test set are those of the first run whose evaluation has some.

    Args:
        runs: at least one, each with the same test sets.
        factors: name of each varied setting → its values as text.

    Raises:
        RunError: a file of a run is missing or damaged.
    """
    rows: list[dict[str, Any]] = []
    examples: list[pd.DataFrame] = []
    baselines: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        about = _about(run)
        for label, path in run.tests.items():
            methods = _methods(path / "metrics.json")
            rows += [{**about, "test_set": label, **errors} for errors in _rows(methods[SURROGATE])]
            found = [
                {"method": method, "test_set": label, **errors}
                for method, by_count in methods.items()
                if method not in (SURROGATE, SOURCES_SET)
                for errors in _rows(by_count)
            ]
            baselines[label] = baselines.get(label) or found
            examples.append(_examples(path / "examples.csv", about["run"], label))
    return StudyData(
        {name: list(values) for name, values in factors.items()},
        pd.DataFrame(rows),
        pd.DataFrame(itertools.chain(*baselines.values()), columns=list(BASELINE_COLUMNS)),
        pd.concat(examples, ignore_index=True),
        _searches(runs),
    )


def _about(run: FinishedRun) -> dict[str, Any]:
    """The columns of the table of runs that don't depend on the test set."""
    found = Run(run.path)
    state, history = found.state(), found.history()
    counts = run.config.data.sources
    return {
        **run.values,
        "run": run.path.name,
        SIZE: run.config.examples_per_count * len(counts),
        TRAINED_SOURCES: format_counts(counts),
        "steps": run.steps,
        # runs of earlier versions have no such column
        "step_seconds": sum(row.get("seconds", float("nan")) for row in history),
        "seconds": state.get("seconds"),
        "best_epoch": state.get("best_epoch"),
    }


def _methods(file: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Method → "all" or source count → errors."""
    content = read_json(file)
    try:
        methods = content["methods"]
        [by_count[count]["mae"] for by_count in methods.values() for count in ("all", *by_count)]
        methods[SURROGATE]
    except (KeyError, TypeError, AttributeError):
        raise RunError(f"{file} is damaged: it holds no errors of methods") from None
    return methods


def _rows(by_count: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The errors for all counts, then for each."""
    counts = ["all", *sorted((count for count in by_count if count != "all"), key=int)]
    return [
        {"sources": count, **{name: by_count[count][name] for name in ERRORS}} for count in counts
    ]


def _searches(runs: Sequence[FinishedRun]) -> pd.DataFrame | None:
    """The worst-case searches on all runs, with the factors and the run of each."""
    parts = []
    for run in runs:
        if run.search is not None:
            file = run.search / "searches.csv"
            try:
                found = pd.read_csv(file)
            except (OSError, ValueError) as error:
                raise RunError(f"{file} is missing or damaged: {error}") from None
            about = pd.DataFrame({**run.values, "run": run.path.name}, index=found.index)
            parts.append(pd.concat([about, found.astype({"sources": str})], axis=1))
    return pd.concat(parts, ignore_index=True) if parts else None


def _examples(file: Path, run: str, test_set: str) -> pd.DataFrame:
    """The surrogate's errors on each test image."""
    try:
        found = pd.read_csv(file)
        found = found[found["method"] == SURROGATE].assign(run=run, test_set=test_set)
        return found[list(EXAMPLE_COLUMNS)].astype(dict.fromkeys(COLUMNS, float))
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{file} is missing or damaged: {error}") from None
