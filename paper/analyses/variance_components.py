"""Where the fluctuation between runs comes from, as components of the variance of ln error.

Of seeds: the initial weights, or the order of the minibatches. Of disjoint subsets of the training
examples: the choice of examples, or seeds.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import chi2

from benchmarks.shared.print_style import log_ticks, print_axes, series_style
from diffkeras.evaluation.errors import ERRORS
from paper.analysis import Analysis, grouped, rows_of, rows_of_first
from paper.drawing import legend_above, region_panels
from paper.statistics.comparison import PERCENTILES
from paper.statistics.designs import anova, complete_design
from paper.study_data import (
    ORDER_SEED,
    SEED,
    SIZE,
    SIZE_KEYS,
    TRAIN_PART,
    StudyData,
    TooFewRunsError,
    label_of,
    with_seed,
)

FEWEST_OF_A_KIND = 3  # seeds of the weights, and of the order
FEWEST_SUBSETS, FEWEST_SEEDS = 3, 2
DRAWS = 10_000
SEED_NAMES = ("initial weights", "minibatch order", "both together")
SUBSET_NAMES = ("subset", "seed", "subset × seed")


def components(
    runs: pd.DataFrame, effects: tuple[str, str], names: Sequence[str]
) -> list[dict[str, Any]]:
    """The variance components of crossed random effects with one run in each combination.

    From the expected mean squares of the analysis of variance (Searle, Casella and McCulloch,
    Variance Components, 1992, section 4.5). The intervals are generalized ones (Weerahandi, JASA 88
    (1993) 899): draws of an expected mean square are its sum of squares divided by a χ² number.

    Args:
        runs: a complete design, with the column `ln_error`.
        effects: columns of the two effects.
        names: of the two effects, and of what neither explains alone.
    """
    rows = anova(runs, [[effect] for effect in effects])
    sums, df = rows["sum_sq"].to_numpy(), rows["df"].to_numpy()
    rng = np.random.default_rng(0)
    drawn = sums / chi2.rvs(df, size=(DRAWS, 3), random_state=rng)
    first, second = (runs[effect].nunique() for effect in effects)
    repeats = np.array([second, first, 1])  # runs with the same value of an effect
    variances = _from_mean_squares(sums / df, repeats)
    low, high = np.percentile(np.sqrt(_from_mean_squares(drawn, repeats)), PERCENTILES, axis=0)
    columns = {
        "component": names,
        "variance": variances,
        "sd": np.sqrt(variances),
        "low": low,
        "high": high,
        "share": variances / variances.sum(),
        "df": df.astype(int),
        "F": rows["F"],
        "p": rows["p"],
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _from_mean_squares(squares: np.ndarray, repeats: np.ndarray) -> np.ndarray:
    """Components of both effects and the rest from their mean squares, negative ones as 0."""
    rest = squares[..., 2:]
    effects = (squares[..., :2] - rest) / repeats[:2]
    return np.maximum(0, np.concatenate([effects, rest], axis=-1))


def seed_sources(data: StudyData) -> pd.DataFrame:
    """How much of the fluctuation of ln error comes from initial weights, and from the order."""
    rows: list[dict[str, Any]] = []
    for setting, of_setting in grouped(data.regions, [*data.settings(without=SIZE_KEYS), "region"]):
        for size, same_size in of_setting.groupby(SIZE):
            of_draw = same_size[same_size["draw"] == same_size["draw"].iloc[0]]
            runs = complete_design(of_draw, [SEED], [ORDER_SEED])
            seeds, orders = (runs[name].nunique() for name in (SEED, ORDER_SEED))
            if min(seeds, orders) >= FEWEST_OF_A_KIND:
                place = {**setting, SIZE: size, "weight_seeds": seeds, "order_seeds": orders}
                rows += [place | row for row in components(runs, (SEED, ORDER_SEED), SEED_NAMES)]
    if not rows:
        raise TooFewRunsError(
            f"the sources of fluctuation need all combinations of {FEWEST_OF_A_KIND} seeds of the "
            f"weights and {FEWEST_OF_A_KIND} of the order at one size"
        )
    return pd.DataFrame(rows)


def _draw_seed_sources(table: pd.DataFrame, data: StudyData) -> Figure:
    """The components of the first setting against the size, per region."""
    setting = {name: table[name].iloc[0] for name in data.settings(without=SIZE_KEYS)}
    shown = rows_of(table, setting)
    drawn, panels = region_panels(y_label="standard deviation of ln error", sharex=True)
    for region, axis in panels.items():
        axis.set_xscale("log")
        for place, component in enumerate(SEED_NAMES):
            rows = shown[(shown["region"] == region) & (shown["component"] == component)]
            reach = [rows["sd"] - rows["low"], rows["high"] - rows["sd"]]
            apart = rows[SIZE] * 1.06 ** (place - 1)
            axis.errorbar(
                apart, rows["sd"], reach, capsize=2, label=component, **series_style(place)
            )
        axis.set_ylim(bottom=0)
        log_ticks(axis, "x")
    legend_above(drawn, panels["lattice"], title=label_of(setting))
    return drawn


def disjoint_subsets(data: StudyData) -> pd.DataFrame:
    """The parts of subsets and of seeds in the variance of ln error over all images."""
    runs = with_seed(data.overall)
    rows: list[dict[str, Any]] = []
    most = (0, 0)
    for setting, group in grouped(runs, data.settings(without=(TRAIN_PART,))):
        for error in ERRORS:
            known = group.dropna(subset=[error])
            known = known.assign(ln_error=np.log(known[error]))
            design = complete_design(known, [TRAIN_PART], ["seed"])
            subsets, seeds = known[TRAIN_PART].nunique(), design["seed"].nunique()
            most = max(most, (subsets, seeds))
            if subsets >= FEWEST_SUBSETS and seeds >= FEWEST_SEEDS:
                place = {**setting, "error": error, "subsets": subsets, "seeds": seeds}
                effects = components(design, (TRAIN_PART, "seed"), SUBSET_NAMES)
                rows += [place | row for row in effects]
    if not rows:
        raise TooFewRunsError(
            f"there are {most[0]} subsets with {most[1]} seeds that all of them share; at least "
            f"{FEWEST_SUBSETS} subsets with {FEWEST_SEEDS} seeds are needed"
        )
    return pd.DataFrame(rows)


def _draw_disjoint_subsets(table: pd.DataFrame, data: StudyData) -> Figure:
    """The standard deviation of each component, for each error."""
    shown = rows_of_first(table, data, (TRAIN_PART,))
    errors = list(dict.fromkeys(shown["error"]))
    drawn, axes = print_axes(height=2.6)
    axis = axes[0, 0]
    for index, name in enumerate(SUBSET_NAMES):
        rows = shown[shown["component"] == name].set_index("error").loc[errors]
        places = np.arange(len(errors)) + 0.22 * (index - 1)
        centre, low, high = (100 * rows[part].to_numpy(float) for part in ("sd", "low", "high"))
        style = series_style(index)
        axis.vlines(places, low, high, color=style["color"], linewidth=1.4)
        axis.plot(places, centre, linestyle="", label=name, **style)
    axis.set_xticks(range(len(errors)), [ERRORS[error].replace(" (", "\n(") for error in errors])
    most = 100 * float(shown["sd"].max())  # limits of few seeds go far beyond
    axis.set_ylim(-0.05 * most, 2.5 * most)
    axis.set_ylabel("standard deviation [% of the error]")
    legend_above(drawn, axis)
    return drawn


SEED_SOURCES = Analysis(
    name="seed_sources",
    explains=(
        "How much of the fluctuation of ln error comes from the initial weights, and from the "
        "order. Every seed of one kind (training.seed for the initial weights, "
        "training.order_seed for the order of the minibatches) is combined with every seed of the "
        "other, so these are the variance components of two crossed random effects, from the mean "
        "squares of an analysis of variance (Searle, Casella and McCulloch 1992). both together "
        "is what neither has alone: an order that suits some initial weights, and rounding that "
        "differs between runs. sd is the root of a component, a relative standard deviation of "
        "the error. A negative estimate is reported as 0. low and high are 95 % generalized "
        "limits (Weerahandi 1993) for normal ln errors; with a handful of seeds they are wide. F "
        "and p test whether the component is 0. The training examples are the same in all runs of "
        "a size; if they were drawn several times, the first draw is shown."
    ),
    applies=lambda data: data.varies(SEED, ORDER_SEED),
    table=seed_sources,
    figure=_draw_seed_sources,
)
DISJOINT_SUBSETS = Analysis(
    name="disjoint_subsets",
    explains=(
        "The parts of subsets and of seeds in the variance of ln error over all images. Every "
        "seed was trained on every one of several disjoint subsets of equal size. As in an "
        "analysis of variance with two crossed random factors (Searle, Casella and McCulloch "
        "1992) there are three parts: which subset, which seed (initial weights and order, alike "
        "for all subsets), and subset × seed, what neither explains alone. The runs of one subset "
        "differ by the last two together. sd is the root of a part: about its relative standard "
        "deviation. A negative estimate is reported as 0. low and high are 95 % generalized "
        "limits of sd (Weerahandi 1993) for normal ln errors; with a handful of subsets and seeds "
        "they are wide. F and p test whether a part is 0, against subset × seed."
    ),
    applies=lambda data: data.varies(TRAIN_PART) and bool(data.seeds),
    table=disjoint_subsets,
    figure=_draw_disjoint_subsets,
)
