"""One group of runs against another, on the same test images and with the same seeds.

Seeds and images are crossed: every run is tested on the same images. The bootstrap draws seeds and
images independently of each other (the pigeonhole bootstrap of Owen, Annals of Applied Statistics
1, 2007, 386-411). Images are drawn within their source count, as the test set has a fixed number of
each. Of n seeds or images, n − 1 are drawn: with n, the variance would be too small by a factor of
(n − 1)/n, which is two thirds for three seeds (Rao and Wu, Journal of the American Statistical
Association 83, 1988, 231-241).

Percentiles of the resamples would be too narrow for few seeds: three seeds lie on the same side of
the truth in a quarter of all studies. The interval is therefore that of Student's t with the
standard deviation of the resamples. Its degrees of freedom follow from the parts of seeds and
images in the variance (Satterthwaite, Biometrics Bulletin 2, 1946, 110-114), so that it is wide
where few seeds decide.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from diffkeras.studies.study_data import StudyData, TooFewRunsError, with_seed

RESAMPLES = 2000
CONFIDENCE = 0.95
FEWEST_SEEDS = 2
FEWEST_IMAGES = 10
NUMBERS_AT_ONCE = 5_000_000  # weights of images that are in memory at the same time: 40 MB
RANDOM = 20230207  # seed of all resampling, so that tables are reproducible

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ImageErrors:
    """An error of all runs on the images of one test set.

    Attributes:
        runs: one row a run, with the columns of `StudyData.runs`, and `seed`: the values of all
            seeds as one text. The index counts from 0.
        values: (runs, images). Images on which a run has no such error are left out.
        sources: (images,), source counts.
    """

    runs: pd.DataFrame
    values: Floats
    sources: NDArray[np.int64]

    @classmethod
    def of(cls, data: StudyData, error: str = "mae", test_set: str | None = None) -> "ImageErrors":
        """An error of `diffkeras.evaluation.errors.ERRORS` on a test set (None: the main one).

        Raises:
            TooFewRunsError: there are no errors of single images, or too few images.
        """
        if data.examples is None:
            raise TooFewRunsError(
                "The errors of single images are needed, and there are none: the committed tables "
                "of a study leave them out."
            )
        test_set = data.test_sets[0] if test_set is None else test_set
        examples = data.examples[data.examples["test_set"] == test_set]
        wide = examples.pivot(index=["sources", "example"], columns="run", values=error)
        if len(wide) < FEWEST_IMAGES:
            raise TooFewRunsError(
                f"The test set {test_set} has {len(wide)} images; at least {FEWEST_IMAGES} are "
                "needed."
            )
        runs = data.runs.drop_duplicates("run")
        runs = runs[runs["run"].isin(wide.columns)].reset_index(drop=True)
        kept = wide[runs["run"]].dropna()
        sources = kept.index.get_level_values("sources").to_numpy(np.int64)
        return cls(with_seed(runs), kept.to_numpy(float).T, sources)

    def settings(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """The combinations of values of these columns, in the order of the runs."""
        if not names:  # pandas would give one empty row for each run
            return [{}]
        return self.runs[list(names)].drop_duplicates().to_dict("records")  # type: ignore[return-value]

    def select(self, settings: Mapping[str, object]) -> pd.Series:
        """Seed → row of the run with these values of the settings."""
        chosen = self.runs
        for name, value in settings.items():
            chosen = chosen[chosen[name] == value]
        return pd.Series(chosen.index, index=chosen["seed"])

    def of_count(self, count: int) -> "ImageErrors":
        """The images with this number of sources."""
        chosen = self.sources == count
        return ImageErrors(self.runs, self.values[:, chosen], self.sources[chosen])


def mean(weights: Floats, values: Floats) -> Floats:
    """(resamples, runs), weighted means of (runs, images) with weights (resamples, images)."""
    return weights @ values.T / weights.sum(axis=1, keepdims=True)


def percentile_99(weights: Floats, values: Floats) -> Floats:
    """(resamples, runs), the smallest error that 99 % of the weight does not exceed."""
    result = np.empty((len(weights), len(values)))
    for run, errors in enumerate(values):
        order = np.argsort(errors)
        reached = np.cumsum(weights[:, order], axis=1)
        # the sums of weights such as 100/99 are rounded
        enough = reached >= 0.99 * reached[:, -1:] * (1 - 1e-9)
        result[:, run] = errors[order][enough.argmax(axis=1)]
    return result


@dataclass(frozen=True)
class Resampled:
    """A statistic of each run's errors over the images, and over resampled images.

    All runs, and all errors of the same images, see the same resamples. Those of different source
    counts are independent of each other.

    Attributes:
        exact: (runs,), of the images as they are.
        drawn: (resamples, runs).
        values: (runs, images), the errors.
    """

    exact: Floats
    drawn: Floats
    values: Floats

    @classmethod
    def of(
        cls,
        errors: ImageErrors,
        statistic: Callable[[Floats, Floats], Floats] = mean,
        resamples: int = RESAMPLES,
    ) -> "Resampled":
        """Draw images; the statistic is one of weights (resamples, images) and values."""
        values = errors.values
        exact = statistic(np.ones((1, values.shape[1])), values)[0]
        parts = [statistic(weights, values) for weights in _weights(errors.sources, resamples)]
        return cls(exact, np.concatenate(parts), values)

    def runs(self, rows: pd.Series | NDArray) -> "Resampled":
        """The same of some of the runs."""
        rows = np.asarray(rows, np.int64)
        return Resampled(self.exact[rows], self.drawn[:, rows], self.values[rows])

    def compare(self, first: pd.Series, second: pd.Series) -> dict[str, Any]:
        """Compare the errors of two groups, seed → row, over the seeds that both have.

        Returns:
            `mean`, `smallest`, `largest` and `seeds` of the first group; `common_seeds`, and over
            these the means `error` and `reference_error` of the first and second group, the numbers
            of `ratio_of_errors`, and `rank_biserial` and `p` of `signed_rank`, of the images'
            errors averaged over the seeds; `images`. NaN where there are fewer than two seeds or
            ten images.
        """
        all_seeds = self.exact[first.to_numpy(np.int64)]
        seeds = [seed for seed in first.index if seed in second.index]
        one, other = self.runs(first[seeds]), self.runs(second[seeds])
        images = self.values.shape[1]
        result: dict[str, Any] = {
            "mean": all_seeds.mean(),
            "smallest": all_seeds.min(),
            "largest": all_seeds.max(),
            "seeds": len(first),
            "common_seeds": len(seeds),
            "error": one.exact.mean() if seeds else np.nan,
            "reference_error": other.exact.mean() if seeds else np.nan,
            **dict.fromkeys(("ratio", "low", "high", "t_low", "t_high", "t_p"), np.nan),
            "seeds_agree": 0,
            "images": images,
            **dict.fromkeys(("rank_biserial", "p"), np.nan),
        }
        if len(seeds) >= FEWEST_SEEDS and images >= FEWEST_IMAGES:
            p, effect = signed_rank(one.values.mean(axis=0), other.values.mean(axis=0))
            result |= {**ratio_of_errors(one, other), "rank_biserial": effect, "p": p}
        return result


def _weights(sources: NDArray[np.int64], resamples: int) -> Iterator[Floats]:
    """Weights of images in resamples, (some resamples, images), in several parts."""
    generators = {
        count: np.random.default_rng([RANDOM, int(count)]) for count in np.unique(sources)
    }
    left = resamples
    while left:
        part = min(left, max(1, NUMBERS_AT_ONCE // sources.size))
        weights = np.empty((part, sources.size))
        for count, generator in generators.items():
            members = np.flatnonzero(sources == count)
            drawn = max(members.size - 1, 1)
            chance = np.full(members.size, 1 / members.size)
            # each source count keeps its share of the weight
            weights[:, members] = generator.multinomial(drawn, chance, part) * members.size / drawn
        yield weights
        left -= part


def ratio_of_errors(first: Resampled, second: Resampled) -> dict[str, Any]:
    """The ratio of the errors of two groups with the same seeds in the same order, at least two.

    Returns:
        `ratio`, the geometric mean over seeds of the ratios of each seed; `low` and `high`, its
        95 % interval for other seeds and other images; `t_low`, `t_high` and `t_p`, the interval
        for other seeds but these images, and the p-value, of a paired t test of the seeds' ln
        errors; `seeds_agree`, the number of seeds whose own ratio lies on the same side of 1.
    """
    differences = np.log(first.exact / second.exact)
    seeds, images = differences.size, first.values.shape[1]
    generator = np.random.default_rng([RANDOM, 0, seeds])
    weights = generator.multinomial(seeds - 1, np.full(seeds, 1 / seeds), len(first.drawn))
    means = (weights * np.log(first.drawn / second.drawn)).sum(axis=1) / (seeds - 1)
    centre, of_seeds = differences.mean(), differences.var(ddof=1) / seeds
    reach = _half_width(means.var(ddof=1), of_seeds, seeds, images)
    with warnings.catch_warnings():
        # equal ratios of all seeds have an interval as wide as rounding
        warnings.simplefilter("ignore", RuntimeWarning)
        test = stats.ttest_rel(np.log(first.exact), np.log(second.exact))
        interval = test.confidence_interval(CONFIDENCE)
    ends = np.exp([centre, centre - reach, centre + reach, interval.low, interval.high])
    return {
        **dict(zip(("ratio", "low", "high", "t_low", "t_high"), ends.tolist(), strict=True)),
        "t_p": float(test.pvalue),
        "seeds_agree": int(np.sum(np.sign(differences) == np.sign(centre))),
    }


def _half_width(variance: float, of_seeds: float, seeds: int, images: int) -> float:
    """Of an interval, from the variance over resamples and the part of the seeds in it."""
    if not variance > 0:
        return float(np.sqrt(variance))
    of_images = max(variance - of_seeds, 0.0)
    degrees = (of_seeds + of_images) ** 2 / (
        of_seeds**2 / (seeds - 1) + of_images**2 / max(images - 1, 1)
    )
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, degrees) * np.sqrt(variance))


def signed_rank(first: NDArray, second: NDArray) -> tuple[float, float]:
    """Wilcoxon's signed-rank test of the errors (images,) of two groups on the same images.

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
    positive = stats.wilcoxon(differences, alternative="greater").statistic
    ranks = differences.size * (differences.size + 1) / 2
    return float(stats.wilcoxon(differences).pvalue), float(2 * positive / ranks - 1)


def holm(p_values: pd.Series) -> pd.Series:
    """p-values adjusted for their number by Holm's method; those that are NaN stay so."""
    adjusted = p_values.astype(float)
    known = adjusted.notna()
    if known.any():
        adjusted[known] = multipletests(adjusted[known].to_numpy(), method="holm")[1]
    return adjusted
