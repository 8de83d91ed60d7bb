"""Fits of a law to many samples at once, for thousands of bootstrap resamples.

Least squares needs only the mean of each size and the scatter within sizes, so a sample is stored
as these.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from statsmodels.tools.eval_measures import aicc

from diffkeras.studies.statistics.laws.law import Array, Law

STEPS = 12  # Gauss-Newton steps from the best point of the grid
PARTS = (1.0, 0.5, 0.25, 0.1, 0.03)  # of a step, which may reach too far where parameters correlate
NUDGE = 1e-6  # for derivatives by the shape parameters


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
