"""The runs of a study in groups that differ in size and seed only."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from diffkeras.evaluation.errors import MAES
from diffkeras.representation.regions import REGIONS
from diffkeras.studies.study_data import ORDER_SEED, SEED, SIZE, SIZE_KEYS, StudyData

REGION_ERRORS = dict(zip(REGIONS, MAES, strict=True))  # region → column with its error


def size_varies(data: StudyData) -> bool:
    """Whether the size of the training set is a factor of its own."""
    return data.varies(SIZE) and any(data.varies(key) for key in SIZE_KEYS)


def seeds_of(data: StudyData) -> list[str]:
    """The seeds that vary."""
    return [name for name in (SEED, ORDER_SEED) if name in data.factors and data.varies(name)]


def other_settings(data: StudyData) -> list[str]:
    """The varied factors other than size and seeds."""
    return data.settings(without=SIZE_KEYS)


def groups(data: StudyData) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """The overall errors of runs with the same settings: (settings by name, runs of all sizes)."""
    names = other_settings(data)
    if not names:
        yield {}, data.overall
        return
    for values, runs in data.overall.groupby(names, sort=False):
        yield dict(zip(names, map(str, values), strict=True)), runs


def ln_errors_by_size(runs: pd.DataFrame, error: str, fewest: int) -> dict[int, np.ndarray]:
    """Size → logarithms of the errors of its runs, for sizes with at least `fewest` of them.

    Runs are in the order of their seeds, so those of several settings go together.
    """
    seeds = [name for name in (SEED, ORDER_SEED) if name in runs]
    found = runs.dropna(subset=[error]).sort_values(seeds).groupby(SIZE)[error]
    return {
        int(str(size)): np.log(values.to_numpy(dtype=float))
        for size, values in found
        if len(values) >= fewest
    }


def rows_of(table: pd.DataFrame, setting: Mapping[str, str]) -> pd.DataFrame:
    """The rows of a table with these values."""
    for name, value in setting.items():
        table = table[table[name] == value]
    return table


def first_setting(table: pd.DataFrame, data: StudyData) -> dict[str, str]:
    """The settings of a table's first row."""
    return {name: table[name].iloc[0] for name in other_settings(data)}
