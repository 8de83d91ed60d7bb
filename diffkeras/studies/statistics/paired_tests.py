"""Tests of paired errors, and the correction for many of them."""

import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests


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
