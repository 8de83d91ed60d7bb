"""Two laws for the error against the size of the training set, and their fits to runs.

Seeds change the error by a factor rather than by a summand, so a law is fitted to the logarithm of
the error. All sizes have the same seeds, or draws of the examples; one that is better at all sizes
changes the level of the law and not its shape, so each has a level of its own, as in a randomised
block design. Then least squares needs only the mean of each size and the scatter that is left, so a
sample is stored as these, and thousands of bootstrap resamples are fitted at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_distribution
from statsmodels.tools.eval_measures import aicc

Array = NDArray[np.float64]
LARGEST_SLOPE, LARGEST_FLOOR, LARGEST_EXPONENT = 1000.0, 0.999, 4.0
STEPS = 12  # Gauss-Newton steps from the best point of the grid
PARTS = (1.0, 0.5, 0.25, 0.1, 0.03)  # tried shares of a step, which may reach too far
ROUNDING = 1e-24  # sums of squares of ln errors up to which there is no scatter
NUDGE = 1e-6  # change of a shape parameter, for derivatives by it


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


def _slopes(smallest: float) -> Array:
    largest = LARGEST_SLOPE * -np.log(smallest)  # error of the smallest size to that of the largest
    return np.concatenate([[0.0], np.geomspace(1e-3, largest, 200)])[:, None] / -np.log(smallest)


def _powers(_smallest: float) -> Array:
    exponents = np.concatenate([[0.0], np.geomspace(0.01, LARGEST_EXPONENT, 40)])
    floors = np.linspace(0, 0.99, 40)
    return np.stack(np.meshgrid(floors, exponents), axis=-1).reshape(-1, 2)


LOGARITHM = Law(  # a − b ln N
    name="logarithm",
    shape=lambda x, slope: 1 - slope * np.log(x),
    upper=(LARGEST_SLOPE,),
    grid=_slopes,
    parameters=lambda error, size, slope: {
        "a": error * (1 + slope * np.log(size)),
        "b": error * slope,
    },
)
POWER = Law(  # floor + factor · N^(−exponent)
    name="power law",
    shape=lambda x, floor, exponent: floor + (1 - floor) * x ** (-exponent),
    upper=(LARGEST_FLOOR, LARGEST_EXPONENT),
    grid=_powers,
    parameters=lambda error, size, floor, exponent: {
        "floor": error * floor,
        "factor": error * (1 - floor) * float(size) ** exponent,
        "exponent": exponent,
    },
)


@dataclass(frozen=True)
class Fits:
    """Fits of one law, one entry a sample.

    Attributes:
        parameters: those of the usual formula, (samples,), by name.
        aicc: (samples,), Akaike's information criterion with the correction for small samples.
        lack_of_fit: (samples,), p of the F test of the sizes' mean ln errors against the fit, with
            the scatter that is left as the yardstick; NaN without scatter.
    """

    parameters: dict[str, Array]
    aicc: Array
    lack_of_fit: Array


@dataclass(frozen=True)
class Samples:
    """Samples of ln errors of several sizes, each with the same units: seeds or draws.

    Attributes:
        sizes: (sizes,), numbers of training examples.
        units: their number.
        means: (samples, sizes), mean ln error of each size.
        left: (samples,), sum of squares that the means of the sizes and of the units leave.
    """

    sizes: Array
    units: int
    means: Array
    left: Array

    @classmethod
    def measured(cls, ln_errors: Mapping[int, Array]) -> "Samples":
        """The ln errors (units,), by size, as one sample."""
        values = np.stack(list(ln_errors.values()))
        means = values.mean(axis=1)
        left = np.array([np.sum(_left(values) ** 2)])
        return cls(np.array(list(ln_errors), dtype=float), values.shape[1], means[None], left)

    @classmethod
    def resampled(cls, ln_errors: Mapping[int, Array], number: int) -> "Samples":
        """Samples of units, and of what is left of each size, drawn with replacement.

        Draws from n values scatter too little by √((n − 1) / n); the deviations from the means are
        stretched to make up for it (Davison and Hinkley, Bootstrap Methods and their Application,
        1997, section 3.2).
        """
        rng = np.random.default_rng(0)
        values = np.stack(list(ln_errors.values()))
        sizes, units = values.shape
        stretched = _left(values) * np.sqrt(sizes / (sizes - 1) * units / (units - 1))
        chosen = rng.integers(0, units, (number, sizes, units))
        drawn = np.take_along_axis(stretched[None], chosen, axis=2)
        drawn -= drawn.mean(axis=1, keepdims=True)  # of a unit, which is part of its level
        levels = (values.mean(axis=0) - values.mean()) * np.sqrt(units / (units - 1))
        level = levels[rng.integers(0, units, (number, units))].mean(axis=1)
        measured = cls.measured(ln_errors)
        means = measured.means + drawn.mean(axis=2) + level[:, None]
        return cls(measured.sizes, units, means, np.sum(_left(drawn) ** 2, axis=(1, 2)))

    def fit(self, law: Law) -> Fits:
        """The best fit to each sample: the best on the law's grid, improved by Gauss-Newton steps.

        For a given shape the best level is known, so only the shape is searched for. The test of
        lack of fit is in Draper and Smith, Applied Regression Analysis, 1998, section 2.1; for a
        law that is not linear in its parameters it holds approximately.
        """
        grid = law.grid(self.sizes.min() / self.sizes.max())
        curves = self._curves(law, grid)
        targets = self.means - (self.means @ self._weights)[:, None]
        # |targets − curves|² without the part that the curves do not change
        mismatch = curves**2 @ self._weights - 2 * (targets * self._weights) @ curves.T
        shapes = grid[mismatch.argmin(axis=1)]
        for _ in range(STEPS):
            shapes = self._closer(law, targets, shapes)
        between = self.units * ((targets - self._curves(law, shapes)) ** 2).sum(axis=1)
        levels = (self.means - self._ln_curves(law, shapes)) @ self._weights
        sizes, number = self.sizes.size, 1 + grid.shape[1]
        degrees = sizes - number, (sizes - 1) * (self.units - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(self.left > ROUNDING, between / degrees[0] / self.left, np.nan)
        return Fits(
            law.parameters(np.exp(levels), self.sizes.max(), *shapes.T),
            criterion(self.left + between, sizes * self.units, number + self.units - 1),
            f_distribution.sf(ratio * degrees[1], *degrees),
        )

    @property
    def _weights(self) -> Array:
        """(sizes,), each size's part of the runs."""
        return np.full(self.sizes.size, 1 / self.sizes.size)

    def _ln_curves(self, law: Law, shapes: Array) -> Array:
        x = self.sizes / self.sizes.max()
        return np.log(law.shape(x[:, None], *shapes.T)).T

    def _curves(self, law: Law, shapes: Array) -> Array:
        """(shapes, sizes), ln error without its mean over the runs."""
        curves = self._ln_curves(law, shapes)
        return curves - (curves @ self._weights)[:, None]

    def _closer(self, law: Law, targets: Array, shapes: Array) -> Array:
        """Shapes after the best part of a Gauss-Newton step, if any comes closer to the targets."""
        here = self._curves(law, shapes)
        nudged = [self._curves(law, shapes + NUDGE * unit) for unit in np.eye(shapes.shape[1])]
        slopes = (np.stack(nudged, axis=-1) - here[..., None]) / NUDGE  # (samples, sizes, shape)
        roots = np.sqrt(self._weights)
        slopes *= roots[:, None]
        residuals = ((targets - here) * roots)[..., None]
        together = (np.linalg.pinv(slopes, rcond=1e-6) @ residuals)[..., 0]
        # along a limit of one parameter, the step of the other alone is the right one
        squares = np.maximum((slopes**2).sum(axis=1), 1e-300)
        alone = (slopes * residuals).sum(axis=1) / squares
        steps = [part * together for part in PARTS]
        steps += [alone * unit for unit in np.eye(shapes.shape[1])]
        best, least = shapes, (targets - here) ** 2 @ self._weights
        for step in steps:
            moved = np.clip(shapes + step, 0, law.upper)
            mismatch = (targets - self._curves(law, moved)) ** 2 @ self._weights
            best = np.where((mismatch < least)[:, None], moved, best)
            least = np.minimum(mismatch, least)
        return best


def _left(values: Array) -> Array:
    """What means of the rows and of the columns leave of (..., rows, columns)."""
    rows, columns = values.mean(axis=-1, keepdims=True), values.mean(axis=-2, keepdims=True)
    return np.asarray(values - rows - columns + values.mean(axis=(-2, -1), keepdims=True))


def criterion(residual: Array, number: int, parameters: int) -> Array:
    """AICc of least-squares fits with a normal scatter, from their sums of squared residuals.

    The scatter counts as one more parameter (Burnham and Anderson, Model Selection and Multimodel
    Inference, 2002, sections 2.2 and 2.4).
    """
    likelihood = -number / 2 * (np.log(2 * np.pi * residual / number) + 1)
    return np.asarray(aicc(likelihood, number, parameters + 1))
