"""How much of the differences between runs is due to the size, the loss, and the seed?"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import chndtr, chndtrinc
from scipy.stats import chi2
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from diffkeras.reporting.print_figures import print_axes, series_style
from diffkeras.studies.analyses.analysis import Analysis, TooFewRunsError
from diffkeras.studies.labels import REGION_TITLES
from diffkeras.studies.statistics.complete_designs import CompleteDesign
from diffkeras.studies.statistics.run_groups import (
    REGION_ERRORS,
    other_settings,
    seeds_of,
    size_varies,
)
from diffkeras.studies.study_data import LOSS, ORDER_SEED, SEED, SIZE, StudyData

DRAWS = 1000
INTERVAL = (2.5, 97.5)  # percentiles
NAMES = {SIZE: "size", LOSS: "loss", SEED: "seed", ORDER_SEED: "order seed"}
WITHIN = "seed"  # all differences between the runs of a cell
EVERYWHERE = ", the same in all cells"


def applies(data: StudyData) -> bool:
    """Whether a study has seeds, and something else that varies."""
    return bool(seeds_of(data) and _factors(data))


def _factors(data: StudyData) -> list[str]:
    return [SIZE] * size_varies(data) + other_settings(data)


def table(data: StudyData) -> pd.DataFrame:
    """The share of each factor in the variance of ln error, per region.

    Columns: `region`, `factor`, `share` (ω²), `low` and `high` (95 %), `eta_squared`, `df`, `F`,
    `p`. The rows of the factors, of their interactions and of "seed" add up to 1. The last rows of
    a region test whether a seed is better or worse in all cells; they are a part of "seed" and have
    an `eta_squared` only.

    Raises:
        TooFewRunsError: fewer than two seeds have a run in every combination of the factors.
    """
    factors, seeds = _factors(data), seeds_of(data)
    names = [NAMES.get(name, name) for name in factors]
    parts = []
    for region, error in REGION_ERRORS.items():
        design = CompleteDesign.of(data.overall, error, factors, seeds)
        if design.seeds < 2:
            raise TooFewRunsError(
                "shares of variance need two seeds with a run in every combination of "
                + ", ".join(names)
            )
        found = pd.concat([_shares(design, names), _tests_of_seeds(design, seeds)])
        found.insert(0, "region", region)
        parts.append(found)
    return pd.concat(parts, ignore_index=True)


def _shares(design: CompleteDesign, names: list[str]) -> pd.DataFrame:
    """The rows of one region that add up to 1."""
    anova = anova_lm(ols(_formula(design), design.runs).fit(), typ=2)
    sums, degrees, ratios, probabilities = (
        anova[column].to_numpy(dtype=float) for column in ("sum_sq", "df", "F", "PR(>F)")
    )
    effects = [" × ".join(names[place] for place in effect) for effect in design.effects]
    scatter = sums[-1] / degrees[-1]
    shares = np.maximum(0, (sums[:-1] - degrees[:-1] * scatter) / (sums.sum() + scatter))
    low, high = share_intervals(sums, degrees)
    columns = {
        "factor": [*effects, WITHIN],
        "share": [*shares, 1 - shares.sum()],
        "low": low,
        "high": high,
        "eta_squared": sums / sums.sum(),
        "df": degrees.astype(int),
        "F": ratios,
        "p": probabilities,
    }
    return pd.DataFrame(columns)


def _tests_of_seeds(design: CompleteDesign, seeds: list[str]) -> pd.DataFrame:
    """The rows of one region that tell whether a seed is better or worse in all cells."""
    blocks = "".join(f" + C(seed_{place})" for place in range(len(seeds)))
    anova = anova_lm(ols(_formula(design) + blocks, design.runs).fit(), typ=2)
    rows = anova.loc[[f"C(seed_{place})" for place in range(len(seeds))]]
    columns = {
        "factor": [NAMES[seed] + EVERYWHERE for seed in seeds],
        "eta_squared": rows["sum_sq"] / anova["sum_sq"].sum(),
        "df": rows["df"].astype(int),
        "F": rows["F"],
        "p": rows["PR(>F)"],
    }
    return pd.DataFrame(columns)


def _formula(design: CompleteDesign) -> str:
    return "ln_error ~ " + " * ".join(f"C(factor_{n})" for n in range(len(design.levels)))


def share_intervals(sums: np.ndarray, degrees: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % limits of the shares of variance, from the table of an analysis of variance.

    Generalized intervals (Weerahandi, JASA 88 (1993) 899): draws of the variance σ² within cells
    are SS / χ², and draws of an effect's noncentrality are those under which its SS / σ² would be a
    given quantile of the noncentral χ² distribution, uniformly drawn (the interval of Steiger,
    Psychological Methods 9 (2004) 164, with the total variance in place of a partial one).

    Args:
        sums: (effects + 1,), sums of squares, the last one within cells.
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
    low, high = np.percentile(variances / variances.sum(axis=0), INTERVAL, axis=1)
    return low, high


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
    explanation=(
        "How much of the variance of ln error between runs is explained by each varied setting, "
        "by their interactions, and by the seed, in each region: an analysis of variance of all "
        "complete combinations (statsmodels, type 2). The logarithm is taken because settings "
        "change the error by factors. share is ω² (Hays 1963; Olejnik and Algina 2003), which "
        "unlike eta_squared does not grow with the number of settings by chance alone; negative "
        "estimates are 0. The rows up to seed add up to 1, and seed is all that differs between "
        "runs of the same setting. low and high are a 95 % generalized interval (Weerahandi "
        "1993), which takes the scatter of ln error over seeds as normal and equal for all "
        "settings. The shares belong to the values that this study chose: a wider range of sizes "
        "would have a larger share. F and p test each setting against the differences between "
        "seeds. The rows 'the same in all cells' test whether a seed is better or worse for all "
        "settings (a block effect, tested against what is left); their eta_squared is part of "
        "that of seed."
    ),
    applies=applies,
    table=table,
    figure=figure,
)
