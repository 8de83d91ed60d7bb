"""Standard deviations of small samples, and how they depend on the size of the training set."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm
from scipy.stats import chi2
from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

from diffkeras.studies.statistics.laws import Array

TAILS = (0.975, 0.025)


@dataclass(frozen=True)
class Spread:
    """The variance of a sample, or that pooled over several.

    Attributes:
        size: number of training examples.
        variance: the estimate without bias.
        df: its degrees of freedom; of one that is pooled the effective ones.
    """

    size: int
    variance: float
    df: float

    @classmethod
    def of(cls, size: int, values: Array) -> "Spread":
        """The variance of one sample."""
        return cls(size, float(np.var(values, ddof=1)), len(values) - 1)

    @classmethod
    def pooled(cls, parts: Sequence["Spread"], design_effect: float = 1.0) -> "Spread":
        """The variance within several samples of the same size."""
        df = sum(part.df for part in parts)
        variance = sum(part.variance * part.df for part in parts) / df
        return cls(parts[0].size, variance, df / design_effect)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % limits of the standard deviation of a normal quantity, from the χ² distribution."""
        low, high = np.sqrt(self.variance * self.df / chi2.ppf(TAILS, self.df))
        return float(low), float(high)


def design_effect(deviations: Array, df: int) -> float:
    """By how much correlated samples are worth less than independent ones, for their variance.

    1 + (samples − 1) · mean ρ², because the variances of two normal samples of a pair with
    correlation ρ have the correlation ρ² (Kish, Survey Sampling, 1965, section 5.4, for the design
    effect). What ρ² is by chance, 1 / df, is taken off.

    Args:
        deviations: (samples, values), from the means of groups of values, which pairs share.
        df: number of values less the number of groups.
    """
    samples = len(deviations)
    squares = np.corrcoef(deviations) ** 2
    mean = (squares.sum() - samples) / (samples * (samples - 1))
    return 1 + (samples - 1) * max(0.0, (df * mean - 1) / (df - 1))


def exponent(
    series: Sequence[Sequence[Spread]], design_effect: float = 1.0
) -> tuple[float, float, float]:
    """The exponent q of standard deviations ~ N^q, and its 95 % limits.

    A generalized linear model: variances of normal samples are gamma-distributed with dispersion
    2 / df, and their logarithm is linear in ln N, with an intercept for each series (McCullagh and
    Nelder, Generalized Linear Models, 1989, section 8; Aitkin, Applied Statistics 36 (1987) 332).
    If the variances scatter around the line more than that, the limits are wider accordingly.
    All are NaN if a variance is 0 or all sizes are the same.

    Args:
        series: variances against the size, a series for each setting.
        design_effect: the factor by which correlation between the series widens the variance.
    """
    spreads = [spread for part in series for spread in part]
    variances = np.array([spread.variance for spread in spreads])
    if not variances.all() or len({spread.size for spread in spreads}) < 2:
        return np.nan, np.nan, np.nan
    intercepts = np.repeat(np.eye(len(series)), [len(part) for part in series], axis=0)
    ln_sizes = np.log([float(spread.size) for spread in spreads])
    predictors = np.column_stack([intercepts, ln_sizes - ln_sizes.mean()])
    family = sm.families.Gamma(sm.families.links.Log())
    weights = np.array([spread.df for spread in spreads], dtype=float)
    model = sm.GLM(variances, predictors, family=family, var_weights=weights)
    left = len(spreads) - predictors.shape[1]
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        # of a line through two points, which leaves no scatter
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        excess = model.fit().pearson_chi2 / left if left else 0.0
        dispersion = design_effect * max(2.0, excess)
        found = model.fit(scale=dispersion)
    low, high = found.conf_int()[-1] / 2
    return float(found.params[-1]) / 2, float(low), float(high)
