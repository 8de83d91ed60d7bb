"""Does the fluctuation of the error over seeds fall with the size of the training set?"""

import warnings
from collections.abc import Collection

import numpy as np
import pandas as pd
import statsmodels.api as sm
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import chi2
from statsmodels.formula.api import glm
from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

from benchmarks.shared.print_style import PALETTE, log_ticks
from paper.analysis import Analysis, grouped, rows_of
from paper.drawing import region_panels
from paper.study_data import (
    REGION_ERRORS,
    SIZE,
    SIZE_KEYS,
    StudyData,
    TooFewRunsError,
)

FEWEST_SEEDS, FEWEST_SIZES = 3, 2
POOLED = "all"  # in place of the value of each setting
QUANTITIES = {"relative": "of ln error", "absolute": "of the error"}
COLUMNS = {"relative": "ln_error", "absolute": "error"}
COLORS = dict(zip(QUANTITIES, PALETTE, strict=False))
TAILS = (0.975, 0.025)


def table(data: StudyData, regions: Collection[str] = tuple(REGION_ERRORS)) -> pd.DataFrame:
    """The standard deviation over seeds against the number of training examples, per region."""
    names = data.settings(without=SIZE_KEYS)
    rows = data.regions
    rows = rows[rows["region"].isin(regions)]
    of_size = rows.groupby([*names, "region", SIZE])
    freedom = of_size["run"].transform("size") - of_size["draw"].transform("nunique")
    rows = rows[freedom >= FEWEST_SEEDS - 1]
    rows = rows[rows.groupby([*names, "region"])[SIZE].transform("nunique") >= FEWEST_SIZES]
    if rows.empty:
        raise TooFewRunsError(
            f"the spread over seeds needs {FEWEST_SEEDS} seeds at {FEWEST_SIZES} sizes; "
            "no setting has as many"
        )
    parts = []
    for place, of_region in grouped(rows, ["region"]):
        for quantity, column in COLUMNS.items():
            spreads = _spreads(of_region, [*names, SIZE], column)
            spreads["df"] /= design_effect(of_region, ["draw"], [SIZE, *names])
            effect = design_effect(of_region, names, [SIZE, "draw"])
            fitted = _with_exponents(spreads, names, effect)
            parts += [part.assign(**place, quantity=quantity) for part in fitted]
    joined = pd.concat(parts, ignore_index=True)
    joined["sd"] = np.sqrt(joined["variance"])
    for end, tail in zip(("low", "high"), TAILS, strict=True):
        joined[end] = np.sqrt(joined["variance"] * joined["df"] / chi2.ppf(tail, joined["df"]))
    columns = [*names, "region", "quantity", SIZE, "df", "sd", "low", "high"]
    return joined[[*columns, "exponent", "exponent_low", "exponent_high"]]


def _spreads(rows: pd.DataFrame, names: list[str], column: str) -> pd.DataFrame:
    """The variance over seeds and its degrees of freedom, pooled over the draws of examples."""
    of_draw = rows.groupby([*names, "draw"], sort=False)[column].agg(["var", "size"])
    of_draw["df"] = of_draw["size"] - 1
    of_draw["variance"] = of_draw["var"] * of_draw["df"]
    spreads = of_draw.groupby(names, sort=False)[["variance", "df"]].sum().reset_index()
    spreads["variance"] /= spreads["df"]
    return spreads


def _with_exponents(spreads: pd.DataFrame, names: list[str], effect: float) -> list[pd.DataFrame]:
    """The variances of each setting, and those pooled over several, with their exponents."""
    settings = [part.sort_values(SIZE) for _, part in grouped(spreads, names)]
    series = pd.concat([part.assign(series=number) for number, part in enumerate(settings)])
    parts = [part.assign(**exponent(part.assign(series=0))) for part in settings]
    if len(settings) > 1:
        weighted = spreads.assign(variance=spreads["variance"] * spreads["df"])
        pooled = weighted.groupby(SIZE)[["variance", "df"]].sum().reset_index()
        pooled["variance"] /= pooled["df"]
        pooled["df"] /= effect
        parts.append(pooled.assign(**dict.fromkeys(names, POOLED), **exponent(series, effect)))
    return parts


def exponent(spreads: pd.DataFrame, design_effect: float = 1.0) -> dict[str, float]:
    """The exponent q of standard deviations ~ N^q, and its 95 % limits.

    A generalized linear model: variances of normal samples are gamma-distributed with dispersion
    2 / df, and their logarithm is linear in ln N, with an intercept for each series (McCullagh and
    Nelder, Generalized Linear Models, 1989, section 8; Aitkin, Applied Statistics 36 (1987) 332).
    If the variances scatter around the line more than that, the limits are wider accordingly.

    Args:
        spreads: `variance`, `df`, `training_examples`, and `series`: the number of the setting.
        design_effect: the factor by which correlation between the series widens the variance.

    Returns:
        `exponent`, `exponent_low` and `exponent_high`; NaN if a variance is 0, or all sizes are the
        same.
    """
    names = ("exponent", "exponent_low", "exponent_high")
    if not spreads["variance"].all() or spreads[SIZE].nunique() < 2:
        return dict.fromkeys(names, np.nan)
    ln_size = np.log(spreads[SIZE].astype(float))
    model = glm(
        "variance ~ 0 + C(series) + ln_size",
        spreads.assign(ln_size=ln_size - ln_size.mean()),
        family=sm.families.Gamma(sm.families.links.Log()),
        var_weights=spreads["df"].to_numpy(float),
    )
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        # of a line through two points, which leaves no scatter
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        scatter = model.fit().pearson_chi2 / model.df_resid if model.df_resid else 0.0
        fit = model.fit(scale=design_effect * max(2.0, scatter))
    low, high = fit.conf_int().loc["ln_size"]
    return dict(zip(names, (fit.params["ln_size"] / 2, low / 2, high / 2), strict=True))


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


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """The standard deviations against the size, per region; pooled over several settings."""
    shown = rows_of(table, dict.fromkeys(data.settings(without=SIZE_KEYS), POOLED))
    shown = table if shown.empty else shown
    over = "draws and seeds" if data.own_seeds == 1 else "seeds"
    drawn, panels = region_panels(y_label=f"spread over {over}", sharex=True)
    for region, axis in panels.items():
        axis.set(xscale="log", yscale="log")
        for quantity in QUANTITIES:
            _draw(axis, shown[(shown["region"] == region) & (shown["quantity"] == quantity)])
        low, high = axis.get_ylim()
        axis.set_ylim(low, high * (high / low) ** 0.3)  # room for the legend
        log_ticks(axis, "x")
        log_ticks(axis, "y")
    if len(shown) < len(table):
        drawn.suptitle("pooled over the settings", fontsize=8)
    return drawn


def _draw(axis: Axes, rows: pd.DataFrame) -> None:
    """The standard deviations of one region and quantity, and the line of their exponent."""
    if rows.empty:
        return
    first = rows.iloc[0]
    color = COLORS[first["quantity"]]
    reach = [rows["sd"] - rows["low"], rows["high"] - rows["sd"]]
    axis.errorbar(rows[SIZE], rows["sd"], reach, fmt="o", color=color, capsize=2)
    ln_sizes = np.log(rows[SIZE].to_numpy(dtype=float))
    middle = np.average(np.log(rows["sd"]), weights=rows["df"])
    line = middle + first["exponent"] * (ln_sizes - np.average(ln_sizes, weights=rows["df"]))
    limits = f"[{first['exponent_low']:.2f}, {first['exponent_high']:.2f}]"
    label = f"{QUANTITIES[first['quantity']]}: N^{first['exponent']:.2f} {limits}"
    axis.plot(rows[SIZE], np.exp(line), color=color, label=label)
    axis.legend(fontsize=5, loc="upper right", handlelength=1.2)


ANALYSIS = Analysis(
    name="fluctuation",
    explains=(
        "The standard deviation over seeds against the number of training examples, per region. "
        "Seeds change the initial weights and the order of the minibatches. relative is the "
        "standard deviation of ln error, which for a small one is the standard deviation divided "
        "by the error; absolute is that of the error itself. If the error falls with the size and "
        "the relative one stays the same, the absolute one falls too, so the relative one shows "
        "whether training becomes more repeatable than a smaller error alone explains. low and "
        "high are 95 % limits from the χ² distribution, for normally distributed (ln) errors. "
        "Three seeds say little, so the rows all pool the variances within the settings. The same "
        "seeds are used for all settings and one may be better for all of them, so df is smaller "
        "there than the sum of the settings' by the design effect of their correlation (Kish "
        "1965). Draws of the examples that share their seeds count by theirs. exponent is q in sd "
        "~ N^q, from a gamma regression of the variances on ln N with an intercept for each "
        "setting (McCullagh and Nelder 1989; Aitkin 1987); it is negative where the fluctuation "
        "falls, and the fall is beyond chance where its 95 % limits are both negative. What "
        "another choice of training examples would change is not part of it: runs are compared "
        "with those of the same examples. Only where each draw of the examples has one seed of "
        "its own are the runs of several draws compared, and the standard deviation is that over "
        "draws and seeds together."
    ),
    # runs that share one of two seeds are not independent
    applies=lambda data: data.size_varies and len(data.seeds) == 1,
    table=table,
    figure=figure,
)
