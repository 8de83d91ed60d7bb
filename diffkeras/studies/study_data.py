"""What the runs of a study have measured, as tables, and the files of these tables."""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from diffkeras.reporting.text import value_text
from diffkeras.system.atomic_files import replacing, write_bytes

STUDY_FILE = "study.json"  # file that identifies the directory of a study
EXAMPLES = "examples.csv.gz"
ROWS_AT_ONCE = 100_000  # rows that are text at the same time
SIZE = "training_examples"
LOSS = "training.loss"
SEED = "training.seed"
ORDER_SEED = "training.order_seed"
DRAW = "data.seed"  # other training examples, drawn again
SEEDS = (DRAW, SEED, ORDER_SEED)
VARIANT = "variant"
NAMES = {DRAW: "draw", "data.train_examples": "training examples per source count"}
TRAINED_SOURCES = "trained_sources"
ALL = "all"


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
        examples: a row for each run and test image: `run`, `test_set`, `sources` (int), `example`
            (int), and the same errors.
    """

    factors: dict[str, list[str]]
    runs: pd.DataFrame
    baselines: pd.DataFrame
    examples: pd.DataFrame

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


def label_of(values: Mapping[str, Any]) -> str:
    """Factors and their values, such as "train fraction 0.5, absolute"."""
    return ", ".join(
        value_text(value) if name in (LOSS, VARIANT) else f"{name_of(name)} {value_text(value)}"
        for name, value in values.items()
    )


def name_of(factor: str) -> str:
    """The last part of a key, in words, unless `NAMES` has clearer ones."""
    return NAMES.get(factor) or factor.split(".")[-1].replace("_", " ")


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
    """Write runs.csv, baselines.csv and examples.csv.gz."""
    write_table(directory / "runs.csv", data.runs)
    write_table(directory / "baselines.csv", data.baselines)
    # without a name and a date, so that the same table is the same file; piece by piece, as studies
    # of full scale have millions of rows
    with (
        replacing(directory / EXAMPLES) as partial,
        partial.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as compressed,
    ):
        data.examples.to_csv(compressed, index=False, lineterminator="\n", chunksize=ROWS_AT_ONCE)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Replace a CSV file by a table."""
    write_bytes(path, table.to_csv(index=False, lineterminator="\n").encode())
