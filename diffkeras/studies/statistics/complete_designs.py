"""Runs of every combination of some factors, with the same seeds in each: a factorial design."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class CompleteDesign:
    """The ln errors of a factorial design.

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

    def degrees(self, effect: tuple[int, ...]) -> int:
        """Degrees of freedom of an effect."""
        return math.prod(self.levels[place] - 1 for place in effect)

    @property
    def degrees_within(self) -> int:
        """Degrees of freedom within cells."""
        return math.prod(self.levels) * (self.seeds - 1)
