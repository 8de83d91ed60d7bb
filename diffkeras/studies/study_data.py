"""What a study has measured, as tables: the input of all its statistics."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

SIZE = "training_examples"
SIZE_KEYS = ("data.train_fraction", "data.train_examples")  # factors that change it
LOSS = "training.loss"
SEED = "training.seed"
ORDER_SEED = "training.order_seed"
VARIANT = "variant"
TRAIN_PART = "data.train_part"
TRAINED_SOURCES = "trained_sources"
ALL = "all"
# columns of worst-case searches: largest errors and bounds, and numbers that add up
SEARCH_ERRORS = (
    "start_error",
    "test_max_error",
    "random_error",
    "found_error",
    *(f"{kind}_of_{name}" for name in ("prediction", "corrected") for kind in ("error", "bound")),
)
SEARCH_SUMS = ("evaluations", "certified_images", "violations")
SEARCH_NUMBERS = (*SEARCH_ERRORS, *SEARCH_SUMS, "ratio", "search")


class TooFewRunsError(Exception):
    """A statistic needs more runs than there are. Its text says which; the report repeats it."""


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
            (int), and the errors of `diffkeras.evaluation.errors.COLUMNS`. None where a study was
            read from its committed tables, which leave it out.
        searches: a row for each worst-case search, see `analyses.worst_cases`; None if the study
            makes none.
    """

    factors: dict[str, list[str]]
    runs: pd.DataFrame
    baselines: pd.DataFrame
    examples: pd.DataFrame | None = None
    searches: pd.DataFrame | None = None

    def varies(self, *names: str) -> bool:
        """Whether all of these have more than one value."""
        return all(self.runs[name].nunique() > 1 if name in self.runs else False for name in names)

    @property
    def test_sets(self) -> list[str]:
        """Labels of the test sets, the main one first."""
        return list(dict.fromkeys(self.runs["test_set"]))

    @property
    def overall(self) -> pd.DataFrame:
        """One row a run: the errors over all images of the main test set."""
        runs = self.runs
        return runs[(runs["test_set"] == self.test_sets[0]) & (runs["sources"] == ALL)]

    def settings(self, *, without: Sequence[str] = ()) -> list[str]:
        """The varied factors other than seeds, and other than those left out."""
        hidden = {SEED, ORDER_SEED, *without}
        return [name for name in self.factors if self.varies(name) and name not in hidden]
