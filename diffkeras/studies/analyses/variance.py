"""How much of the differences between runs is due to the size, the loss, and the seed?"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, count

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import chndtr, chndtrinc
from scipy.stats import chi2
from scipy.stats import f as f_distribution

from diffkeras.reporting.style import print_axes, series_style
from diffkeras.studies.analysis import Analysis, rows_of
from diffkeras.studies.drawing import REGION_TITLES
from diffkeras.studies.statistics.comparison import PERCENTILES
from diffkeras.studies.statistics.designs import anova, complete_design
from diffkeras.studies.study_data import (
    DRAW,
    LOSS,
    ORDER_SEED,
    REGION_ERRORS,
    SEED,
    SIZE,
    SIZE_KEYS,
    StudyData,
    TooFewRunsError,
    own_seeds,
)

DRAWS = 1000
NAMES = {SIZE: "size", LOSS: "loss", SEED: "seed", ORDER_SEED: "order seed"}
OF_EXAMPLES = "draw of the examples"
WITHIN = "seed"  # all differences between the runs of a cell
BOTH = "draw and seed"  # the same where each draw has one seed of its own
ALIKE = ", the same in all cells"  # a comma tells the parts of a share from the shares
ALIKE_IN_DRAWS = WITHIN + ", the same in all draws"


def _factors(data: StudyData) -> list[str]:
    return [SIZE] * data.size_varies + data.settings(without=SIZE_KEYS)


def table(data: StudyData) -> pd.DataFrame:
    """How much each varied setting, interaction and the seed explain of ln error, per region."""
    rows = data.regions
    return pd.concat([of_region(data, rows, region) for region in REGION_ERRORS], ignore_index=True)


def of_region(data: StudyData, rows: pd.DataFrame, region: str) -> pd.DataFrame:
    """The rows of the table for one region.

    Args:
        data: the study.
        rows: `StudyData.regions` of it.
        region: the name of the region.

    Raises:
        TooFewRunsError: fewer than two seeds have a run in every combination.
    """
    shares = shares_of(data, rows, region).table
    shares.insert(0, "region", region)
    return shares


@dataclass(frozen=True)
class Shares:
    """The shares of variance in one region.

    Attributes:
        table: a row for each factor.
        drawn: factor → draws of its share, of factors whose shares add up to 1.
    """

    table: pd.DataFrame
    drawn: dict[str, np.ndarray]


def shares_of(data: StudyData, regions: pd.DataFrame, region: str) -> Shares:
    """The shares of a region, with their draws; arguments and errors are those of `of_region`."""
    factors, seeds = _factors(data), data.seeds
    # seeds of their own are repetitions of the cells of one draw
    cells = factors if data.own_seeds else [*factors, *data.draws]
    runs = complete_design(rows_of(regions, {"region": region}), cells, seeds)
    if len(runs[seeds].drop_duplicates()) < 2:
        raise TooFewRunsError(
            "shares of variance need two seeds with a run in every combination of "
            + ", ".join(NAMES.get(name, name) for name in factors)
        )
    effects = [e for n in range(len(factors)) for e in combinations(factors, n + 1)]
    names = [" × ".join(NAMES.get(name, name) for name in effect) for effect in effects]
    groups = _random_groups(data, runs)
    terms = [*effects, *(term for group in groups.values() for term in group)]
    found = anova(runs, terms)
    sums, degrees = (found[name].to_numpy() for name in ("sum_sq", "df"))
    yardsticks = _yardsticks(terms, len(effects), sums / degrees)
    drawn = draw_shares(sums, degrees, yardsticks)
    squares = (sums / degrees)[yardsticks]
    shares = np.maximum(0, (sums - degrees * squares) / (sums.sum() + sums[-1] / degrees[-1]))
    shares[-1] = 1 - shares[:-1].sum()
    ratios = sums / degrees / squares
    p_values = np.asarray(f_distribution.sf(ratios, degrees, degrees[yardsticks]))

    def row(name: str, places: list[int]) -> dict[str, object]:
        low, high = np.percentile(drawn[places].sum(axis=0), PERCENTILES)
        tested = len(places) == 1
        return {
            "factor": name,
            "share": shares[places].sum(),
            "low": low,
            "high": high,
            "eta_squared": sums[places].sum() / sums.sum(),
            "df": int(degrees[places].sum()),
            "F": ratios[places[0]] if tested else np.nan,
            "p": p_values[places[0]] if tested else np.nan,
        }

    of_share = {name: [place] for place, name in enumerate(names)}
    of_part: dict[str, list[int]] = {}
    places = count(len(effects))
    for share, group in groups.items():
        parts = {name: [next(places)] for name in group.values()}
        of_share[share] = [place for part in parts.values() for place in part]
        of_part |= parts
    of_share[share].append(len(terms))  # the residual
    rows = [row(name, places) for name, places in [*of_share.items(), *of_part.items()]]
    drawn_shares = {name: drawn[places].sum(axis=0) for name, places in of_share.items()}
    return Shares(pd.DataFrame(rows), drawn_shares)


def _random_groups(data: StudyData, runs: pd.DataFrame) -> dict[str, dict[tuple[str, ...], str]]:
    """What is drawn at random in a complete design of runs: share → its terms, with their names.

    The last share has the residual too. Draws are crossed with the settings, sizes too: a smaller
    size of a draw is a part of its larger ones.
    """
    seeds: dict[tuple[str, ...], str] = {(seed,): NAMES[seed] + ALIKE for seed in data.seeds}
    if not data.varies(DRAW) or runs[DRAW].nunique() == 1:
        return {WITHIN: seeds}
    factors, own = _factors(data), own_seeds(runs)
    share = BOTH if own == 1 else OF_EXAMPLES
    draws: dict[tuple[str, ...], str] = {(DRAW,): share + ALIKE}
    if own != 1 or len(factors) > 1:  # else it is the residual
        draws |= {(name, DRAW): f"{share}, by {NAMES.get(name, name)}" for name in factors}
    if own == 1:
        return {BOTH: draws}
    if own:
        return {OF_EXAMPLES: draws, WITHIN: {(DRAW, *seed): name for seed, name in seeds.items()}}
    # a seed may be better for a setting with all draws, so these are not independent
    return {OF_EXAMPLES: draws, WITHIN: seeds | {(*factors, *data.seeds): ALIKE_IN_DRAWS}}


def _yardsticks(
    terms: Sequence[tuple[str, ...]], fixed: int, mean_squares: np.ndarray
) -> np.ndarray:
    """For each term and the residual, the place of the mean square that it is tested against.

    That is the larger one of the random terms that contain it, or the residual without any.
    """
    places = np.full(len(mean_squares), len(terms))
    for place, term in enumerate(terms):
        above = [n for n in range(fixed, len(terms)) if set(term) < set(terms[n])]
        if above:
            places[place] = max(above, key=lambda n: mean_squares[n])
    return places


def draw_shares(
    sums: np.ndarray, degrees: np.ndarray, yardsticks: np.ndarray | None = None
) -> np.ndarray:
    """(effects + 1, draws), shares of variance whose percentiles are the limits of the true ones.

    Generalized intervals (Weerahandi, JASA 88 (1993) 899): draws of the remaining variance σ² are
    SS / χ², and draws of an effect's noncentrality are those under which its SS / σ² would be a
    given quantile of the noncentral χ² distribution, uniformly drawn (the interval of Steiger,
    Psychological Methods 9 (2004) 164, with the total variance in place of a partial one).

    Args:
        sums: (effects + 1,), sums of squares, the last one of the residuals.
        degrees: (effects + 1,), their degrees of freedom.
        yardsticks: (effects + 1,), for each effect the place of the row whose variance stands for
            σ²: that of the residuals, or of a random effect that is nested in it. By default the
            residuals.
    """
    rng = np.random.default_rng(0)
    runs = degrees.sum() + 1
    places = np.full(len(sums), -1) if yardsticks is None else yardsticks
    variances = {
        place: sums[place] / chi2.rvs(degrees[place], size=DRAWS, random_state=rng)
        for place in sorted({*places.tolist()}, reverse=True)
    }
    drawn = [
        variances[place] * _noncentralities(total / variances[place], df, rng) / runs
        for total, df, place in zip(sums[:-1], degrees[:-1], places[:-1], strict=True)
    ]
    parts = np.stack([*drawn, variances[places[-1]]])
    return parts / parts.sum(axis=0)


def _noncentralities(ratios: np.ndarray, df: float, rng: np.random.Generator) -> np.ndarray:
    quantiles = rng.uniform(size=len(ratios))
    small = chndtr(ratios, df, 0) < quantiles  # even without an effect, larger ratios are common
    return np.where(small, 0.0, chndtrinc(ratios, df, quantiles))


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """The shares of each region, stacked."""
    drawn, axes = print_axes(width=5.5, height=2.6)
    axis = axes[0, 0]
    parts = table[~table["factor"].str.contains(", ")]
    shares = parts.pivot(index="region", columns="factor", values="share").loc[list(REGION_ERRORS)]
    left = np.zeros(len(shares))
    for index, name in enumerate(dict.fromkeys(parts["factor"])):
        color = "0.75" if name in (WITHIN, BOTH) else series_style(index)["color"]
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
    explains=(
        "How much each varied setting, the interactions and the seed explain of ln error, per "
        "region. An analysis of variance of all complete combinations, in which order does not "
        "matter. The logarithm is taken because settings change the error by factors. share is ω² "
        "(Hays 1963; Olejnik and Algina 2003), which unlike eta_squared does not grow with the "
        "number of settings by chance alone; negative estimates are 0. The rows up to seed add up "
        "to 1, and seed is all that differs between runs of the same setting. The same seeds are "
        "used for all settings, so they are blocks: the rows 'the same in all cells' are the part "
        "of seed by which one seed is better than another for all settings, and F and p test all "
        "rows against the residual. low and high are a 95 % generalized interval (Weerahandi "
        "1993), which assumes that the residuals of ln error are normal and scatter equally for "
        "all settings. If examples were drawn several times (data.seed), which draw it is explains "
        "a part too, which the rows 'by size' and 'by loss' divide: a draw may be better for some "
        "sizes. F and p then test the size against the former and the loss against the latter. If "
        "draws share their seeds, 'the same in all draws' is what a seed does in one setting with "
        "all draws, and F and p test the settings against it where it is larger. If each draw has "
        "one seed of its own, the two can't be told apart, and 'draw and seed' is both. The shares "
        "belong to the values and seeds that this study chose: a wider range of sizes would have a "
        "larger share."
    ),
    applies=lambda data: bool(data.seeds and _factors(data)),
    table=table,
    figure=figure,
)
