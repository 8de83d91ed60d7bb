"""Components of the variance of ln error of two crossed random effects: subsets and seeds, or two
kinds of seeds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import chi2

from paper.statistics.anova import anova
from paper.statistics.ratios import PERCENTILES

DRAWS = 10_000


def components(runs: pd.DataFrame, effects: tuple[str, str], names: Sequence[str]) -> pd.DataFrame:
    """The variance components of crossed random effects with one run in each combination.

    From the expected mean squares of the analysis of variance (Searle, Casella and McCulloch,
    Variance Components, 1992, section 4.5). The intervals are generalized ones (Weerahandi, JASA 88
    (1993) 899): draws of an expected mean square are its sum of squares divided by a χ² number.

    Args:
        runs: a complete design, with the column `ln_error`.
        effects: columns of the two effects.
        names: of the two effects, and of what neither explains alone.

    Returns:
        For each name `sd`, the root of its component (a relative standard deviation of the error),
        its 95 % limits `low` and `high`, and the `p` of the test that it is 0.
    """
    rows = anova(runs, [[effect] for effect in effects])
    sums, df = rows["sum_sq"].to_numpy(), rows["df"].to_numpy()
    rng = np.random.default_rng(0)
    drawn = sums / chi2.rvs(df, size=(DRAWS, 3), random_state=rng)
    first, second = (runs[effect].nunique() for effect in effects)
    repeats = np.array([second, first, 1])  # runs with the same value of an effect
    variances = _from_mean_squares(sums / df, repeats)
    low, high = np.percentile(np.sqrt(_from_mean_squares(drawn, repeats)), PERCENTILES, axis=0)
    columns = {"sd": np.sqrt(variances), "low": low, "high": high, "p": rows["p"].to_numpy()}
    return pd.DataFrame(columns, index=list(names))


def _from_mean_squares(squares: np.ndarray, repeats: np.ndarray) -> np.ndarray:
    """Components of both effects and the rest from their mean squares, negative ones as 0."""
    rest = squares[..., 2:]
    effects = (squares[..., :2] - rest) / repeats[:2]
    return np.maximum(0, np.concatenate([effects, rest], axis=-1))
