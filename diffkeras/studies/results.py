"""What the runs of a study have measured, gathered into tables, and the files of these tables."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from diffkeras.data.section import format_counts
from diffkeras.evaluation.errors import ERRORS
from diffkeras.evaluation.methods import SURROGATE
from diffkeras.reporting.text import value_text
from diffkeras.studies.evaluations import ALL, names_damaged, read_errors
from diffkeras.studies.plan import SEEDS, PlannedRun
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import write_bytes

SIZE = "training_examples"
TRAINED_SOURCES = "trained_sources"
BASELINE_COLUMNS = ("method", "test_set", "sources", *ERRORS)


@dataclass(frozen=True)
class StudyData:
    """The measurements of a study; errors are NaN where a region has no nodes.

    Attributes:
        factors: name of each varied setting → its values as text, in the order of the study file.
        runs: a row for each run, test set and source count ("all", "1", …): the factors (text),
            the columns of `_about`, `test_set`, `sources`, and the errors of `ERRORS`.
        baselines: a row for each method, test set and source count, with the same errors.
    """

    factors: dict[str, list[str]]
    runs: pd.DataFrame
    baselines: pd.DataFrame

    @property
    def test_sets(self) -> list[str]:
        """Labels of the test sets, the main one first."""
        return list(dict.fromkeys(self.runs["test_set"]))

    @property
    def settings(self) -> list[str]:
        """The factors with several values among the runs, other than seeds."""
        return [f for f in self.factors if f not in SEEDS and self.runs[f].nunique() > 1]

    def overall(self, test_set: str | None = None) -> pd.DataFrame:
        """One row per run: its errors over all images of a test set, by default the main one.

        `repetition` tells independent runs of a setting apart. Where several seeds vary, runs that
        share one of them aren't independent, so it is the seed with the fewest values, and the
        others are averaged over: of draws with seeds of their own, it is the draw.
        """
        label = self.test_sets[0] if test_set is None else test_set
        rows = self.runs[(self.runs["test_set"] == label) & (self.runs["sources"] == ALL)]
        varied = [name for name in SEEDS if name in rows and rows[name].nunique() > 1]
        unit = min(varied, key=lambda name: rows[name].nunique(), default=None)
        return rows.assign(repetition=rows[unit].astype(str) if unit else "")


def read_results(
    runs: Sequence[PlannedRun],
    factors: Mapping[str, Sequence[str]],
    of_baselines: Mapping[str, Path],
) -> StudyData:
    """The measurements of runs that are done, and of baselines, from their directories."""
    rows: list[pd.DataFrame] = []
    for run in runs:
        about = _about(run)
        for label, path in run.tests.items():
            _, errors = read_errors(path)
            own = errors[errors["method"] == SURROGATE].assign(test_set=label, **about)
            rows.append(own[[*about, "test_set", "sources", *ERRORS]])
    found = [read_errors(path)[1].assign(test_set=label) for label, path in of_baselines.items()]
    empty = pd.DataFrame(columns=BASELINE_COLUMNS)
    methods = pd.concat(found, ignore_index=True) if found else empty
    return StudyData(
        {name: list(values) for name, values in factors.items()},
        pd.concat(rows, ignore_index=True),
        methods[list(BASELINE_COLUMNS)],
    )


def _about(run: PlannedRun) -> dict[str, Any]:
    """The columns of the table of runs that don't depend on the test set."""
    directory = Run(run.run_dir)
    state, history = directory.state(), directory.history()
    counts = run.config.data.sources
    with names_damaged([run.run_dir / "run.json", run.run_dir / "history.csv"]):
        return {
            **{name: value_text(value) for name, value in run.values.items()},
            "run": run.identity,
            SIZE: run.config.data.train_examples_used * len(counts),
            TRAINED_SOURCES: format_counts(counts),
            "steps": run.config.steps_per_epoch * len(history),
            "step_seconds": sum(row["seconds"] for row in history),
            "seconds": state["seconds"],
            "best_epoch": state["best_epoch"],
        }


def by_setting(
    rows: pd.DataFrame, names: Sequence[str]
) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """The rows of each combination of values of these columns, in the order of the table."""
    if not names:  # pandas can't group by nothing
        yield {}, rows
        return
    for values, group in rows.groupby(list(names), sort=False):
        yield dict(zip(names, values, strict=True)), group


def write_tables(directory: Path, data: StudyData) -> None:
    """Write runs.csv and baselines.csv."""
    write_table(directory / "runs.csv", data.runs)
    write_table(directory / "baselines.csv", data.baselines)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Replace a CSV file by a table."""
    write_bytes(path, table.to_csv(index=False, lineterminator="\n").encode())
