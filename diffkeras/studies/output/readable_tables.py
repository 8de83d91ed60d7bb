"""Tables of studies for people: numbers to three digits, columns in words."""

import math
from typing import Any

import pandas as pd

from diffkeras.evaluation.errors import ERRORS
from diffkeras.evaluation.report import HEADINGS
from diffkeras.reporting.html import Table, mark_best, number
from diffkeras.studies.labels import label_of, name_of
from diffkeras.studies.study_data import StudyData


def readable_table(table: pd.DataFrame) -> Table:
    """A table with numbers to three digits, and the names of its columns in words."""
    names = [name_of(str(name)) for name in table.columns]
    return Table(names, [[_cell(value) for value in row] for row in table.to_numpy(dtype=object)])


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return number(None)
    return number(value) if isinstance(value, float) else str(value)


def summaries(table: pd.DataFrame, data: StudyData) -> list[tuple[str, Table]]:
    """The table of the analysis "errors" in a wide form, for each test set.

    A row is a setting with its means over seeds; the best of each column is marked.
    """
    settings = data.settings()
    found = []
    for label in data.test_sets:
        of_set = table[table["test_set"] == label]
        rows, ranges = [], []
        for _, group in of_set.groupby([*settings, "training_examples"], sort=False):
            by_error = group.set_index("error")
            values = {name: str(group[name].iloc[0]) for name in settings}
            means = [or_none(by_error["mean"][error]) for error in ERRORS]
            rows.append((f"{label_of(values) or 'all runs'} ({by_error['runs']['mae']})", means))
            low, high = by_error["min"]["mae"], by_error["max"]["mae"]
            ranges.append(f"{number(low)} – {number(high)}")
        marked = [[*row, text] for row, text in zip(mark_best(rows), ranges, strict=True)]
        head = ["setting (runs)", *HEADINGS, "lattice MAE, min – max"]
        found.append((label, Table(head, marked)))
    return found


def or_none(value: float) -> float | None:
    """The number, None in place of NaN."""
    return None if math.isnan(value) else float(value)
