"""What training finds for a family, and its file: basis, kernel regression and barriers.

The regression gives the coefficients of the basis. With a Gaussian kernel
k(x, y) = exp(−Σ (x_i − y_i)²/(2 l_i²)) and K its values between the training inputs, coefficients
are c(x) = k(x, X) K⁻¹ C. The error of each training point if it were left out is known without
another fit, (K⁻¹C)_i / (K⁻¹)_ii (Rasmussen & Williams 2006, §5.4.2). The lengths l_i are those with
the smallest sum of its squares: first one for all inputs, then one for each.
"""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from diffkeras.errors import DataError, PhysicsError
from diffkeras.physics.families.family import Family
from diffkeras.system.array_files import check_arrays, read_arrays, write_arrays

FORMAT = 4  # version of the files
NUMBERS = ("fast_modes", "remainder", "converging", "worst")  # in the files

NUGGET = 1e-9  # added to K's diagonal, for rounding
LENGTHS = 2.0 ** np.arange(-1, 5.5, 0.5)  # those tried, in standard deviations
FACTORS = (0.5, 0.71, 1.41, 2.0)  # what the length of one input is multiplied by
SWEEPS = 2
MOST_FITTED = 400  # points by which lengths are chosen


class KernelRegression(NamedTuple):
    """A fitted regression."""

    # centre, spread: (k,), by which inputs are normalised
    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    lengths: NDArray[np.float64]  # (k,), of the kernel, for normalised inputs
    points: NDArray[np.float64]  # (m, k), the training inputs divided by the lengths
    weights: NDArray[np.float64]  # (m, r), K⁻¹C
    # (m, r), errors of the coefficients of each training point if it is left out
    left_out: NDArray[np.float64]

    @classmethod
    def fit(
        cls, inputs: NDArray[np.float64], coefficients: NDArray[np.float64]
    ) -> "KernelRegression":
        """The regression of m inputs (m, k) and coefficients (m, r)."""
        centre, spread = inputs.mean(axis=0), inputs.std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        normal = (inputs - centre) / spread
        lengths = _lengths(normal[:MOST_FITTED], coefficients[:MOST_FITTED])
        points = normal / lengths
        solved = _solve(points, coefficients)
        if solved is None:  # by the lengths, which only some of the inputs choose
            raise PhysicsError(
                f"the regression of {len(points)} snapshots is singular, as some of their points "
                "lie too close together: train on fewer snapshots, or with wider ranges"
            )
        return cls(centre, spread, lengths, points, *solved)

    def __call__(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coefficients (n, r) of inputs (n, k)."""
        normal = (inputs - self.centre) / self.spread / self.lengths
        return _kernel(normal, self.points) @ self.weights

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


class Barriers(NamedTuple):
    """The barriers of a family, j for all its problems and for clusters of them.

    `barrier_training` makes them.
    """

    # (2, j, *lattice) float32, those for predictions and those for corrected fields
    fields: NDArray[np.float32]
    # on the lattice, what problems of the family usually add to the row sums of the one with the
    # slowest decay, by their own and by slopes; 0 if the diffusivity varies
    usual_row_sums: NDArray[np.float32]
    # the upper quartile of the bounds of predictions by regression alone, relative to the field's
    # size
    regression_bound: NDArray[np.float64] = np.array(np.inf)
    # the lowest decile of the bounds of predictions by Galerkin's method, relative to the field's
    # size. Where so large a bound is enough, a proof is tried without a correction
    try_above: NDArray[np.float64] = np.array(np.inf)
    # (2,), the size of the last correction as a share of the field's bound, at the upper quartile
    # of bounds, and at most 1: of fields that are corrected once, and twice. Corrections aim at
    # this share of the needed bound
    correction_shares: NDArray[np.float64] = np.zeros(2)
    # the median size of a first correction, relative to the field's
    first_correction: NDArray[np.float64] = np.array(np.inf)


class Fit(NamedTuple):
    """A basis of fields, and a regression from parameters to its coefficients."""

    mean: NDArray[np.float32]  # (n,) float32, of the snapshots
    # (q, n) float32, all of them, with those that only Galerkin's method uses
    modes: NDArray[np.float32]
    regression: KernelRegression  # from dimensionless inputs to the coefficients of all modes
    errors: NDArray[np.float64]  # (m,), see `ReducedBasis`
    fast_modes: int  # r, the number of modes that predictions without a tolerance need
    remainder: float  # about the Euclidean norm of what all modes leave of a field, before scaling
    # the share of samples of the training in which Galerkin's method converged
    converging: float = 1.0
    barriers: Barriers | None = None  # for the proofs; None if there are none
    worst: float = np.inf  # see `ReducedBasis`

    def write(self, path: Path, family: Family) -> None:
        """Write a file, `.npz`, with the family's hash."""
        arrays = self._asdict() | self.regression._asdict()
        arrays |= {} if self.barriers is None else self.barriers._asdict()
        del arrays["regression"], arrays["barriers"]
        write_arrays(path, arrays | {"format": FORMAT, "fingerprint": family.fingerprint})

    @classmethod
    def read(cls, path: Path, family: Family) -> "Fit":
        """Read a file; a DataError if it is missing, damaged or of another family."""
        read = read_arrays(path, "a basis")
        try:
            check_arrays(read, {"format": ()})
            if read["format"] != FORMAT:
                raise DataError(
                    f"{path} has format {read['format']}, and this version reads {FORMAT}: make it "
                    "again with `ReducedBasis.train` and `save`"
                )
            if str(read.get("fingerprint")) != family.fingerprint:
                raise DataError(
                    f"{path} is the basis of another family: its problem, regions or ranges differ"
                )
            lattice, inputs = family.problem.lattice, int(np.count_nonzero(family.scaling.kept))
            modes, points = len(read.get("modes", ())), len(read.get("points", ()))
            nodes, shapes = math.prod(lattice), dict[str, tuple[int | None, ...]]()
            shapes |= {"mean": (nodes,), "modes": (modes, nodes), "errors": (points,)}
            shapes |= dict.fromkeys(("centre", "spread", "lengths"), (inputs,))
            shapes |= dict.fromkeys(("weights", "left_out"), (points, modes))
            shapes |= {"points": (points, inputs), **dict.fromkeys(NUMBERS, ())}
            check_arrays(read, shapes)
            fast = read["fast_modes"].item()
            if not isinstance(fast, int) or not 1 <= fast <= modes:
                raise ValueError(f"fast_modes is {fast}, and not a whole number from 1 to {modes}")
            barriers = None
            if set(Barriers._fields) & set(read):
                wanted = ((2, None, *lattice), lattice, (), (), (2,), ())
                check_arrays(read, dict(zip(Barriers._fields, wanted, strict=True)))
                barriers = Barriers(*(read[name] for name in Barriers._fields))
        except (TypeError, ValueError) as error:
            raise DataError(f"{path} can't be read as a basis: {error}") from None
        regression = KernelRegression(*(read[name] for name in KernelRegression._fields))
        parts: dict[str, Any] = {name: read[name] for name in ("mean", "modes", "errors")}
        parts |= {name: read[name].item() for name in NUMBERS}
        return cls(**parts, regression=regression, barriers=barriers)
