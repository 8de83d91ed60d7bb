"""The runs of a study in groups that differ in size and seed only, and complete designs of runs."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


def grouped(
    table: pd.DataFrame, names: Sequence[str]
) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """The rows of each combination of values of these columns, in the order of the table."""
    if not names:  # pandas can't group by nothing
        yield {}, table
        return
    for values, rows in table.groupby(list(names), sort=False):
        yield dict(zip(names, values, strict=True)), rows


def groups(data: StudyData) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """The overall errors of runs with the same settings: (settings by name, runs of all sizes)."""
    return grouped(data.overall, other_settings(data))


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


def rows_of_first(table: pd.DataFrame, data: StudyData, without: Sequence[str]) -> pd.DataFrame:
    """The rows with the first value of each varied setting other than seeds and those left out."""
    for name in data.settings(without=without):
        table = table[table[name].astype(str) == data.factors[name][0]]
    return table


def first_setting(table: pd.DataFrame, data: StudyData) -> dict[str, str]:
    """The settings of a table's first row."""
    return {name: table[name].iloc[0] for name in other_settings(data)}


@dataclass(frozen=True)
class CompleteDesign:
    """The ln errors of a factorial design: all combinations of factors, with the same seeds.

    Attributes:
        levels: number of values of each factor.
        seeds: number of seeds, or of combinations of seeds, that have a run in every cell.
        runs: `ln_error`, `factor_0`, … and `seed_0`, …, sorted by these; a cell is a combination
            of factors.
    """

    levels: tuple[int, ...]
    seeds: int
    runs: pd.DataFrame

    @classmethod
    def of(
        cls, runs: pd.DataFrame, error: str, factors: Sequence[str], seeds: Sequence[str]
    ) -> "CompleteDesign":
        """The part of some runs that is complete: seeds that miss a cell are left out."""
        known = runs.dropna(subset=[error])
        codes = {
            f"{kind}_{place}": pd.factorize(known[name])[0]
            for kind, names in (("factor", factors), ("seed", seeds))
            for place, name in enumerate(names)
        }
        coded = pd.DataFrame(codes)
        coded.insert(0, "ln_error", np.log(known[error].to_numpy(dtype=float)))
        levels = tuple(known[name].nunique() for name in factors)
        of_seed = coded.columns[1 + len(factors) :].to_list()
        full = coded.groupby(of_seed)["ln_error"].transform("size") == math.prod(levels)
        coded = coded[full].sort_values(coded.columns[1:].to_list(), ignore_index=True)
        return cls(levels, len(coded) // math.prod(levels), coded)

    @property
    def effects(self) -> list[tuple[int, ...]]:
        """The main effects and interactions, as places of factors."""
        places = range(len(self.levels))
        return [e for n in places for e in itertools.combinations(places, n + 1)]
