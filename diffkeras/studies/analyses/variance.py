"""How much of the differences between runs is due to the size, the loss, and the seed?"""

from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import chndtr, chndtrinc
from scipy.stats import chi2

from diffkeras.reporting.print_figures import print_axes, series_style
from diffkeras.studies.analysis import Analysis, rows_of
from diffkeras.studies.drawing import REGION_TITLES
from diffkeras.studies.statistics.designs import anova, complete_design
from diffkeras.studies.study_data import (
    LOSS,
    ORDER_SEED,
    REGION_ERRORS,
    SEED,
    SIZE,
    SIZE_KEYS,
    StudyData,
    TooFewRunsError,
)

DRAWS = 1000
INTERVAL = (2.5, 97.5)  # percentiles
NAMES = {SIZE: "size", LOSS: "loss", SEED: "seed", ORDER_SEED: "order seed"}
WITHIN = "seed"  # all differences between the runs of a cell
EVERYWHERE = ", the same in all cells"


def _factors(data: StudyData) -> list[str]:
    return [SIZE] * data.size_varies + data.settings(without=SIZE_KEYS)


def table(data: StudyData) -> pd.DataFrame:
    """How much each varied setting, the interactions and the seed explain of ln error, per region.

    An analysis of variance of all complete combinations (statsmodels, type 2). The logarithm is
    taken because settings change the error by factors. share is ω² (Hays 1963; Olejnik and Algina
    2003), which unlike eta_squared does not grow with the number of settings by chance alone;
    negative estimates are 0. The rows up to seed add up to 1, and seed is all that differs between
    runs of the same setting. The same seeds are used for all settings, so they are blocks: the rows
    'the same in all cells' are the part of seed by which one seed is better than another for all
    settings, and F and p test all rows against the residual. low and high are a 95 % generalized
    interval (Weerahandi 1993), which assumes that the residuals of ln error are normal and scatter
    equally for all settings. The shares belong to the values and seeds that this study chose: a
    wider range of sizes would have a larger share.
    """
    factors, seeds = _factors(data), data.seeds
    parts = []
    for region in REGION_ERRORS:
        runs = complete_design(rows_of(data.regions, {"region": region}), factors, seeds)
        if len(runs[seeds].drop_duplicates()) < 2:
            raise TooFewRunsError(
                "shares of variance need two seeds with a run in every combination of "
                + ", ".join(NAMES.get(name, name) for name in factors)
            )
        shares = _shares(runs, factors, seeds)
        shares.insert(0, "region", region)
        parts.append(shares)
    return pd.concat(parts, ignore_index=True)


def _shares(runs: pd.DataFrame, factors: list[str], seeds: list[str]) -> pd.DataFrame:
    """The rows of one region."""
    effects = [e for n in range(len(factors)) for e in combinations(factors, n + 1)]
    rows = anova(runs, [*effects, *([seed] for seed in seeds)])
    sums, degrees = (rows[name].to_numpy(copy=True) for name in ("sum_sq", "df"))
    drawn = draw_shares(sums, degrees)
    number = len(effects)
    scatter = sums[-1] / degrees[-1]
    shares = np.maximum(0, (sums - degrees * scatter) / (sums.sum() + scatter))
    # what differs within cells is one row, and what a seed does in all cells are further rows
    shares[-1] = 1 - shares[:number].sum()
    drawn[-1] = drawn[number:].sum(axis=0)
    sums[-1], degrees[-1] = sums[number:].sum(), degrees[number:].sum()
    low, high = np.percentile(drawn, INTERVAL, axis=1)
    columns = {
        "factor": [
            *(" × ".join(NAMES.get(name, name) for name in effect) for effect in effects),
            *(NAMES[seed] + EVERYWHERE for seed in seeds),
            WITHIN,
        ],
        "share": shares,
        "low": low,
        "high": high,
        "eta_squared": sums / sums[[*range(number), -1]].sum(),
        "df": degrees.astype(int),
        "F": rows["F"].to_numpy(),
        "p": rows["p"].to_numpy(),
    }
    order = [*range(number), len(sums) - 1, *range(number, len(sums) - 1)]
    return pd.DataFrame(columns).iloc[order]


def draw_shares(sums: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """(effects + 1, draws), shares of variance whose percentiles are the limits of the true ones.

    Generalized intervals (Weerahandi, JASA 88 (1993) 899): draws of the remaining variance σ² are
    SS / χ², and draws of an effect's noncentrality are those under which its SS / σ² would be a
    given quantile of the noncentral χ² distribution, uniformly drawn (the interval of Steiger,
    Psychological Methods 9 (2004) 164, with the total variance in place of a partial one).

    Args:
        sums: (effects + 1,), sums of squares, the last one of the residuals.
        degrees: (effects + 1,), their degrees of freedom.
    """
    rng = np.random.default_rng(0)
    runs = degrees.sum() + 1
    within = sums[-1] / chi2.rvs(degrees[-1], size=DRAWS, random_state=rng)
    drawn = [
        within * _noncentralities(total / within, df, rng) / runs
        for total, df in zip(sums[:-1], degrees[:-1], strict=True)
    ]
    variances = np.stack([*drawn, within])
    return variances / variances.sum(axis=0)


def _noncentralities(ratios: np.ndarray, df: float, rng: np.random.Generator) -> np.ndarray:
    quantiles = rng.uniform(size=len(ratios))
    small = chndtr(ratios, df, 0) < quantiles  # even without an effect, larger ratios are common
    return np.where(small, 0.0, chndtrinc(ratios, df, quantiles))


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """The shares of each region, stacked."""
    drawn, axes = print_axes(width=5.5, height=2.6)
    axis = axes[0, 0]
    parts = table[~table["factor"].str.endswith(EVERYWHERE)]
    shares = parts.pivot(index="region", columns="factor", values="share").loc[list(REGION_ERRORS)]
    left = np.zeros(len(shares))
    for index, name in enumerate(dict.fromkeys(parts["factor"])):
        color = "0.75" if name == WITHIN else series_style(index)["color"]
        axis.barh(range(len(shares)), shares[name], left=left, color=color, label=name)
        left += shares[name].to_numpy()
    axis.set_yticks(range(len(shares)), [REGION_TITLES[region] for region in shares.index])
    axis.invert_yaxis()
    axis.set(xlim=(0, 1), xlabel="share of the variance of ln error")
    drawn.legend(loc="outside upper center", ncols=4)
    return drawn


ANALYSIS = Analysis(
    name="variance",
    title="What the error depends on most",
    applies=lambda data: bool(data.seeds and _factors(data)),
    table=table,
    figure=figure,
)
