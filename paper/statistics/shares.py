"""How much of the differences between runs is due to the size, the loss, and the seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import chndtr, chndtrinc
from scipy.stats import chi2
from scipy.stats import f as f_distribution

from paper.statistics.anova import anova, complete_design
from paper.statistics.ratios import PERCENTILES
from paper.study_data import (
    DRAW,
    LOSS,
    SEED,
    SIZE,
    SIZE_KEYS,
    StudyData,
    TooFewRunsError,
    own_seeds,
)

DRAWS = 1000
NAMES = {SIZE: "size", LOSS: "loss", SEED: "seed"}
OF_EXAMPLES = "draw of the examples"
WITHIN = "seed"  # all differences between the runs of a cell
BOTH = "draw and seed"  # the same where each draw has one seed of its own
ALIKE = ", the same in all cells"  # a comma tells the parts of a share from the shares
ALIKE_IN_DRAWS = WITHIN + ", the same in all draws"


def _factors(data: StudyData) -> list[str]:
    return [SIZE] * data.size_varies + data.settings(without=SIZE_KEYS)


@dataclass(frozen=True)
class Shares:
    """The shares of variance.

    Attributes:
        table: a row for each factor.
        drawn: factor → draws of its share, of factors whose shares add up to 1.
    """

    table: pd.DataFrame
    drawn: dict[str, np.ndarray]


def shares_of(data: StudyData, error: str = "mae") -> Shares:
    """How much each setting, each interaction and the seed explain of the variance of ln error.

    An analysis of variance of all complete combinations. The share of a setting is ω² (Hays 1963;
    Olejnik and Algina 2003), of seeds and draws their variance components (Searle, Casella and
    McCulloch 1992); negative estimates are 0. Shares add up to 1. Their limits are 95 % generalized
    intervals (Weerahandi 1993) for other seeds.

    Raises:
        TooFewRunsError: fewer than two seeds have a run in every combination.
    """
    factors = _factors(data)
    # seeds of their own are repetitions of the cells of one draw
    cells = factors if data.own_seeds else [*factors, *data.draws]
    runs = complete_design(data.with_ln(error), cells, [SEED])
    if runs[SEED].nunique() < 2:
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
    repeats = np.array([len(runs) / runs.groupby([*term]).ngroups for term in terms] + [1.0])
    repeats[: len(effects)] = np.inf
    drawn = draw_shares(sums, degrees, yardsticks, repeats)
    shares = _estimated_shares(sums, degrees, yardsticks, repeats)
    ratios = sums / degrees / (sums / degrees)[yardsticks]
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
    parts = [(share, part) for share, group in groups.items() for part in group.values()]
    for place, (share, _) in enumerate([*parts, ([*groups][-1], "the residual")], len(effects)):
        of_share.setdefault(share, []).append(place)
    rows = [row(share, places) for share, places in of_share.items()]
    rows += [row(part, [place]) for place, (_, part) in enumerate(parts, len(effects))]
    drawn_shares = {name: drawn[places].sum(axis=0) for name, places in of_share.items()}
    return Shares(pd.DataFrame(rows), drawn_shares)


def _random_groups(data: StudyData, runs: pd.DataFrame) -> dict[str, dict[tuple[str, ...], str]]:
    """What is drawn at random in a complete design of runs: share → its terms, with their names.

    The last share has the residual too. Seeds and draws are crossed with the settings: all have the
    same seeds, and a smaller size of a draw is a part of its larger ones.
    """
    factors = _factors(data)

    def crossed(share: str, *columns: str) -> dict[tuple[str, ...], str]:
        found: dict[tuple[str, ...], str] = {columns: share + ALIKE}
        by = {(name, *columns): f"{share}, by {NAMES.get(name, name)}" for name in factors}
        return found | by

    if not data.varies(DRAW) or runs[DRAW].nunique() == 1:
        groups = {WITHIN: crossed(WITHIN, SEED)}
    elif (own := own_seeds(runs)) == 1:
        groups = {BOTH: crossed(BOTH, DRAW)}
    elif own:
        groups = {OF_EXAMPLES: crossed(OF_EXAMPLES, DRAW), WITHIN: crossed(WITHIN, DRAW, SEED)}
    else:  # a seed may be better for a setting with all draws, so these are not independent
        of_cells = crossed(WITHIN, SEED) | {(*factors, SEED): ALIKE_IN_DRAWS}
        groups = {OF_EXAMPLES: crossed(OF_EXAMPLES, DRAW), WITHIN: of_cells}
    # a term whose levels have one run each is the residual
    return {
        share: {t: name for t, name in group.items() if runs.duplicated([*t]).any()}
        for share, group in groups.items()
    }


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


def _estimated_shares(
    sums: np.ndarray, degrees: np.ndarray, yardsticks: np.ndarray, repeats: np.ndarray
) -> np.ndarray:
    """The shares (terms + 1,) whose limits `draw_shares` has, with the same arguments."""
    squares = sums / degrees
    of_settings = np.maximum(0, sums - degrees * squares[yardsticks]) / (degrees.sum() + 1)
    at_random = np.maximum(0, squares - squares[yardsticks]) / repeats
    shares = np.where(np.isinf(repeats), of_settings, at_random)
    shares[-1] = squares[-1]
    return np.asarray(shares / shares.sum())


def draw_shares(
    sums: np.ndarray,
    degrees: np.ndarray,
    yardsticks: np.ndarray | None = None,
    repeats: np.ndarray | None = None,
) -> np.ndarray:
    """(terms + 1, draws), shares of variance whose percentiles are the limits of the true ones.

    Generalized intervals (Weerahandi, JASA 88 (1993) 899): draws of a mean square that is expected
    of something random are SS / χ². Draws of a setting's noncentrality are those under which its
    SS / σ² would be a given quantile of the noncentral χ² distribution, uniformly drawn (the
    interval of Steiger, Psychological Methods 9 (2004) 164, with the total variance in place of a
    partial one).

    Args:
        sums: (terms + 1,), sums of squares, the last one of the residuals.
        degrees: (terms + 1,), their degrees of freedom.
        yardsticks: (terms + 1,), for each term the place of the row whose mean square stands for
            σ²: that of the residuals, or of a random term that contains it. By default the
            residuals.
        repeats: (terms + 1,), the runs at each level of a random term, infinite for settings. By
            default all are settings.
    """
    rng = np.random.default_rng(0)
    runs, last = degrees.sum() + 1, len(sums) - 1
    places = np.full(len(sums), last) if yardsticks is None else yardsticks
    repeats = np.full(len(sums), np.inf) if repeats is None else repeats
    squares = {
        place: sums[place] / chi2.rvs(degrees[place], size=DRAWS, random_state=rng)
        for place in range(last, -1, -1)
        if place == last or np.isfinite(repeats[place])
    }
    parts = []
    for place, total, df in zip(range(last), sums, degrees, strict=False):
        beside = squares[int(places[place])]
        if place in squares:
            parts.append(np.maximum(0, squares[place] - beside) / repeats[place])
        else:
            parts.append(beside * _noncentralities(total / beside, df, rng) / runs)
    drawn = np.stack([*parts, squares[last]])
    return drawn / drawn.sum(axis=0)


def _noncentralities(ratios: np.ndarray, df: float, rng: np.random.Generator) -> np.ndarray:
    quantiles = rng.uniform(size=len(ratios))
    small = chndtr(ratios, df, 0) < quantiles  # even without an effect, larger ratios are common
    return np.where(small, 0.0, chndtrinc(ratios, df, quantiles))
