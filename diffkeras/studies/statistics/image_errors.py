"""The errors of all runs on the same test images, as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from diffkeras.studies.study_data import ORDER_SEED, SEED, StudyData, TooFewRunsError

FEWEST_SEEDS = 2
FEWEST_IMAGES = 10


@dataclass(frozen=True)
class ImageErrors:
    """Errors of the images of one test set.

    Attributes:
        runs: one row a run, with the columns of `StudyData.runs`, and `seed`: the values of all
            seeds as one text. The index counts from 0.
        values: name of an error → (runs, images). NaN where a region has no nodes.
        sources: (images,), source counts.
    """

    runs: pd.DataFrame
    values: dict[str, NDArray[np.float64]]
    sources: NDArray[np.int64]

    def settings(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """The combinations of values of these columns, in the order of the runs."""
        if not names:  # pandas would give one empty row for each run
            return [{}]
        return self.runs[list(names)].drop_duplicates().to_dict("records")  # type: ignore[return-value]

    def select(self, settings: Mapping[str, object]) -> pd.Series:
        """Seed → row of the run with these values of the settings."""
        chosen = self.runs
        for name, value in settings.items():
            chosen = chosen[chosen[name] == value]
        return pd.Series(chosen.index, index=chosen["seed"])

    def keep_defined(self, name: str) -> "ImageErrors":
        """The images for which an error is a number for all runs, with that error only."""
        values = self.values[name]
        kept = np.isfinite(values).all(axis=0)
        return ImageErrors(self.runs, {name: values[:, kept]}, self.sources[kept])


def image_errors(
    data: StudyData, columns: Sequence[str], test_set: str | None = None
) -> ImageErrors:
    """The errors of single images by all runs that were tested on them.

    Args:
        data: of a study.
        columns: names of errors, from `diffkeras.evaluation.errors.COLUMNS`.
        test_set: its label; None for the main one.

    Raises:
        TooFewRunsError: there are no errors of single images, or too few images.
    """
    if data.examples is None:
        raise TooFewRunsError(
            "The errors of single images are needed, and there are none: the committed tables of a "
            "study leave them out."
        )
    test_set = data.test_sets[0] if test_set is None else test_set
    examples = data.examples[data.examples["test_set"] == test_set]
    number = len(examples.drop_duplicates(["sources", "example"]))
    if number < FEWEST_IMAGES:
        raise TooFewRunsError(
            f"The test set {test_set} has {number} images; at least {FEWEST_IMAGES} are needed."
        )
    wide = {
        name: examples.pivot(index=["sources", "example"], columns="run", values=name)
        for name in columns
    }
    first = next(iter(wide.values()))
    runs = data.runs.drop_duplicates("run").set_index("run", drop=False)
    runs = runs.loc[[run for run in runs.index if run in first.columns]]
    values = {name: frame[runs.index].to_numpy(float).T for name, frame in wide.items()}
    runs = runs.reset_index(drop=True).assign(seed=seed_texts(runs).to_list())
    return ImageErrors(runs, values, first.index.get_level_values("sources").to_numpy(np.int64))


def seed_texts(runs: pd.DataFrame) -> pd.Series:
    """The values of all seeds of each run as one text."""
    names = [name for name in (SEED, ORDER_SEED) if name in runs]
    if not names:
        return pd.Series("", index=runs.index)
    return runs[names].astype(str).agg("/".join, axis=1)


def common_seeds(*groups: pd.Series) -> list[NDArray[np.int64]]:
    """The rows of each group for the seeds that all of them have, in the same order."""
    shared = [seed for seed in groups[0].index if all(seed in group.index for group in groups)]
    return [group[shared].to_numpy(np.int64) for group in groups]
