"""Where the fluctuation over seeds comes from: the initial weights, or the minibatch order."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import chi2
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from diffkeras.reporting.print_figures import log_ticks, series_style
from diffkeras.studies.analyses.analysis import Analysis, TooFewRunsError
from diffkeras.studies.drawing.region_panels import region_panels
from diffkeras.studies.labels import label_of
from diffkeras.studies.statistics.complete_designs import CompleteDesign
from diffkeras.studies.statistics.run_groups import (
    REGION_ERRORS,
    first_setting,
    groups,
    rows_of,
)
from diffkeras.studies.study_data import ORDER_SEED, SEED, SIZE, StudyData

FEWEST_SEEDS = 3  # of each kind
DRAWS = 10_000
INTERVAL = (2.5, 97.5)  # percentiles
COMPONENTS = ("initial weights", "minibatch order", "both together")


def applies(data: StudyData) -> bool:
    """Whether both seeds vary."""
    return data.varies(SEED, ORDER_SEED)


def table(data: StudyData) -> pd.DataFrame:
    """The components of the variance of ln error over seeds, per setting, region and size.

    Columns: the settings, `region`, `training_examples`, `weight_seeds` and `order_seeds` (their
    numbers), `component` ("initial weights", "minibatch order", "both together"), `variance`,
    `sd` (its root: a relative standard deviation) with 95 % limits `low` and `high`, `share` of
    the sum of the three, `df`, and `F` and `p` of the test that the component is 0.

    Raises:
        TooFewRunsError: no size has runs of all combinations of three seeds of each kind.
    """
    rows: list[dict[str, Any]] = []
    for setting, runs in groups(data):
        for region, error in REGION_ERRORS.items():
            for size, same_size in runs.groupby(SIZE):
                place = {**setting, "region": region, SIZE: size}
                design = CompleteDesign.of(same_size, error, [SEED], [ORDER_SEED])
                if min(*design.levels, design.seeds) >= FEWEST_SEEDS:
                    numbers = {"weight_seeds": design.levels[0], "order_seeds": design.seeds}
                    rows += [{**place, **numbers, **row} for row in components(design)]
    if not rows:
        raise TooFewRunsError(
            f"the sources of fluctuation need all combinations of {FEWEST_SEEDS} seeds of the "
            f"weights and {FEWEST_SEEDS} of the order at one size"
        )
    return pd.DataFrame(rows)


def components(design: CompleteDesign) -> list[dict[str, Any]]:
    """The variance components of crossed random effects with one run in each combination.

    From the expected mean squares of the analysis of variance (Searle, Casella and McCulloch,
    Variance Components, 1992, section 4.5). The intervals are generalized ones (Weerahandi, JASA 88
    (1993) 899): draws of an expected mean square are its sum of squares divided by a χ² number.

    Args:
        design: the seed of the weights as its factor, the seed of the order as its seed.
    """
    anova = anova_lm(ols("ln_error ~ C(factor_0) + C(seed_0)", design.runs).fit())
    sums, df, ratios, probabilities = (
        anova[column].to_numpy(dtype=float) for column in ("sum_sq", "df", "F", "PR(>F)")
    )
    rng = np.random.default_rng(0)
    drawn = sums / chi2.rvs(df, size=(DRAWS, 3), random_state=rng)
    repeats = np.array([design.seeds, design.levels[0], 1])  # runs with the same seed
    variances = _from_mean_squares(sums / df, repeats)
    low, high = np.percentile(np.sqrt(_from_mean_squares(drawn, repeats)), INTERVAL, axis=0)
    columns = {
        "component": COMPONENTS,
        "variance": variances,
        "sd": np.sqrt(variances),
        "low": low,
        "high": high,
        "share": variances / variances.sum(),
        "df": df.astype(int),
        "F": ratios,
        "p": probabilities,
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _from_mean_squares(squares: np.ndarray, repeats: np.ndarray) -> np.ndarray:
    """Components of weights, order and rest from their mean squares, negative ones as 0."""
    rest = squares[..., 2:]
    effects = (squares[..., :2] - rest) / repeats[:2]
    return np.maximum(0, np.concatenate([effects, rest], axis=-1))


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """The components of the first setting against the size, per region."""
    setting = first_setting(table, data)
    shown = rows_of(table, setting)
    drawn, panels = region_panels("standard deviation of ln error")
    for region, axis in panels.items():
        for place, component in enumerate(COMPONENTS):
            rows = shown[(shown["region"] == region) & (shown["component"] == component)]
            reach = [rows["sd"] - rows["low"], rows["high"] - rows["sd"]]
            apart = rows[SIZE] * 1.06 ** (place - 1)
            axis.errorbar(
                apart, rows["sd"], reach, capsize=2, label=component, **series_style(place)
            )
        axis.set_ylim(bottom=0)
        log_ticks(axis, "x")
    handles = panels["lattice"].get_legend_handles_labels()
    drawn.legend(*handles, loc="outside upper center", ncols=3, title=label_of(setting))
    return drawn


ANALYSIS = Analysis(
    name="seed_sources",
    title="Initial weights and minibatch order apart",
    explanation=(
        "How much of the fluctuation of ln error comes from the initial weights (training.seed), "
        "and how much from the order of the minibatches (training.order_seed). Every seed of one "
        "kind is combined with every seed of the other, so these are the variance components of "
        "two crossed random effects, from the mean squares of an analysis of variance (Searle, "
        "Casella and McCulloch 1992). both together is what neither has alone: an order that "
        "suits some initial weights, and rounding that differs between runs. sd is the root of a "
        "component, a relative standard deviation of the error. A component that comes out "
        "negative is reported as 0. low and high are 95 % generalized limits (Weerahandi 1993) "
        "for normal ln errors; with a handful of seeds they are wide. F and p test whether the "
        "component is 0. The training examples are the same in all runs of a size."
    ),
    applies=applies,
    table=table,
    figure=figure,
)
