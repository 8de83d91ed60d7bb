"""The equations of a problem's free nodes as a matrix, and PyAMG's solution of them."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from diffkeras.physics import Problem
from diffkeras.physics.linear.direct import ruge_stuben_hierarchy
from diffkeras.physics.linear.finite_volumes import finite_volumes
from diffkeras_benchmark.pyamg_solver import free_system


class FreeSystem:
    """A u = b on the f free nodes of a problem without production.

    Attributes:
        matrix: A, (f, f).
        right: b, (f,).
    """

    def __init__(self, problem: Problem) -> None:
        self._values, self._fixed = problem.values, problem.fixed
        volumes = finite_volumes(problem.lattice, problem.medium)
        self.matrix, self.right = free_system(volumes, problem.values, problem.fixed)

    def field(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The field with values (f,) on the free nodes."""
        field = np.array(self._values)
        field[~self._fixed] = values
        return field

    def solve(self, tolerance: float, kind: str = "Ruge-Stüben") -> NDArray[np.float64]:
        """The field by conjugate gradients with a hierarchy of PyAMG, which is set up for it."""
        return self.field(solve_by(hierarchy_of(self.matrix, kind), self.right, tolerance))


def hierarchy_of(matrix: sp.csr_array, kind: str = "Ruge-Stüben") -> Any:
    """PyAMG's hierarchy of grids: Ruge-Stüben's as `solve` sets it up, or PyAMG's default."""
    import pyamg

    if kind == "Ruge-Stüben":
        return ruge_stuben_hierarchy(matrix)
    return pyamg.smoothed_aggregation_solver(sp.csr_matrix(matrix))


def solve_by(
    hierarchy: Any, right: NDArray, tolerance: float, residuals: list[float] | None = None
) -> NDArray[np.float64]:
    """The solution (f,) by conjugate gradients, to a relative residual; `residuals` notes all."""
    return hierarchy.solve(right, tol=tolerance, accel="cg", residuals=residuals)
