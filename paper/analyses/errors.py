"""The errors of each setting, over seeds, in each region."""

import pandas as pd

from diffkeras.evaluation.errors import ERRORS
from paper.analysis import Analysis
from paper.study_data import (
    ALL,
    SIZE,
    StudyData,
)


def summarise(runs: pd.DataFrame, keys: list[str], error: str) -> pd.DataFrame:
    """Mean, minimum, maximum and number (`runs`) of an error for each value of the keys."""
    groups = runs.groupby(keys, sort=False, dropna=False)[error]
    summary = groups.agg(["mean", "min", "max", "count"])
    return summary.reset_index().rename(columns={"count": "runs"})


def _table(data: StudyData) -> pd.DataFrame:
    """Mean absolute errors over all nodes of a region in all test images, on the linear scale."""
    overall = data.runs[data.runs["sources"] == ALL]
    keys = [*data.settings(), SIZE, "test_set", "error"]
    parts = []
    for error in ERRORS:
        summary = summarise(overall.assign(error=error, value=overall[error]), keys, "value")
        smallest = summary.groupby("test_set")["mean"].transform("min")
        parts.append(summary.assign(best=summary["mean"] == smallest))
    return pd.concat(parts, ignore_index=True)


ANALYSIS = Analysis(
    name="errors",
    explains=(
        "Mean absolute errors over all nodes of a region in all test images, on the linear scale. "
        "The relative L2 error is a mean over the images, and the maximum error the largest of "
        "all. Means are over seeds; min and max are the smallest and the largest of a seed, which "
        "is no confidence interval."
    ),
    applies=lambda data: True,
    table=_table,
)
