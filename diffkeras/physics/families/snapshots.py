"""Snapshots of a family, and their principal modes.

The modes come from a proper orthogonal decomposition: the first right singular vectors of the
matrix whose rows are the snapshots' deviations from their mean. They come from the eigenvectors of
its product with its transpose, which is small (method of snapshots, Sirovich 1987).
"""

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import LARGEST, largest
from diffkeras.physics.families.family import Family
from diffkeras.physics.steady_state import Solver, solve_silently

NODES_AT_A_TIME = 1 << 15  # in double precision
PROBLEMS_AT_A_TIME = 16
LEAST_SHARE = 1e-6  # of a singular value in the first one: the rounding of single precision


class Snapshots(NamedTuple):
    """Points of a family and their fields.

    Attributes:
        points: (m, p).
        fields: (m, n) float32 on all nodes, divided by their scales; 0 on the fixed nodes.
    """

    points: NDArray[np.float64]
    fields: NDArray[np.float32]

    @classmethod
    def of(
        cls, family: Family, points: NDArray[np.float64], tolerance: float, processes: int | None
    ) -> "Snapshots":
        """Solve the problems of points (m, p) to a relative tolerance.

        Raises:
            PhysicsError: see `scaled`.
            ConvergenceError: a problem was not solved.
        """
        parts = np.split(points, range(PROBLEMS_AT_A_TIME, len(points), PROBLEMS_AT_A_TIME))
        solved = (
            solve_silently(map(family.problem_at, part), Solver(tolerance), processes=processes)
            for part in parts
        )
        fields = (np.stack([solution.field for solution in each]) for each in solved)
        return cls.joined(map(partial(cls.scaled, family), parts, fields))

    @classmethod
    def scaled(cls, family: Family, points: NDArray[np.float64], fields: NDArray) -> "Snapshots":
        """Points (m, p) with fields on the lattice, (m, …).

        Raises:
            PhysicsError: a field is too large for single precision.
        """
        scales, free = family.scaling.scales(points), ~family.problem.fixed.ravel()
        scaled = fields.reshape(len(points), -1) / scales * free
        for point, field in zip(points, scaled, strict=True):
            if not (size := largest(field)) <= LARGEST:
                numbers = ", ".join(map("{} {:g}".format, family.names, point))
                raise PhysicsError(
                    f"with {numbers}, the field's largest |value| is {size:.3g}, and a basis, in "
                    f"single precision, holds at most {LARGEST:g}: choose other units"
                )
        return cls(points, scaled.astype(np.float32))

    @classmethod
    def joined(cls, parts: Iterable["Snapshots"]) -> "Snapshots":
        """The snapshots of all parts."""
        points, fields = zip(*parts, strict=True)
        return cls(np.concatenate(points), np.concatenate(fields))


class Modes(NamedTuple):
    """The principal modes of snapshots.

    Attributes:
        mean: (n,) float32.
        modes: (r, n) float32, of norm 1.
        coefficients: (m, r), of the snapshots.
        singular_values: (m,), all of them, from the largest to the smallest.
    """

    mean: NDArray[np.float32]
    modes: NDArray[np.float32]
    coefficients: NDArray[np.float64]
    singular_values: NDArray[np.float64]

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
