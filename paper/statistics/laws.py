"""Two laws of two parameters for the error against the size of the training set.

E = a − b ln N, which the paper reports, and E = factor · N^(−exponent). Seeds change the error by a
factor, so a law is fitted to ln E. All sizes have the same units (seeds, or draws of the examples);
a unit that is better at all sizes changes the level of a law and not its shape, so each has a level
of its own, as in a randomised block design, and only the slope is searched for.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

from paper.statistics.ratios import PERCENTILES

Array = NDArray[np.float64]
RESAMPLES = 1000
GRID = 2400  # slopes that are tried
STEEPEST = 1e6  # a / b of a logarithm that reaches 0 at the largest size, in units of its error
CLEAR = 2.0  # a smaller difference of AICc says nothing (Burnham and Anderson 2002, section 2.6)


@dataclass(frozen=True)
class Comparison:
    """Both laws, fitted to one series.

    Attributes:
        difference: AICc of the logarithm minus that of the power law: below 0 the logarithm is
            better. Both have as many parameters, so it is that of their likelihoods.
        low, high: its 95 % bootstrap interval for other units.
        exponent: of the power law, positive where the error falls.
        curves: law → error of each size, the geometric mean over the units.
        misfit: law → p of the F test of the sizes' means against the law; NaN without scatter.
    """

    difference: float
    low: float
    high: float
    exponent: float
    curves: dict[str, Array]
    misfit: dict[str, float]


def compare(ln_errors: Mapping[int, Array]) -> Comparison:
    """Both laws by the ln errors (units,) of each size, the same units in the same order."""
    sizes = np.array(list(ln_errors), dtype=float)
    values = np.stack(list(ln_errors.values()))
    left = _left(values)
    fits = {name: _fit(shapes, values.mean(1)[None]) for name, shapes in _shapes(sizes).items()}
    scatter = (left**2).sum()
    between = {name: values.shape[1] * miss[0] for name, (miss, _) in fits.items()}
    difference = _difference(between["log"] + scatter, between["power"] + scatter, values.size)
    drawn = _resampled(values, left)
    drawn_fits = {name: _fit(shapes, drawn[0])[0] for name, shapes in _shapes(sizes).items()}
    log, power = (values.shape[1] * drawn_fits[name] + drawn[1] for name in ("log", "power"))
    low, high = np.percentile(_difference(log, power, values.size), PERCENTILES)
    x = np.log(sizes) - np.log(sizes).mean()
    degrees = (len(sizes) - 2, left.size - len(sizes) - values.shape[1] + 1)
    return Comparison(
        float(difference),
        float(low),
        float(high),
        float(-(x @ values.mean(1)) / (x @ x)),
        {name: np.exp(curve[0] + values.mean()) for name, (_, curve) in fits.items()},
        {
            name: float(f_distribution.sf(miss / degrees[0] / (scatter / degrees[1]), *degrees))
            if scatter > 1e-24
            else np.nan
            for name, miss in between.items()
        },
    )


def _shapes(sizes: Array) -> dict[str, Array]:
    """Law → its curves (slopes, sizes) of ln error, without their means; none increases."""
    x = np.log(sizes / sizes.max())
    steep = np.concatenate([[0.0], np.geomspace(1e-4, STEEPEST, GRID)])[:, None]
    power = np.concatenate([[0.0], np.geomspace(1e-4, 10, GRID)])[:, None]
    found = {"log": np.log1p(-steep * x), "power": -power * x}
    return {name: curves - curves.mean(1, keepdims=True) for name, curves in found.items()}


def _fit(curves: Array, means: Array) -> tuple[Array, Array]:
    """The sum of squares (samples,) that the best curve leaves of (samples, sizes), and it."""
    targets = means - means.mean(1, keepdims=True)
    sums = (targets**2).sum(1, keepdims=True) - 2 * targets @ curves.T + (curves**2).sum(1)
    best = sums.argmin(1)
    return np.maximum(sums[np.arange(len(sums)), best], 0), curves[best]


def _difference(log: Array, power: Array, number: int) -> Array:
    """AICc of least-squares fits with a normal scatter and equally many parameters, log − power."""
    return np.asarray(number * np.log(np.maximum(log, 1e-300) / np.maximum(power, 1e-300)))


def _left(values: Array) -> Array:
    """What means of the sizes and of the units leave of (..., sizes, units)."""
    rows, columns = values.mean(-1, keepdims=True), values.mean(-2, keepdims=True)
    return np.asarray(values - rows - columns + values.mean((-2, -1), keepdims=True))


def _resampled(values: Array, left: Array) -> tuple[Array, Array]:
    """Means (samples, sizes) of units drawn again, and the sums of squares that are left of each.

    What is left of a size is drawn with replacement, stretched because draws from n values scatter
    too little (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.2).
    """
    rng = np.random.default_rng(0)
    sizes, units = values.shape
    stretched = left * np.sqrt(sizes / (sizes - 1) * units / (units - 1))
    chosen = rng.integers(0, units, (RESAMPLES, sizes, units))
    drawn = np.take_along_axis(stretched[None], chosen, axis=2)
    return values.mean(1) + drawn.mean(2), (_left(drawn) ** 2).sum((1, 2))
