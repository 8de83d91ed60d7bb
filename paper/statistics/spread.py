"""The standard deviation over seeds against the size of the training set."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2

from paper.statistics.ratios import PERCENTILES
from paper.study_data import SIZE, SIZE_KEYS, StudyData, TooFewRunsError

FEWEST_SEEDS, FEWEST_SIZES = 3, 2
NORMAL = 1.959964  # standard deviations of the limits of a 95 % interval
ITERATIONS = 30


@dataclass(frozen=True)
class Spread:
    """Standard deviations that are proportional to N^exponent.

    Attributes:
        by_size: a row for each size: `sd` with its 95 % limits `low` and `high`, pooled over the
            settings and over the draws that share seeds.
        exponent, low, high: with its 95 % interval.
    """

    by_size: pd.DataFrame
    exponent: float
    low: float
    high: float


def spread_of(data: StudyData, *, relative: bool, error: str = "mae") -> Spread:
    """The spread over seeds of an error, or of ln error, pooled over all losses.

    Raises:
        TooFewRunsError: no setting has enough seeds at two sizes.
    """
    names = data.settings(without=SIZE_KEYS)
    rows = data.with_ln(error)
    rows = rows.assign(setting=rows.groupby(names).ngroup() if names else 0)
    of_size = rows.groupby(["setting", SIZE])
    freedom = of_size["run"].transform("size") - of_size["draw"].transform("nunique")
    rows = rows[freedom >= FEWEST_SEEDS - 1]
    rows = rows[rows.groupby("setting")[SIZE].transform("nunique") >= FEWEST_SIZES]
    if rows.empty:
        raise TooFewRunsError(
            f"the spread over seeds needs {FEWEST_SEEDS} seeds at {FEWEST_SIZES} sizes; "
            "no setting has as many"
        )
    column = "ln_error" if relative else "error"
    of_draw = rows.groupby(["setting", SIZE, "draw"])[column].agg(["var", "size"])
    of_draw["df"] = of_draw["size"] - 1
    of_draw["sum"] = of_draw["var"] * of_draw["df"]
    spreads = of_draw.groupby(["setting", SIZE])[["sum", "df"]].sum().reset_index()
    spreads["variance"] = spreads["sum"] / spreads["df"]
    spreads["df"] /= design_effect(rows, ["draw"], [SIZE, "setting"])
    effect = design_effect(rows, ["setting"], [SIZE, "draw"])
    pooled = spreads.assign(sum=spreads["variance"] * spreads["df"])
    pooled = pooled.groupby(SIZE)[["sum", "df"]].sum()
    df = pooled["df"] / effect
    low, high = (
        np.sqrt(pooled["sum"] / effect / chi2.ppf(1 - share / 100, df)) for share in PERCENTILES
    )
    by_size = pd.DataFrame({"sd": np.sqrt(pooled["sum"] / pooled["df"]), "low": low, "high": high})
    return Spread(by_size, *exponent(spreads, effect))


def exponent(spreads: pd.DataFrame, design_effect: float = 1.0) -> tuple[float, float, float]:
    """The exponent q of standard deviations ~ N^q, and its 95 % limits.

    A generalized linear model: variances of normal samples are gamma-distributed with dispersion
    2 / df, and their logarithm is linear in ln N, with an intercept for each setting (McCullagh and
    Nelder, Generalized Linear Models, 1989, section 8; Aitkin, Applied Statistics 36 (1987) 332).
    If the variances scatter around the line more than that, the limits are wider accordingly.

    Args:
        spreads: `variance`, `df`, `training_examples`, and `setting`, a number.
        design_effect: the factor by which correlation between the settings widens the variance.

    Returns:
        NaN if a variance is 0, or all sizes are the same.
    """
    variance, df = (spreads[name].to_numpy(float) for name in ("variance", "df"))
    if not variance.all() or spreads[SIZE].nunique() < 2:
        return np.nan, np.nan, np.nan
    ln_size = np.log(spreads[SIZE].to_numpy(float))
    levels = pd.get_dummies(spreads["setting"]).to_numpy(float)
    design = np.column_stack([levels, ln_size - ln_size.mean()])
    normal = np.linalg.inv(design.T @ (df[:, None] * design))
    ln_fit = np.log(variance)
    for _ in range(ITERATIONS):  # of Fisher's scoring, whose weights a logarithmic link keeps
        working = ln_fit + variance / np.exp(ln_fit) - 1
        coefficients = normal @ (design.T @ (df * working))
        ln_fit = design @ coefficients
    free = len(variance) - design.shape[1]
    scatter = float((df * (variance / np.exp(ln_fit) - 1) ** 2).sum()) / free if free else 0.0
    reach = NORMAL * np.sqrt(design_effect * max(2.0, scatter) * normal[-1, -1])
    ends = np.array([0.0, -reach, reach])
    value, low, high = (coefficients[-1] + ends) / 2
    return float(value), float(low), float(high)


def design_effect(runs: pd.DataFrame, series: list[str], cells: list[str]) -> float:
    """By how much series that share their seeds are worth less than independent ones.

    1 + (series − 1) · mean ρ², for their variance, because the variances of two normal samples of a
    pair with correlation ρ have the correlation ρ² (Kish, Survey Sampling, 1965, section 5.4). What
    ρ² is by chance, 1 / degrees of freedom, is taken off. ρ is that of the deviations from the mean
    of each cell, over the seeds that all series have.

    Args:
        runs: with `seed` and `ln_error`.
        series: the columns that tell the series apart: settings, or draws of the examples.
        cells: those within which the seeds are compared.
    """
    number = len(runs[series].drop_duplicates()) if series else 1
    if number == 1 or not runs.duplicated([*cells, "seed"]).any():
        return 1.0  # one series, or each has seeds of its own
    wide = runs.pivot(index=[*cells, "seed"], columns=series, values="ln_error").dropna()
    wide = wide[wide.groupby(cells)[wide.columns[0]].transform("size") > 1]
    if wide.empty:
        return float(number)  # as if all series had the same deviations
    sizes = wide.index.get_level_values(SIZE)
    centred = wide - wide.groupby(cells).transform("mean")
    scale = (centred**2).mean(axis=1).groupby(sizes).transform("mean") ** 0.5
    deviations = centred.div(scale.clip(lower=1e-300), axis=0)
    df = len(deviations) - len(wide.groupby(cells))
    if df < 2:  # correlations of one pair of seeds are 1, whatever their true value is
        return float(number)
    squares = np.corrcoef(deviations.to_numpy().T) ** 2
    mean = (squares.sum() - number) / (number * (number - 1))
    return 1 + (number - 1) * max(0.0, (df * mean - 1) / (df - 1))
