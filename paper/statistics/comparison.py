"""One group of runs against another, on the same test images and with the same seeds.

Seeds and images are crossed: every run is tested on the same images. An interval for other seeds
and other images is that of Student's t, whose variance is the sum of both parts: of the seeds' ln
ratios, and of what each image adds to their mean, to first order (the delta method; for two crossed
samples, Owen, Annals of Applied Statistics 1, 2007, 386-411). Images are a sample within their
source count, as the test set has a fixed number of each. The degrees of freedom follow from the two
parts (Satterthwaite, Biometrics Bulletin 2, 1946, 110-114), so that the interval is wide where few
seeds decide.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from paper.study_data import (
    DRAW,
    ORDER_SEED,
    SEED,
    SIZE,
    TRAINED_SOURCES,
    NoImagesError,
    StudyData,
    TooFewRunsError,
    with_seed,
)

CONFIDENCE = 0.95
PERCENTILES = (2.5, 97.5)  # between which this share of draws lies
FEWEST_SEEDS = 2
FEWEST_IMAGES = 10

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]


@dataclass(frozen=True)
class ImageErrors:
    """An error of all runs on the images of one test set.

    Attributes:
        runs: one row a run, with the columns of `StudyData.runs`, and `seed`: the values of all
            seeds as one text. The index counts from 0. Where examples were drawn several times
            (`data.seed`), a row is the mean of the runs of one `StudyData.unit`, which is in
            `seed`: runs that share their examples or their seeds are not independent.
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
            raise NoImagesError(
                "the errors of single images are needed, and there are none: the committed tables "
                "of a study leave them out"
            )
        test_set = data.test_sets[0] if test_set is None else test_set
        examples = data.examples[data.examples["test_set"] == test_set]
        wide = examples.pivot(index=["sources", "example"], columns="run", values=error)
        if len(wide) < FEWEST_IMAGES:
            raise TooFewRunsError(
                f"the test set {test_set} has {len(wide)} images; at least {FEWEST_IMAGES} are "
                "needed"
            )
        runs = data.runs.drop_duplicates("run")
        runs = runs[runs["run"].isin(wide.columns)].reset_index(drop=True)
        kept = wide[runs["run"]].dropna()
        sources = kept.index.get_level_values("sources").to_numpy(np.int64)
        of_runs = cls(with_seed(runs), kept.to_numpy(float).T, sources)
        return of_runs._of_units(data) if data.varies(DRAW) else of_runs

    def _of_units(self, data: StudyData) -> "ImageErrors":
        """A row for each setting and independent unit: the mean over its runs."""
        names = [*data.factors, SIZE, TRAINED_SOURCES]
        names = [name for name in names if name not in (SEED, ORDER_SEED, DRAW)]
        groups = self.runs.groupby([*names, data.unit], sort=False).indices.values()
        values = np.stack([self.values[rows].mean(axis=0) for rows in groups])
        first = self.runs.loc[[rows[0] for rows in groups]].reset_index(drop=True)
        return ImageErrors(first.assign(seed=first[data.unit]), values, self.sources)

    def settings(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """The combinations of values of these columns, in the order of the runs."""
        if not names:  # pandas would give one empty row for each run
            return [{}]
        # keys are names of columns
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

    def compare(
        self, first: pd.Series, second: pd.Series, statistic: Statistic | None = None
    ) -> dict[str, Any]:
        """Compare the errors of two groups, seed → row, over the seeds that both have.

        Args:
            first: a group.
            second: the reference.
            statistic: errors (runs, images) → one number of each run; by default their mean. Of
                others there is no interval for other images, so `low` and `high` are NaN.

        Returns:
            `mean`, `smallest`, `largest` and `seeds` of the first group; `common_seeds`, and over
            these the means `error` and `reference_error` of the first and second group, the numbers
            of `ratio_of_errors`, and `rank_biserial` and `p` of `signed_rank`, of the images'
            errors averaged over the seeds; `images`. NaN where there are fewer than two seeds or
            ten images.
        """
        of_run = statistic or _mean
        all_seeds = of_run(self.values[first])
        seeds = [seed for seed in first.index if seed in second.index]
        one, other = self.values[first[seeds]], self.values[second[seeds]]
        images = self.sources.size
        result: dict[str, Any] = {
            "mean": all_seeds.mean(),
            "smallest": all_seeds.min(),
            "largest": all_seeds.max(),
            "seeds": len(first),
            "common_seeds": len(seeds),
            "error": of_run(one).mean() if seeds else np.nan,
            "reference_error": of_run(other).mean() if seeds else np.nan,
            "images": images,
            **dict.fromkeys(
                ("ratio", "low", "high", "t_low", "t_high", "t_p", "rank_biserial", "p"), np.nan
            ),
            "seeds_agree": 0,
        }
        if len(seeds) >= FEWEST_SEEDS and images >= FEWEST_IMAGES:
            p, effect = signed_rank(one.mean(axis=0), other.mean(axis=0))
            result |= {"rank_biserial": effect, "p": p}
            if statistic is None:
                result |= ratio_of_errors(one, other, self.sources)
            else:
                result |= seed_ratio(of_run(one), of_run(other))
        return result


def _mean(values: Floats) -> Floats:
    return np.asarray(values.mean(axis=1))


def seed_ratio(first: Floats, second: Floats) -> dict[str, Any]:
    """The ratio of the errors (seeds,) of two groups with the same seeds in the same order.

    Returns:
        `ratio`, the geometric mean over seeds of the ratios of each seed; `t_low`, `t_high` and
        `t_p`, its 95 % interval for other seeds but these images, and the p-value, of a paired t
        test of the seeds' ln errors; `seeds_agree`, the number of seeds whose own ratio lies on the
        same side of 1.
    """
    differences = np.log(first / second)
    with warnings.catch_warnings():
        # equal ratios of all seeds have an interval as wide as rounding
        warnings.simplefilter("ignore", RuntimeWarning)
        test = stats.ttest_1samp(differences, 0)
        interval = test.confidence_interval(CONFIDENCE)
    return {
        "ratio": float(np.exp(differences.mean())),
        "t_low": float(np.exp(interval.low)),
        "t_high": float(np.exp(interval.high)),
        "t_p": float(test.pvalue),
        "seeds_agree": int(np.sum(np.sign(differences) == np.sign(differences.mean()))),
    }


def ratio_of_errors(
    first: Floats, second: Floats, sources: NDArray, *, same_images: bool = True
) -> dict[str, Any]:
    """The ratio of the mean errors of two groups, for other seeds and other images.

    Args:
        first: (seeds, images), at least two seeds.
        second: the same seeds in the same order.
        sources: (images,), the source count of each image; first those of `first`, then those of
            `second` where they are others.
        same_images: whether both groups have errors of the same images.

    Returns:
        The numbers of `seed_ratio`, and `low` and `high`, the 95 % interval of `ratio`.
    """
    means = [_mean(values) for values in (first, second)]
    differences = np.log(means[0] / means[1])
    # what each image adds to the mean of the differences
    one, other = (
        (values / mean[:, None] - 1).mean(axis=0) / values.shape[1]
        for values, mean in zip((first, second), means, strict=True)
    )
    parts = pd.Series(one - other if same_images else np.concatenate([one, -other]))
    by_count = parts.groupby(sources)
    of_images = float((by_count.var().fillna(0) * by_count.size()).sum())
    of_seeds = float(differences.var(ddof=1)) / differences.size
    reach = _half_width(of_seeds, of_images, differences.size - 1, first.shape[1] - 1)
    ends = np.exp(differences.mean() + np.array([-reach, reach]))
    return {**seed_ratio(*means), "low": float(ends[0]), "high": float(ends[1])}


def _half_width(of_seeds: float, of_images: float, seeds: int, images: int) -> float:
    """Of an interval, from two parts of the variance and their degrees of freedom."""
    variance = of_seeds + of_images
    if variance == 0:
        return 0.0
    degrees = variance**2 / (of_seeds**2 / seeds + of_images**2 / max(images, 1))
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
    # statsmodels' multipletests collects garbage, half a second each time beside TensorFlow
    ordered = p_values.astype(float).dropna().sort_values()
    adjusted = (ordered * np.arange(len(ordered), 0, -1)).cummax().clip(upper=1)
    return adjusted.reindex(p_values.index)
