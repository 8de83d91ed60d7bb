"""PyAMG: conjugate gradients with algebraic multigrid that stop at a residual, with no proof."""

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from diffkeras import Medium, Problem
from diffkeras.physics import Equations

MOST_ITERATIONS = 500


@threadpool_limits.wrap(limits=1, user_api="blas")
def pyamg_field(problem: Problem, tolerance: float) -> NDArray[np.float64]:
    """The field by PyAMG, float64: conjugate gradients, preconditioned by Ruge-Stüben multigrid.

    It solves A u = b on the free nodes (`finite_volumes`), from zeros, until ‖b − A u‖₂ is at most
    the tolerance times ‖b‖₂. Without fixed nodes in a uniform medium, all images share one
    hierarchy of grids; otherwise setting it up is part of the work.
    """
    equations = Equations(problem)
    medium, free = equations.problem.medium, equations.free
    if medium.is_uniform and free.all():
        hierarchy, sides = _shared_hierarchy(problem.lattice, medium), np.zeros(free.size)
    else:
        matrix, sides = free_system(equations.volumes, problem.values, problem.fixed)
        hierarchy = ruge_stuben_hierarchy(matrix)
    if equations.production is not None:
        sides = sides + equations.production[free]
    field = np.array(problem.values)
    field[free] = hierarchy.solve(sides, tol=tolerance, maxiter=MOST_ITERATIONS, accel="cg")
    return field


@lru_cache(maxsize=4)
def _shared_hierarchy(lattice: tuple[int, ...], medium: Medium) -> Any:
    nothing = np.zeros(lattice)
    volumes = Equations(Problem(production=nothing, medium=medium)).volumes
    return ruge_stuben_hierarchy(free_system(volumes, nothing, nothing != 0)[0])


def ruge_stuben_hierarchy(matrix: sp.csr_array) -> Any:
    """PyAMG's hierarchy of grids of an M-matrix."""
    import pyamg  # takes a second

    return pyamg.ruge_stuben_solver(sp.csr_matrix(matrix), max_coarse=100, coarse_solver="splu")


def free_system(
    volumes: Any, values: NDArray[np.float64], fixed: NDArray[np.bool_]
) -> tuple[sp.csr_array, NDArray[np.float64]]:
    """The matrix A, (f, f), and b, (f,), of A u = b on the f free nodes, row by row."""
    numbers = np.arange(values.size).reshape(values.shape)
    starts = [numbers.ravel()] * values.ndim
    ends = [np.roll(numbers, -1, axis).ravel() for axis in range(values.ndim)]
    one = np.concatenate([*starts, *ends])
    other = np.concatenate([*ends, *starts])
    coupling = np.concatenate([c.ravel() for c in volumes.couplings] * 2)
    free = ~fixed.ravel()
    count = int(free.sum())
    place = np.cumsum(free) - 1
    inner = free[one] & free[other] & (coupling > 0) & (one != other)
    off_diagonal = sp.coo_array(
        (-coupling[inner], (place[one[inner]], place[other[inner]])), shape=(count, count)
    )
    matrix = (off_diagonal + sp.diags_array(volumes.diagonal[~fixed])).tocsr()
    rim = free[one] & ~free[other]
    inflow = coupling[rim] * values.ravel()[other[rim]]
    return matrix, np.bincount(place[one[rim]], inflow, count).astype(np.float64)
