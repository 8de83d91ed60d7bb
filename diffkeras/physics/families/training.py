"""The training of a basis: the fit to snapshots, and the choice of further snapshots.

The errors of snapshots that are left out of the regression are known without fitting again. They
say how many modes are worth their time, and how well other points are predicted. Further snapshots
are the points at which the proven error is largest: the greedy method of certified reduced bases
(Veroy, Prud'homme, Rovas & Patera 2003).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from diffkeras.physics.arguments import largest
from diffkeras.physics.families.family import Family
from diffkeras.physics.families.fit import Fit
from diffkeras.physics.families.kernel_regression import KernelRegression
from diffkeras.physics.families.snapshots import Modes, Snapshots
from diffkeras.physics.solution import Solution
from diffkeras.system.environment import blas_threads

MODES = 100  # modes at most by default
ERROR_RATIO = 1.5  # how much larger the error of fewer modes may be
MODE_STEP, MODE_SNAPSHOTS = 5, 48  # modes that are tried at a time, on so many snapshots


def fitted(family: Family, solved: Snapshots, modes: int | None = None) -> Fit:
    """The basis and the regression of a family's snapshots, without barriers.

    Args:
        family: of the snapshots.
        solved: these.
        modes: see `ReducedBasis.train`.
    """
    basis = Modes.of(solved.fields, min(modes or MODES, len(solved.points)))
    with blas_threads():
        regression = KernelRegression.fit(family.scaling.inputs(solved.points), basis.coefficients)
    few = len(basis.modes)
    if modes is None:
        few = _enough_modes(solved, basis, regression)
    left = basis.singular_values[len(basis.modes) :]
    return Fit(
        basis.mean,
        basis.modes,
        regression,
        _errors_left_out(solved, basis.first(few), regression.first(few)),
        few,
        remainder=float(np.linalg.norm(left) / np.sqrt(len(solved.points))),
    )


def _enough_modes(solved: Snapshots, basis: Modes, regression: KernelRegression) -> int:
    """The number of modes beyond which the largest errors hardly fall.

    They belong to some snapshots that are left out of the regression; their median counts.
    """
    numbers = np.arange(0, len(solved.points), -(-len(solved.points) // MODE_SNAPSHOTS))
    coefficients = basis.coefficients[numbers] - regression.left_out[numbers]
    remaining = solved.fields[numbers] - basis.mean
    ends = [*range(MODE_STEP, len(basis.modes), MODE_STEP), len(basis.modes)]
    errors = []
    for start, end in zip([0, *ends], ends, strict=False):
        remaining -= coefficients[:, start:end].astype(np.float32) @ basis.modes[start:end]
        errors.append(float(np.median(np.abs(remaining).max(axis=1))))
    return ends[int(np.argmax(np.array(errors) <= ERROR_RATIO * min(errors)))]


def _errors_left_out(
    solved: Snapshots, basis: Modes, regression: KernelRegression
) -> NDArray[np.float64]:
    """The largest relative error of each snapshot that is left out of the regression."""
    errors = np.empty(len(solved.fields))
    coefficients = (basis.coefficients - regression.left_out).astype(np.float32)
    for number, field in enumerate(solved.fields):
        predicted = coefficients[number] @ basis.modes + basis.mean
        errors[number] = largest(predicted - field) / max(largest(field), 1e-300)
    return errors


class Candidates:
    """Points of a family, with what is known of their errors.

    Attributes:
        bounds: (n,), the last proven error of each.
    """

    def __init__(self, family: Family, points: NDArray[np.float64], worst: float) -> None:
        """Of points (n, p), until no bound exceeds `worst`."""
        self.bounds = np.full(len(points), np.inf)
        self._points, self._worst = points, worst
        self._is_new = np.ones(len(points), bool)
        inputs = family.scaling.inputs(points)
        self._normal = inputs / np.where(inputs.std(axis=0) > 0, inputs.std(axis=0), 1.0)

    def prove(self, predict: Callable[[NDArray[np.float64]], Solution]) -> float:
        """The largest relative error bound of predictions by a new basis.

        Bounds that were too large before come first; while some still are, the others are left out.
        """
        for part in (self.bounds > self._worst, self.bounds <= self._worst):
            self.bounds[part] = [
                predict(point).relative_error_bound for point in self._points[part]
            ]
            if (self.bounds > self._worst).any():
                break
        return float(self.bounds.max())

    def chosen(self, number: int) -> NDArray[np.float64]:
        """New points with large bounds that are not next to each other, at most so many.

        The first has the largest bound. Each further one has the largest product of its bound and
        its distance to those before it. Where all points with large bounds are snapshots already,
        their inverse distance from the others takes the place of these bounds.
        """
        is_large = self.bounds > self._worst
        is_open = self._is_new & is_large
        known = self.bounds[np.isfinite(self.bounds)]
        largest = 2.0 * known.max(initial=self._worst)  # in place of an infinite one
        weights = np.where(is_open, np.minimum(self.bounds, largest), 0.0)
        if not is_open.any():
            near, _ = KDTree(self._normal[is_large]).query(self._normal)
            weights = np.divide(1.0, near, out=weights, where=self._is_new & (near > 0))
        places: list[int] = []
        scores, distance = weights, np.full(len(weights), np.inf)
        # 0 is the score of all that are left if they are points that were chosen
        while len(places) < number and scores.max() > 0:
            places.append(int(np.argmax(scores)))
            apart = np.linalg.norm(self._normal - self._normal[places[-1]], axis=1)
            distance = np.minimum(distance, apart)
            scores = weights * distance
        self._is_new[places] = False
        return self._points[places]
