"""Kernel regression: from inputs to the coefficients of a basis.

With a Gaussian kernel k(x, y) = exp(−Σ (x_i − y_i)²/(2 l_i²)) and K its values between the training
inputs, coefficients are c(x) = k(x, X) K⁻¹ C. The error of each training point if it were left out
is known without another fit, (K⁻¹C)_i / (K⁻¹)_ii (Rasmussen & Williams 2006, §5.4.2). The lengths
l_i are those with the smallest sum of its squares: first one for all inputs, then one for each.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from diffkeras.errors import PhysicsError

NUGGET = 1e-9  # added to K's diagonal, for rounding
LENGTHS = 2.0 ** np.arange(-1, 5.5, 0.5)  # those tried, in standard deviations
FACTORS = (0.5, 0.71, 1.41, 2.0)  # what the length of one input is multiplied by
SWEEPS = 2
MOST_FITTED = 400  # points by which lengths are chosen


class KernelRegression(NamedTuple):
    """A fitted regression.

    Attributes:
        centre, spread: (k,), by which inputs are normalised.
        lengths: (k,), of the kernel, for normalised inputs.
        points: (m, k), the training inputs divided by the lengths.
        weights: (m, r), K⁻¹C.
        left_out: (m, r), errors of the coefficients of each training point if it is left out.
    """

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    lengths: NDArray[np.float64]
    points: NDArray[np.float64]
    weights: NDArray[np.float64]
    left_out: NDArray[np.float64]

    @classmethod
    def fit(
        cls, inputs: NDArray[np.float64], coefficients: NDArray[np.float64]
    ) -> "KernelRegression":
        """The regression of m inputs (m, k) and coefficients (m, r).

        Raises:
            PhysicsError: the lengths, which are chosen by some of the inputs, make K of all of them
                singular.
        """
        centre, spread = inputs.mean(axis=0), inputs.std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        normal = (inputs - centre) / spread
        lengths = _lengths(normal[:MOST_FITTED], coefficients[:MOST_FITTED])
        points = normal / lengths
        solved = _solve(points, coefficients)
        if solved is None:
            raise PhysicsError(
                f"the regression of {len(points)} snapshots is singular, as some of their points "
                "lie too close together: train on fewer snapshots, or with wider ranges"
            )
        return cls(centre, spread, lengths, points, *solved)

    def __call__(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coefficients (n, r) of inputs (n, k)."""
        normal = (inputs - self.centre) / self.spread / self.lengths
        return _kernel(normal, self.points) @ self.weights

    @property
    def fitted(self) -> NDArray[np.float64]:
        """Coefficients (m, r) of the training points."""
        return _kernel(self.points, self.points) @ self.weights

    def first(self, number: int) -> "KernelRegression":
        """The regression of the first coefficients."""
        return self._replace(weights=self.weights[:, :number], left_out=self.left_out[:, :number])


def _kernel(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):  # inputs are infinite where a logarithm has none
        squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    return np.exp(-0.5 * np.maximum(squares, 0.0))


def _solve(
    points: NDArray[np.float64], coefficients: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """K⁻¹C and the errors of points that are left out; None if K is singular."""
    kernel = _kernel(points, points)
    kernel.flat[:: len(points) + 1] += NUGGET
    try:
        factor = cho_factor(kernel, lower=True, overwrite_a=True)
    except LinAlgError:
        return None
    inverse = cho_solve(factor, np.eye(len(points)))
    weights = cho_solve(factor, coefficients)
    return weights, weights / inverse.diagonal()[:, None]


def _lengths(normal: NDArray[np.float64], coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """The lengths (k,) with the smallest error of points that are left out."""

    def error(lengths: NDArray[np.float64]) -> float:
        solved = _solve(normal / lengths, coefficients)
        return np.inf if solved is None else float((solved[1] ** 2).sum())

    ones = np.ones(normal.shape[1])
    best = min((ones * length for length in LENGTHS), key=error)
    least = error(best)
    for _ in range(SWEEPS if len(best) > 1 else 0):
        for number in range(len(best)):
            for factor in FACTORS:
                tried = best.copy()
                tried[number] *= factor
                if (new := error(tried)) < least:
                    best, least = tried, new
    return best
