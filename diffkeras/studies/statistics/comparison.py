"""One group of runs against another, on the same images and with the same seeds."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from diffkeras.studies.statistics.bootstrap import Floats, Ratio, seed_ratio
from diffkeras.studies.statistics.image_errors import (
    FEWEST_IMAGES,
    FEWEST_SEEDS,
    common_seeds,
)


def compare(
    values: Floats, statistic: tuple[Floats, Floats], first: pd.Series, second: pd.Series
) -> dict[str, Any]:
    """Compare the errors of two groups over the seeds that both have.

    Args:
        values: (runs, images), an error.
        statistic: what `resampled` returns for it.
        first: seed → row of `values`, of the first group.
        second: the same of the second one.

    Returns:
        `error` and `reference_error`, the means over seeds and images of the first and second
        group; `ratio`, `low`, `high`, `seeds` and `seeds_agree` of `Ratio`; `rank_biserial` and `p`
        of `signed_rank`, of the images' errors averaged over the seeds; `images`. NaN where there
        are too few seeds or images.
    """
    one, other = common_seeds(first, second)
    images = values.shape[1]
    enough = one.size >= FEWEST_SEEDS and images >= FEWEST_IMAGES
    exact, drawn = statistic
    ratio = (
        seed_ratio((exact[one], drawn[:, one]), (exact[other], drawn[:, other]), images)
        if enough
        else Ratio(np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, one.size, 0)
    )
    names = ("ratio", "low", "high", "seeds", "seeds_agree")
    numbers = {name: getattr(ratio, name) for name in names}
    p, rank_biserial = np.nan, np.nan
    if enough:
        p, rank_biserial = signed_rank(values[one].mean(axis=0), values[other].mean(axis=0))
    errors = {
        "error": exact[one].mean() if one.size else np.nan,
        "reference_error": exact[other].mean() if one.size else np.nan,
    }
    return {**errors, **numbers, "images": images, "rank_biserial": rank_biserial, "p": p}


def signed_rank(first: NDArray, second: NDArray) -> tuple[float, float]:
    """Wilcoxon's signed-rank test of the errors of two groups on the same images.

    Args:
        first: (images,), errors.
        second: (images,), errors of the other group.

    Returns:
        The two-sided p-value, and the matched-pairs rank-biserial correlation
        (W₊ − W₋)/(W₊ + W₋) of the differences first − second (Kerby, Comprehensive Psychology 3,
        2014, 11.IT.3.1): 1 if `first` is larger on every image, −1 if it is smaller on every one.
        Images without a difference are left out; if there are no others, 1 and 0.
    """
    differences = first - second
    differences = differences[differences != 0]
    if not differences.size:
        return 1.0, 0.0
    ranks = stats.rankdata(abs(differences))
    positive = ranks[differences > 0].sum() / ranks.sum()
    return float(stats.wilcoxon(differences).pvalue), float(2 * positive - 1)


def holm(p_values: pd.Series) -> pd.Series:
    """p-values adjusted for their number by Holm's method; those that are NaN stay so."""
    adjusted = p_values.astype(float)
    known = adjusted.notna()
    if known.any():
        adjusted[known] = multipletests(adjusted[known].to_numpy(), method="holm")[1]
    return adjusted
