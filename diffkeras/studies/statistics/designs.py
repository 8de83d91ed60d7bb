"""Analyses of variance of ln error over complete designs: all combinations, with the same seeds."""

import math
from collections.abc import Sequence

import pandas as pd
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm


def complete_design(
    runs: pd.DataFrame, factors: Sequence[str], seeds: Sequence[str]
) -> pd.DataFrame:
    """The runs with those seeds that have a run in every combination of the factors.

    Args:
        runs: one row a run, with a column for each factor and seed.
        factors: columns. A combination of those of their values that occur is a cell.
        seeds: columns whose combinations are the repetitions of a cell.
    """
    cells = math.prod(runs[name].nunique() for name in factors)
    return runs[runs.groupby(list(seeds))["run"].transform("size") == cells]


def anova(design: pd.DataFrame, terms: Sequence[Sequence[str]]) -> pd.DataFrame:
    """The analysis of variance of the column `ln_error` (type 2, by statsmodels).

    Args:
        design: one row a run.
        terms: main effects and interactions, each as the columns it is of.

    Returns:
        `sum_sq`, `df`, `F` and `p` of each term, in their order, and of the residual.
    """
    names = [":".join(f'C(Q("{column}"))' for column in term) for term in terms]
    table = anova_lm(ols("ln_error ~ " + " + ".join(names), design).fit(), typ=2)
    return table.loc[[*names, "Residual"]].rename(columns={"PR(>F)": "p"}).astype(float)
