"""Evaluations and searches of the runs of studies, and the tables gathered from them."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from diffkeras.config import Config, fingerprint, format_counts
from diffkeras.data.dataset_config import VERSION, DatasetConfig
from diffkeras.errors import DataError, RunError
from diffkeras.evaluation.errors import ERRORS
from diffkeras.evaluation.methods import SOURCES_SET, SURROGATE, describe_methods
from diffkeras.reporting.text import value_text
from diffkeras.studies.config import PlannedRun, Study, WorstCasesConfig
from diffkeras.studies.study_data import (
    ALL,
    SEARCH_NUMBERS,
    SIZE,
    TRAINED_SOURCES,
    StudyData,
    certified_columns,
    names_damaged,
)
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import read_json

DIGITS = 12  # of names
EXAMPLE_COLUMNS = ("run", "test_set", "sources", "example", *ERRORS)
BASELINE_COLUMNS = ("method", "test_set", "sources", *ERRORS)


def test_id(test: Config) -> str:
    """Hexadecimal digits that are equal for configurations of the same test set.

    It depends on the datasets, the source counts, the number of images, and the number of those
    with proven bounds. The baselines are not part of it: one run of a study measures them.
    """
    datasets = [DatasetConfig.of(count, test) for count in test.data.sources]
    return fingerprint(
        {
            "datasets": [[VERSION, dataset.identity()] for dataset in datasets],
            "test_examples": test.data.test_examples,
            "bounds": test.evaluation.bounds,
        },
        DIGITS,
    )


def search_id(study: Study) -> str:
    """The same for worst-case searches: of their settings and of the main test set."""
    settings = study.worst_cases.model_dump(mode="json") if study.worst_cases else {}
    return fingerprint({**settings, "test": test_id(study.test)}, DIGITS)


def without_baselines(test: Config) -> Config:
    """The same test set, on which only the surrogate is measured."""
    return test.with_overrides({"evaluation.baselines": []})


@dataclass(frozen=True)
class StoredEvaluation:
    """The files of an evaluation.

    Attributes:
        run: identity of the run.
        errors: a row for each method and source count: `method`, `sources` ("all", "1", …),
            `images`, and the errors of `diffkeras.evaluation.errors.ERRORS`.
        examples: a row for each image, of the surrogate: `sources`, `example`, and the same errors.
    """

    run: str
    errors: pd.DataFrame
    examples: pd.DataFrame


def read_evaluation(path: Path) -> StoredEvaluation:
    """Read the evaluation in a directory.

    Raises:
        RunError: a file is missing or damaged.
    """
    file = path / "metrics.json"
    content = read_json(file)
    with names_damaged([file]):
        errors = pd.DataFrame(
            {"method": method, "sources": count, **{k: of[k] for k in ("images", *ERRORS)}}
            for method, by_count in content["methods"].items()
            for count, of in sorted(by_count.items(), key=_all_first)
        ).astype({"images": int, **dict.fromkeys(ERRORS, float)})
        own = errors[errors["method"] == SURROGATE]
        images = {int(n): k for n, k in zip(own["sources"], own["images"], strict=True) if n != ALL}
        if not images or errors["mae"].isna().any():
            raise ValueError("the surrogate's errors are missing")
        run = content.get("run", "")
    return StoredEvaluation(run, errors, _read_examples(path / "examples.csv", images))


def _all_first(item: tuple[str, Any]) -> int:
    return 0 if item[0] == ALL else int(item[0])


def _read_examples(file: Path, images: dict[int, int]) -> pd.DataFrame:
    """The surrogate's errors on each test image; `images`: source count → number of images."""
    table = _read_csv(file)
    with names_damaged([file]):
        table = table[table["method"] == SURROGATE][["sources", "example", *ERRORS]]
        table = table.astype({**dict.fromkeys(ERRORS, float), "sources": int, "example": int})
        if table["sources"].value_counts().to_dict() != images or table["mae"].isna().any():
            raise ValueError("it has not one row for each image of metrics.json")
    return table


def _read_csv(file: Path) -> pd.DataFrame:
    """A table; a RunError if the file is missing, no table, or cut off in its last line."""
    try:
        content = file.read_bytes()
        if not content.endswith(b"\n"):
            raise ValueError("it is cut off")
        return pd.read_csv(io.BytesIO(content))
    except (OSError, ValueError) as error:
        raise RunError(f"{file} is missing or damaged: {error}") from None


def check_evaluation(path: Path, test: Config, run: str) -> None:
    """Check that a directory holds a whole evaluation.

    Args:
        path: the directory.
        test: the test set, with the baselines that must have been measured.
        run: identity of the run.

    Raises:
        RunError: a file is missing or damaged, or it is of another run, of another test set or of
            other methods.
    """
    stored = read_evaluation(path)
    if stored.run != run:
        raise RunError(f"{path} is of another run")
    # "all" is a mean over the source counts, so other counts would change it
    wanted = dict.fromkeys(map(str, test.data.sources), test.data.test_examples)
    wanted[ALL] = sum(wanted.values())
    images = {
        method: dict(zip(rows["sources"], rows["images"], strict=True))
        for method, rows in stored.errors.groupby("method")
    }
    if any(images.get(method) != wanted for method in describe_methods(test)):
        raise RunError(f"{path} is of another test set, or of other methods, than the study's")


def read_searches(path: Path) -> pd.DataFrame:
    """The table of a worst-case search, a row for each start.

    Raises:
        RunError: the file is missing or damaged.
    """
    file = path / "searches.csv"
    table = _read_csv(file)
    with names_damaged([file]):
        numbers = table[[*SEARCH_NUMBERS, *certified_columns(table)]].astype(float)
        if numbers.isna().any(axis=None) or not len(table):
            raise ValueError("numbers are missing")
        return table.astype({"sources": int}).astype({"sources": str})


def check_searches(path: Path, test: Config, settings: WorstCasesConfig) -> None:
    """Check that a directory holds all searches of these settings.

    Raises:
        RunError: the table is missing or damaged, or searches are missing in it.
    """
    number = len(read_searches(path))
    wanted = min(settings.starts, test.data.test_examples * len(test.data.sources))
    if number != wanted:
        raise RunError(f"{path / 'searches.csv'} is damaged: it has {number} of {wanted} searches")


def passes(check: Callable[..., object], *arguments: Any) -> bool:
    """Whether a check of files raises no error."""
    try:
        check(*arguments)
    except (DataError, RunError):
        return False
    return True


def read_results(runs: Sequence[PlannedRun], factors: Mapping[str, Sequence[str]]) -> StudyData:
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
            stored = read_evaluation(path)
            errors = stored.errors.assign(test_set=label)
            own = errors[errors["method"] == SURROGATE][["test_set", "sources", *ERRORS]]
            rows.append(own.assign(**about))
            others = errors[~errors["method"].isin((SURROGATE, SOURCES_SET))]
            if label not in baselines or baselines[label].empty:
                baselines[label] = others[list(BASELINE_COLUMNS)]
            examples.append(stored.examples.assign(run=run.identity, test_set=label))
    return StudyData(
        {name: list(values) for name, values in factors.items()},
        pd.concat(rows, ignore_index=True)[[*_about(runs[0]), "test_set", "sources", *ERRORS]],
        pd.concat(baselines.values(), ignore_index=True),
        pd.concat(examples, ignore_index=True)[list(EXAMPLE_COLUMNS)],
        _searches(runs),
    )


def _as_text(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: value_text(value) for name, value in values.items()}


def _about(run: PlannedRun) -> dict[str, Any]:
    """The columns of the table of runs that don't depend on the test set."""
    directory = Run(run.run_dir)
    state, history = directory.state(), directory.history()
    counts = run.config.data.sources
    with names_damaged([run.run_dir / "run.json", run.run_dir / "history.csv"]):
        return {
            **_as_text(run.values),
            "run": run.identity,
            SIZE: run.config.data.train_examples_used * len(counts),
            TRAINED_SOURCES: format_counts(counts),
            "steps": run.config.steps,
            "step_seconds": sum(row["seconds"] for row in history),
            "seconds": state["seconds"],
            "best_epoch": state["best_epoch"],
        }


def _searches(runs: Sequence[PlannedRun]) -> pd.DataFrame | None:
    """The worst-case searches on all runs, with the factors and the run of each."""
    parts = []
    for run in runs:
        if run.search is not None:
            table = read_searches(run.search)
            about = pd.DataFrame({**_as_text(run.values), "run": run.identity}, index=table.index)
            parts.append(pd.concat([about, table], axis=1))
    return pd.concat(parts, ignore_index=True) if parts else None
