"""Two laws for the error against the size of the training set, and their fits to runs.

Seeds change the error by a factor rather than by a summand, so a law is fitted to the logarithm of
the error. Least squares needs only the mean of each size and the scatter within sizes, so a sample
is stored as these, and thousands of bootstrap resamples are fitted at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit
from scipy.stats import f as f_distribution
from statsmodels.tools.eval_measures import aicc

Array = NDArray[np.float64]
LARGEST_SLOPE, LARGEST_FLOOR, LARGEST_EXPONENT = 1000.0, 0.999, 4.0
STEPS = 12  # Gauss-Newton steps from the best point of the grid
PARTS = (1.0, 0.5, 0.25, 0.1, 0.03)  # of a step, which may reach too far where parameters correlate
NUDGE = 1e-6  # for derivatives by the shape parameters


@dataclass(frozen=True)
class Law:
    """A law that gives a positive error which does not increase with the size.

    Attributes:
        name: as in tables.
        shape: (x, *shape parameters) → error relative to that of the largest size, where x is the
            size relative to the largest.
        upper: upper limits of the shape parameters; the lower ones are 0.
        grid: smallest x → shape parameters to start a fit from, (candidates, parameters).
        parameters: (error of the largest size, largest size, *shape parameters) → those of the
            usual formula, by name.
    """

    name: str
    shape: Callable[..., Array]
    upper: tuple[float, ...]
    grid: Callable[[float], Array]
    parameters: Callable[..., dict[str, Array]]


def _logarithm(x: Array, slope: Array) -> Array:
    return 1 - slope * np.log(x)


def _power(x: Array, floor: Array, exponent: Array) -> Array:
    return floor + (1 - floor) * x ** (-exponent)


def _slopes(smallest: float) -> Array:
    largest = LARGEST_SLOPE * -np.log(smallest)  # error of the smallest size to that of the largest
    return np.concatenate([[0.0], np.geomspace(1e-3, largest, 200)])[:, None] / -np.log(smallest)


def _powers(_smallest: float) -> Array:
    exponents = np.concatenate([[0.0], np.geomspace(0.01, LARGEST_EXPONENT, 40)])
    floors = np.linspace(0, 0.99, 40)
    return np.stack(np.meshgrid(floors, exponents), axis=-1).reshape(-1, 2)


LOGARITHM = Law(  # a − b ln N
    name="logarithm",
    shape=_logarithm,
    upper=(LARGEST_SLOPE,),
    grid=_slopes,
    parameters=lambda error, size, slope: {
        "a": error * (1 + slope * np.log(size)),
        "b": error * slope,
    },
)
POWER = Law(  # floor + factor · N^(−exponent)
    name="power law",
    shape=_power,
    upper=(LARGEST_FLOOR, LARGEST_EXPONENT),
    grid=_powers,
    parameters=lambda error, size, floor, exponent: {
        "floor": error * floor,
        "factor": error * (1 - floor) * float(size) ** exponent,
        "exponent": exponent,
    },
)


@dataclass(frozen=True)
class LawFit:
    """A law fitted to errors.

    Attributes:
        parameters: those of the usual formula, by name.
        aicc: Akaike's information criterion with the correction for small samples.
        lack_of_fit: p of the F test of the sizes' mean ln errors against the fit, with the scatter
            within sizes as the yardstick.
    """

    parameters: dict[str, float]
    aicc: float
    lack_of_fit: float


def fit_law(law: Law, ln_errors: Mapping[int, Array]) -> LawFit:
    """The least-squares fit of a law to ln errors by size.

    The test of lack of fit is in Draper and Smith, Applied Regression Analysis, 1998, section 2.1;
    for a law that is not linear in its parameters it holds approximately.
    """
    sizes = np.concatenate([np.full(len(v), float(n)) for n, v in ln_errors.items()])
    values = np.concatenate(list(ln_errors.values()))
    x = sizes / sizes.max()

    def model(x: Array, level: float, *shape: float) -> Array:
        return level + np.log(law.shape(x, *shape))

    measured = Samples.measured(ln_errors)
    start = measured.fit(law)
    limits = (-np.inf, *np.zeros(len(law.upper))), (np.inf, *law.upper)
    first = (start.levels[0], *start.shapes[0])
    found, _ = curve_fit(model, x, values, p0=first, bounds=limits)
    residual = np.sum((values - model(x, *found)) ** 2)
    parameters = law.parameters(np.exp(found[0]), sizes.max(), *found[1:])
    return LawFit(
        {name: float(value) for name, value in parameters.items()},
        float(criterion(np.asarray(residual), len(values), len(found))),
        _lack_of_fit(float(residual), float(measured.within[0]), ln_errors, len(found)),
    )


def _lack_of_fit(
    residual: float, within: float, ln_errors: Mapping[int, Array], parameters: int
) -> float:
    runs, sizes = sum(map(len, ln_errors.values())), len(ln_errors)
    if not within:
        return np.nan
    ratio = (residual - within) / (sizes - parameters) / (within / (runs - sizes))
    return float(f_distribution.sf(ratio, sizes - parameters, runs - sizes))


@dataclass(frozen=True)
class ResampledFits:
    """Fits of one law, one entry a sample.

    Attributes:
        levels: (samples,), ln of the error of the largest size.
        shapes: (samples, parameters), shape parameters.
        aicc: (samples,), Akaike's criterion with the correction for small samples.
    """

    levels: Array
    shapes: Array
    aicc: Array


@dataclass(frozen=True)
class Samples:
    """Samples of ln errors of several sizes.

    Attributes:
        x: (sizes,), sizes relative to the largest.
        counts: (sizes,), number of runs of each size.
        means: (samples, sizes), mean ln error of each size.
        within: (samples,), sum of squared deviations from these means.
    """

    x: Array
    counts: Array
    means: Array
    within: Array

    @classmethod
    def measured(cls, ln_errors: Mapping[int, Array]) -> "Samples":
        """The ln errors, by size, as one sample."""
        sizes, values = np.array(list(ln_errors), dtype=float), list(ln_errors.values())
        counts = np.array([len(v) for v in values], dtype=float)
        within = float(sum(np.sum((v - v.mean()) ** 2) for v in values))
        means = np.array([[v.mean() for v in values]])
        return cls(sizes / sizes.max(), counts, means, np.array([within]))

    @classmethod
    def resampled(cls, ln_errors: Mapping[int, Array], number: int) -> "Samples":
        """Samples of runs drawn with replacement within each size.

        Draws from n runs scatter too little by √((n − 1) / n); the deviations from the mean are
        stretched to make up for it (Davison and Hinkley, Bootstrap Methods and their Application,
        1997, section 3.2).
        """
        rng = np.random.default_rng(0)
        means, within = [], np.zeros(number)
        for values in ln_errors.values():
            n = len(values)
            deviations = (values - values.mean()) * np.sqrt(n / (n - 1))
            draws = deviations[rng.integers(0, n, (number, n))]
            means.append(values.mean() + draws.mean(axis=1))
            within += n * draws.var(axis=1)
        measured = cls.measured(ln_errors)
        return cls(measured.x, measured.counts, np.stack(means, axis=1), within)

    @property
    def weights(self) -> Array:
        """(sizes,), each size's part of the runs."""
        return self.counts / self.counts.sum()

    def fit(self, law: Law) -> ResampledFits:
        """The best fit to each sample: the best on the law's grid, improved by Gauss-Newton steps.

        For a given shape the best level is known, so only the shape is searched for.
        """
        grid = law.grid(float(self.x.min()))
        curves = self._curves(law, grid)
        targets = self.means - (self.means @ self.weights)[:, None]
        # |targets − curves|² without the part that the curves do not change
        mismatch = curves**2 @ self.weights - 2 * (targets * self.weights) @ curves.T
        shapes = grid[mismatch.argmin(axis=1)]
        for _ in range(STEPS):
            shapes = self._closer(law, targets, shapes)
        between = (targets - self._curves(law, shapes)) ** 2 @ self.counts
        levels = (self.means - self._ln_curves(law, shapes)) @ self.weights
        information = criterion(self.within + between, int(self.counts.sum()), 1 + grid.shape[1])
        return ResampledFits(levels, shapes, information)

    def _ln_curves(self, law: Law, shapes: Array) -> Array:
        return np.log(law.shape(self.x[:, None], *shapes.T)).T

    def _curves(self, law: Law, shapes: Array) -> Array:
        """(shapes, sizes), ln error without its mean over the runs."""
        curves = self._ln_curves(law, shapes)
        return curves - (curves @ self.weights)[:, None]

    def _closer(self, law: Law, targets: Array, shapes: Array) -> Array:
        """Shapes after the best part of a Gauss-Newton step, if any comes closer to the targets."""
        here = self._curves(law, shapes)
        nudged = [self._curves(law, shapes + NUDGE * unit) for unit in np.eye(shapes.shape[1])]
        slopes = (np.stack(nudged, axis=-1) - here[..., None]) / NUDGE  # (samples, sizes, shape)
        roots = np.sqrt(self.weights)
        slopes *= roots[:, None]
        left = ((targets - here) * roots)[..., None]
        together = (np.linalg.pinv(slopes, rcond=1e-6) @ left)[..., 0]
        # along a limit of one parameter, the step of the other alone is the right one
        alone = (slopes * left).sum(axis=1) / np.maximum((slopes**2).sum(axis=1), 1e-300)
        steps = [part * together for part in PARTS]
        steps += [alone * unit for unit in np.eye(shapes.shape[1])]
        best, least = shapes, (targets - here) ** 2 @ self.weights
        for step in steps:
            moved = np.clip(shapes + step, 0, law.upper)
            mismatch = (targets - self._curves(law, moved)) ** 2 @ self.weights
            best = np.where((mismatch < least)[:, None], moved, best)
            least = np.minimum(mismatch, least)
        return best


def criterion(residual: Array, number: int, parameters: int) -> Array:
    """AICc of least-squares fits with a normal scatter, from their sums of squared residuals.

    The scatter counts as one more parameter (Burnham and Anderson, Model Selection and Multimodel
    Inference, 2002, sections 2.2 and 2.4).
    """
    likelihood = -number / 2 * (np.log(2 * np.pi * residual / number) + 1)
    return np.asarray(aicc(likelihood, number, parameters + 1))
