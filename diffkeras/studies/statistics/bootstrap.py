"""Ratios of errors, with intervals that hold for other seeds and for other images.

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
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

RESAMPLES = 2000
CONFIDENCE = 0.95
NUMBERS_AT_ONCE = 5_000_000  # weights of images that are in memory at the same time: 40 MB
RANDOM = 20230207  # seed of all resampling, so that tables are reproducible

Floats = NDArray[np.float64]


def mean(weights: Floats, values: Floats) -> Floats:
    """(resamples, runs), weighted means of (runs, images) with weights (resamples, images)."""
    return weights @ values.T / weights.sum(axis=1, keepdims=True)


def percentile_99(weights: Floats, values: Floats) -> Floats:
    """(resamples, runs), the smallest error that 99 % of the weight does not exceed."""
    found = np.empty((len(weights), len(values)))
    for run, errors in enumerate(values):
        order = np.argsort(errors)
        reached = np.cumsum(weights[:, order], axis=1)
        # the sums of weights such as 100/99 are rounded
        enough = reached >= 0.99 * reached[:, -1:] * (1 - 1e-9)
        found[:, run] = errors[order][enough.argmax(axis=1)]
    return found


def resampled(
    values: Floats,
    sources: NDArray[np.int64],
    statistic: Callable[[Floats, Floats], Floats] = mean,
    resamples: int = RESAMPLES,
) -> tuple[Floats, Floats]:
    """A statistic of each run's errors over the images, and over resampled images.

    All runs, and all errors of the same images, see the same resamples. Those of different source
    counts are independent of each other.

    Args:
        values: (runs, images), errors.
        sources: (images,), source counts.
        statistic: of weights (resamples, images) and values.
        resamples: their number.

    Returns:
        (runs,) of the images as they are, and (resamples, runs).
    """
    exact = statistic(np.ones((1, values.shape[1])), values)[0]
    parts = [statistic(weights, values) for weights in _image_weights(sources, resamples)]
    return exact, np.concatenate(parts)


def _image_weights(sources: NDArray[np.int64], resamples: int) -> Iterator[Floats]:
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


@dataclass(frozen=True)
class Ratio:
    """The ratio of two groups' errors: the geometric mean over seeds of the ratios of each seed.

    Attributes:
        ratio: first group over second.
        low: lower end of its 95 % interval for other seeds and other images.
        high: upper end.
        t_low: lower end of its 95 % interval for other seeds, but these images: a paired t test of
            the seeds' ln errors.
        t_high: upper end.
        t_p: the p-value of that test.
        seeds: number of seeds.
        seeds_agree: number of seeds whose own ratio lies on the same side of 1.
    """

    ratio: float
    low: float
    high: float
    t_low: float
    t_high: float
    t_p: float
    seeds: int
    seeds_agree: int


def seed_ratio(first: tuple[Floats, Floats], second: tuple[Floats, Floats], images: int) -> Ratio:
    """The ratio of the errors of two groups of runs, with intervals.

    Args:
        first: of the runs of the first group what `resampled` returns: (seeds,) and
            (resamples, seeds).
        second: the same of the second group, with the same seeds in the same order. At least two.
        images: number of images.
    """
    differences = np.log(first[0] / second[0])
    seeds = differences.size
    generator = np.random.default_rng([RANDOM, 0, seeds])
    weights = generator.multinomial(seeds - 1, np.full(seeds, 1 / seeds), len(first[1]))
    means = (weights * np.log(first[1] / second[1])).sum(axis=1) / (seeds - 1)
    centre, of_seeds = differences.mean(), differences.var(ddof=1) / seeds
    reach = _reach(means.var(ddof=1), of_seeds, seeds, images)
    with warnings.catch_warnings():
        # equal ratios of all seeds have an interval as wide as rounding
        warnings.simplefilter("ignore", RuntimeWarning)
        test = stats.ttest_rel(np.log(first[0]), np.log(second[0]))
        interval = test.confidence_interval(CONFIDENCE)
    ends = np.exp([centre, centre - reach, centre + reach, interval.low, interval.high])
    agree = np.sum(np.sign(differences) == np.sign(centre))
    ratio, low, high, t_low, t_high = ends.tolist()
    return Ratio(ratio, low, high, t_low, t_high, float(test.pvalue), seeds, int(agree))


def _reach(variance: float, of_seeds: float, seeds: int, images: int) -> float:
    """Half the width of an interval, from the variance over resamples and the part of the seeds."""
    if not variance > 0:
        return float(np.sqrt(variance))
    of_images = max(variance - of_seeds, 0.0)
    degrees = (of_seeds + of_images) ** 2 / (
        of_seeds**2 / (seeds - 1) + of_images**2 / max(images - 1, 1)
    )
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, degrees) * np.sqrt(variance))
