"""Ratios of the errors of several settings that were trained with the same seeds.

ln errors of settings × units are a randomised block design: a unit, such as a seed, changes the
error of all settings by a factor. The variance that settings and units leave is pooled over all
settings, because two or three seeds of one pair say little about it (Cochran and Cox, Experimental
Designs, 1957, section 4.2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from diffkeras.studies import detectable
from paper.study_data import TooFewRunsError

CONFIDENCE = 0.95
PERCENTILES = (2.5, 97.5)  # between which this share of draws lies
# half-widths of an interval by which a true difference is seen with a probability of 80 %, for a
# normal distribution: (1.96 + 0.84) / 1.96; `Ratio.seen` has Student's
SEEN = 1.43


@dataclass(frozen=True)
class Ratio:
    """The ratio of two errors, with its 95 % interval for other seeds, on the same images.

    Attributes:
        value: geometric mean over the units.
        low, high: limits.
        p: of the t test that it is 1.
        df: degrees of freedom of the test and the interval.
    """

    value: float
    low: float
    high: float
    p: float
    df: int

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"

    @property
    def seen(self) -> float:
        """The relative difference that the study would have seen with a probability of 80 %."""
        quantile = stats.t.ppf((1 + CONFIDENCE) / 2, self.df)
        scale = np.log(self.high / self.low) / 2 / quantile
        return float(np.expm1(detectable(self.df) * scale))

    @property
    def seen_in_words(self) -> str:
        """The same, in words."""
        fold = f"only a {1 + self.seen:.1f}-fold change"
        return fold if self.seen > 1 else f"a change of {self.seen:.0%}"


def ratios(
    ln_errors: pd.DataFrame, reference: Any, others: Sequence[pd.DataFrame] = ()
) -> dict[str, Ratio]:
    """Setting → the ratio of its error to that of the reference, which is left out.

    Args:
        ln_errors: units × settings. Units without a value of each setting are left out.
        reference: a column.
        others: the same at other sizes, over which the variance is pooled too. The degrees of
            freedom stay those of one size, because all sizes have the same units.

    Raises:
        TooFewRunsError: fewer than two units or settings.
    """
    known = ln_errors.dropna()
    units, settings = known.shape
    if units < 2 or settings < 2:
        raise TooFewRunsError(f"a ratio of two errors needs two common seeds, not {units}")
    df = (settings - 1) * (units - 1)
    variance = np.mean([_left(each.dropna().to_numpy()) for each in (ln_errors, *others)]) / df
    scale = np.sqrt(2 * variance / units)
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, df) * scale
    means = known.mean()
    found = {}
    for name, mean in means.drop(reference).items():
        ln = float(mean - means[reference])
        with np.errstate(divide="ignore", invalid="ignore"):  # all units have one ratio
            p = 2 * stats.t.sf(abs(ln) / scale, df) if ln else 1.0
        low, high = np.exp([ln - reach, ln + reach])
        found[str(name)] = Ratio(float(np.exp(ln)), float(low), float(high), float(p), df)
    return found


def _left(values: NDArray[np.float64]) -> float:
    """The sum of squares that units and settings leave."""
    left = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    return float((left**2).sum())


def holm(p_values: Mapping[object, float]) -> dict[object, float]:
    """p-values adjusted for their number by Holm's method; NaN stays NaN."""
    # statsmodels' multipletests collects garbage, half a second each time beside TensorFlow
    series = pd.Series(dict(p_values), dtype=float)
    ordered = series.dropna().sort_values()
    adjusted = (ordered * np.arange(len(ordered), 0, -1)).cummax().clip(upper=1)
    return adjusted.reindex(series.index).to_dict()
