"""The training of a basis: snapshots, their principal modes, and the choice of further snapshots.

The modes come from a proper orthogonal decomposition: the first right singular vectors of the
matrix whose rows are the snapshots' deviations from their mean. They come from the eigenvectors of
its product with its transpose, which is small (method of snapshots, Sirovich 1987).

The errors of snapshots that are left out of the regression are known without fitting again. They
say how many modes are worth their time, and how well other points are predicted. Further snapshots
are the points at which the proven error is largest: the greedy method of certified reduced bases
(Veroy, Prud'homme, Rovas & Patera 2003).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import LARGEST, largest
from diffkeras.physics.families.family import Family
from diffkeras.physics.families.fit import Fit, KernelRegression
from diffkeras.physics.solution import Solution
from diffkeras.physics.steady_state import Solver, solve_silently
from diffkeras.system.environment import blas_threads

NODES_AT_A_TIME = 1 << 15  # in double precision
PROBLEMS_AT_A_TIME = 16
LEAST_SHARE = 1e-6  # of a singular value in the first one: the rounding of single precision
MODES = 100  # modes at most by default
ERROR_RATIO = 1.5  # how much larger the error of fewer modes may be
MODE_STEP, MODE_SNAPSHOTS = 5, 48  # modes that are tried at a time, on so many snapshots


class Snapshots(NamedTuple):
    """Points of a family and their fields."""

    points: NDArray[np.float64]  # (m, p)
    # (m, n) float32 on all nodes, divided by their scales; 0 on the fixed nodes
    fields: NDArray[np.float32]

    @classmethod
    def of(
        cls, family: Family, points: NDArray[np.float64], tolerance: float, processes: int | None
    ) -> "Snapshots":
        """Solve the problems of points (m, p) to a relative tolerance."""
        fields: list[NDArray[np.float32]] = []
        for part in np.split(points, range(PROBLEMS_AT_A_TIME, len(points), PROBLEMS_AT_A_TIME)):
            problems = map(family.problem_at, part)
            solved = solve_silently(problems, Solver(tolerance), processes=processes)
            fields += map(partial(_scaled, family), part, [solution.field for solution in solved])
        return cls(points, np.array(fields))

    def plus(self, more: "Snapshots") -> "Snapshots":
        """These snapshots and further ones."""
        points = np.concatenate([self.points, more.points])
        return Snapshots(points, np.concatenate([self.fields, more.fields]))


def _scaled(family: Family, point: NDArray[np.float64], field: NDArray) -> NDArray[np.float32]:
    """The field of a point, divided by its scale, (n,), and 0 on the fixed nodes."""
    free = ~family.problem.fixed.ravel()
    scaled = field.ravel() / family.scaling.scales(point[None])[0] * free
    if not (size := largest(scaled)) <= LARGEST:
        numbers = ", ".join(map("{} {:g}".format, family.names, point))
        raise PhysicsError(
            f"with {numbers}, the field's largest |value| is {size:.3g}, and a basis, in single "
            f"precision, holds at most {LARGEST:g}: choose other units"
        )
    return scaled.astype(np.float32)


class Modes(NamedTuple):
    """The principal modes of snapshots."""

    mean: NDArray[np.float32]  # (n,) float32
    modes: NDArray[np.float32]  # (r, n) float32, of norm 1
    coefficients: NDArray[np.float64]  # (m, r), of the snapshots
    singular_values: NDArray[np.float64]  # (m,), all of them, from the largest to the smallest

    @classmethod
    def of(cls, fields: NDArray[np.float32], number: int) -> "Modes":
        """The first modes of fields (m, n), or fewer where rounding is all that is left."""
        count, nodes = fields.shape
        mean = np.empty(nodes)
        products = np.zeros((count, count))
        for start in range(0, nodes, NODES_AT_A_TIME):
            part = slice(start, start + NODES_AT_A_TIME)
            block = fields[:, part].astype(np.float64)
            mean[part] = block.mean(axis=0)
            block -= mean[part]
            products += block @ block.T
        squares, vectors = eigh(products)
        values = np.sqrt(np.maximum(squares[::-1], 0.0))
        number = min(number, max(1, int((values > LEAST_SHARE * values[0]).sum())))
        vectors, sizes = vectors[:, ::-1][:, :number], values[:number]
        inverse = 1 / sizes if values[0] > 0 else sizes  # all fields may be the same
        modes = np.empty((number, nodes), np.float32)
        for start in range(0, nodes, NODES_AT_A_TIME):
            part = slice(start, start + NODES_AT_A_TIME)
            modes[:, part] = (vectors * inverse).T @ (fields[:, part] - mean[part])
        return cls(mean.astype(np.float32), modes, vectors * sizes, values)

    def first(self, number: int) -> "Modes":
        """The first of these modes."""
        return self._replace(modes=self.modes[:number], coefficients=self.coefficients[:, :number])


def fitted(family: Family, solved: Snapshots, modes: int | None = None) -> Fit:
    """The basis and the regression of a family's snapshots, without barriers."""
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
    """Points of a family, with what is known of their errors."""

    def __init__(self, family: Family, points: NDArray[np.float64], worst: float) -> None:
        """Of points (n, p), until no bound exceeds `worst`."""
        self.bounds = np.full(len(points), np.inf)  # the last proven error of each
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
            from scipy.spatial import KDTree  # `solve` doesn't wait for its import

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
