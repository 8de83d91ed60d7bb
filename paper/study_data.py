"""The tables of a study, which `diffkeras study` writes: the input of all statistics."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from diffkeras.evaluation.errors import MAES
from diffkeras.view.target import REGIONS

STUDY_FILE = "study.json"  # file that identifies the directory of a study
SIZE = "training_examples"
SIZE_KEYS = ("data.train_fraction", "data.train_examples")  # factors that change SIZE
LOSS = "training.loss"
SEED = "training.seed"
VARIANT = "variant"
TRAIN_PART = "data.train_part"
DRAW = "data.seed"  # other training examples, drawn again
TRAINED_SOURCES = "trained_sources"
ALL = "all"
ZERO_FIELD = "zero field"
TEXT = ("run", "test_set", "sources", TRAINED_SOURCES, "method")  # text columns besides factors
REGION_ERRORS = dict(zip(REGIONS, MAES, strict=True))  # region → column with its error


class TooFewRunsError(Exception):
    """A statistic needs more runs than there are."""


@dataclass(frozen=True)
class StudyData:
    """The measurements of a study.

    Attributes:
        factors: name of each varied setting → its values as text, in the order of the study file.
            Names are dotted keys such as "training.loss", or "variant".
        runs: a row for each run, test set and source count, and one over all counts. Columns: the
            factors (text), `run` (identity), `training_examples` (of all source counts),
            `trained_sources` (the source counts trained on, as text such as "1-5" or "1,5"),
            `steps`, `step_seconds` (training without validation), `seconds`, `best_epoch`,
            `test_set`, `sources` ("all", "1", …), and the errors of
            `diffkeras.evaluation.errors.ERRORS` (NaN where a region has no nodes).
        baselines: a row for each method, test set and source count: `method`, `test_set`,
            `sources`, and the same errors. Empty if the study measures none.
        searches: a row for each search of `paper.worst_cases`; None if there is none.
    """

    factors: dict[str, list[str]]
    runs: pd.DataFrame
    baselines: pd.DataFrame
    searches: pd.DataFrame | None = None

    def varies(self, *names: str) -> bool:
        """Whether all of these have more than one value."""
        return all(name in self.runs and self.runs[name].nunique() > 1 for name in names)

    @property
    def size_varies(self) -> bool:
        """Whether the size of the training set is a factor of its own."""
        return self.varies(SIZE) and any(self.varies(key) for key in SIZE_KEYS)

    @property
    def draws(self) -> list[str]:
        """The name of the seed of the training examples, if several were drawn.

        Not if each draw has one training seed of its own: then all runs of a setting are
        independent.
        """
        drawn = DRAW in self.factors and self.varies(DRAW)
        return [DRAW] if drawn and self.own_seeds != 1 else []

    @property
    def own_seeds(self) -> int:
        """The largest number of seeds of a draw of the examples; 0 if draws share their seeds."""
        return own_seeds(self.runs) if self.varies(DRAW) else 0

    @property
    def unit(self) -> str:
        """The column that tells independent runs of a setting apart.

        Runs of one draw share their examples, so it is the draw if each has seeds of its own. If
        draws share their seeds, it is the seed, which changes the error much more than the draw.
        """
        return DRAW if self.own_seeds else "seed"

    @property
    def sizes(self) -> list[int]:
        """The numbers of training examples, ascending."""
        return sorted(int(size) for size in self.runs[SIZE].unique())

    @property
    def test_sets(self) -> list[str]:
        """Labels of the test sets, the main one first."""
        return list(dict.fromkeys(self.runs["test_set"]))

    @property
    def overall(self) -> pd.DataFrame:
        """One row a run: the errors over all images of the main test set."""
        runs = self.runs
        return runs[(runs["test_set"] == self.test_sets[0]) & (runs["sources"] == ALL)]

    def with_ln(self, error: str = "mae", runs: pd.DataFrame | None = None) -> pd.DataFrame:
        """One row a run, of `overall` or given ones, with an `error` and its logarithm `ln_error`.

        `draw` is the draw of the training examples, "" if all runs have the same, or each its own.
        `unit` is equal for runs of a setting that are not independent.
        """
        rows = (self.overall if runs is None else runs).assign(seed=lambda rows: rows[SEED])
        rows = rows.sort_values(SEED, kind="stable", ignore_index=True)
        values = rows[error].astype(float)
        draw = rows[DRAW] if self.draws else ""
        return rows.assign(error=values, ln_error=np.log(values), draw=draw, unit=rows[self.unit])

    def ln_errors(
        self, by: str, error: str = "mae", runs: pd.DataFrame | None = None
    ) -> pd.DataFrame:
        """units × values of a column: ln error, as a mean over the runs of each unit."""
        return self.with_ln(error, runs).pivot_table("ln_error", "unit", by, sort=False)

    def zeros(self, error: str = "mae", sources: str = ALL) -> float:
        """The error of a field of zeros on the main test set."""
        table = self.baselines
        chosen = (table["method"] == ZERO_FIELD) & (table["sources"] == sources)
        return float(table[chosen & (table["test_set"] == self.test_sets[0])][error].iloc[0])

    def settings(self, *, without: Sequence[str] = ()) -> list[str]:
        """The varied factors other than seeds, of examples too, and other than those left out."""
        hidden = {SEED, DRAW, *without}
        return [name for name in self.factors if self.varies(name) and name not in hidden]


def counts_in(text: str) -> tuple[int, ...]:
    """The source counts of a text such as "1-3,5"."""
    ends = [part.split("-") for part in text.split(",")]
    return tuple(count for part in ends for count in range(int(part[0]), int(part[-1]) + 1))


def own_seeds(runs: pd.DataFrame) -> int:
    """The largest number of seeds of a draw of the examples; 0 if draws share several seeds."""
    pairs = runs[[DRAW, SEED]].drop_duplicates()
    shared = pairs[SEED].duplicated().any() and pairs[SEED].nunique() > 1
    return 0 if shared else int(pairs[DRAW].value_counts().max())


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Replace a CSV file by a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, lineterminator="\n")


def read_table(path: Path, text: Collection[str]) -> pd.DataFrame:
    """A table from a CSV file; columns of `text` keep "1", "1.0" and "None" as they are."""
    columns = pd.read_csv(path, nrows=0).columns
    types = {name: "str" for name in columns if name in text}
    missing = {name: [""] for name in columns if name not in text}
    return pd.read_csv(path, dtype=types, keep_default_na=False, na_values=missing)


def read_study(directory: Path) -> StudyData:
    """The measurements of a study from its tables."""
    factors = json.loads((directory / STUDY_FILE).read_text(encoding="utf-8"))["factors"]
    text, searches = (*factors, *TEXT), directory / "searches.csv"
    runs, baselines = (
        read_table(directory / f"{name}.csv", text) for name in ("runs", "baselines")
    )
    return StudyData(
        factors, runs, baselines, read_table(searches, text) if searches.is_file() else None
    )
