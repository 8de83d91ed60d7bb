"""A question to a study, and its answer as a table and a figure; groups of a study's rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from paper.study_data import StudyData


@dataclass(frozen=True)
class Analysis:
    """One question to a study.

    Attributes:
        name: of `tables/NAME.csv` and of `figures/NAME.svg` and `.png`.
        explains: what the table and the figure show, which statistic it is and where it comes from,
            in a few sentences for a reader who knows statistics but not diffkeras.
        applies: whether a study varies what the question is about.
        table: the answer. Raises `TooFewRunsError`.
        figure: drawn from the table and the data; the examples of the data may be None. None if no
            page shows one.
    """

    name: str
    explains: str
    applies: Callable[[StudyData], bool]
    table: Callable[[StudyData], pd.DataFrame]
    figure: Callable[[pd.DataFrame, StudyData], Figure] | None = None


def grouped(
    table: pd.DataFrame, names: Sequence[str]
) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """The rows of each combination of values of these columns, in the order of the table."""
    if not names:  # pandas can't group by nothing
        yield {}, table
        return
    for values, rows in table.groupby(list(names), sort=False):
        yield dict(zip(names, values, strict=True)), rows


def rows_of(table: pd.DataFrame, setting: Mapping[str, object]) -> pd.DataFrame:
    """The rows of a table with these values."""
    for name, value in setting.items():
        table = table[table[name] == value]
    return table


def rows_of_first(table: pd.DataFrame, data: StudyData, without: Sequence[str]) -> pd.DataFrame:
    """The rows with the first value of each varied setting other than seeds and those left out."""
    return rows_of(table, {n: data.factors[n][0] for n in data.settings(without=without)})
