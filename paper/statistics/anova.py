"""Analyses of variance of ln error over complete designs: all combinations, with the same seeds."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import f as f_distribution


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
    """The analysis of variance of the column `ln_error`: what each term adds to those before it.

    These sums of squares are of type 1. In a balanced design the order of crossed terms does not
    matter. A term that is nested in others, such as seeds in draws of the examples that have each
    their own, follows these; statsmodels' `anova_lm` would count its degrees of freedom wrongly.

    Args:
        design: one row a run.
        terms: main effects and interactions, each as the columns it is of.

    Returns:
        `sum_sq`, `df`, `F` and `p` of each term, in their order, and of the residual.
    """
    cells = [design.groupby(list(term)).ngroup() for term in terms]
    columns = [np.ones((len(design), 1)), *(pd.get_dummies(c).to_numpy(float) for c in cells)]
    ln_errors = design["ln_error"].to_numpy()
    left = np.array(
        [_left(ln_errors, np.hstack(columns[: number + 1])) for number in range(len(columns))]
    )
    parts = np.concatenate([-np.diff(left, axis=0), left[-1:]])
    table = pd.DataFrame(parts, columns=["sum_sq", "df"])
    mean_squares = table["sum_sq"] / table["df"]
    table["F"] = (mean_squares / mean_squares.iloc[-1]).where(table.index < len(terms))
    table["p"] = f_distribution.sf(table["F"], table["df"], left[-1, 1])
    return table


def _left(values: np.ndarray, columns: np.ndarray) -> tuple[float, int]:
    """The sum of squares that columns leave of values, and its degrees of freedom."""
    fit, _, rank, _ = np.linalg.lstsq(columns, values, rcond=None)
    return float(np.sum((values - columns @ fit) ** 2)), len(values) - int(rank)
