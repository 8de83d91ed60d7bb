"""Baselines: fields of iterations on the lattice equation that stop at a residual, with no proof.

They solve A u = b on the free nodes (`finite_volumes`) by conjugate gradients (Hestenes & Stiefel
1952), from zeros, until ‖b − A u‖₂ is at most the tolerance times ‖b‖₂.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spl
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.medium import Medium
from diffkeras.physics.operators.blas_threads import blas_threads
from diffkeras.physics.operators.finite_volumes import finite_volumes
from diffkeras.physics.operators.spectral import spectral_operator
from diffkeras.physics.problem import Problem

MOST_ITERATIONS = 500


@blas_threads()
def pyamg_field(
    source_image: NDArray | None,
    tolerance: float,
    *,
    medium: Medium,
    production: NDArray | None = None,
) -> NDArray[np.float64]:
    """The field by PyAMG: conjugate gradients, a V-cycle of Ruge-Stüben multigrid before each step.

    Without fixed nodes in a uniform medium, all images share one hierarchy of grids. Otherwise the
    matrix is that of the image, and assembling it and setting the hierarchy up are part of the
    work.

    Args:
        source_image: (rows, columns), as for `solve`.
        tolerance: of the relative residual, 1e-6 or more.
        medium: of any kind.
        production: as for `solve`.

    Returns:
        (rows, columns), float64.

    Raises:
        PhysicsError: see `solve`.
    """
    problem = Problem(source_image, medium=medium, production=production)
    if problem.medium.is_uniform and not problem.fixed.any():
        hierarchy = _shared_hierarchy(problem.lattice, medium)
        sides = np.zeros(problem.values.size)
    else:
        matrix, sides = _free_system(problem)
        hierarchy = _hierarchy(matrix)
    found = hierarchy.solve(
        _with_supply(problem, sides), tol=tolerance, maxiter=MOST_ITERATIONS, accel="cg"
    )
    return _filled(problem, found)


@blas_threads()
def transform_cg_field(
    source_image: NDArray,
    tolerance: float,
    *,
    medium: Medium,
) -> NDArray[np.float64]:
    """The field by conjugate gradients with a transform pair before each step.

    The preconditioner is the inverse of the uniform medium with the mean diffusivity and decay,
    between the free nodes (Concus & Golub 1973 use such a solver for media that vary slowly).

    Args:
        source_image: (rows, columns), as for `solve`.
        tolerance: of the relative residual.
        medium: of any kind, isotropic.

    Returns:
        (rows, columns), float64.

    Raises:
        PhysicsError: see `solve`.
        ConvergenceError: after 500 steps.
    """
    problem = Problem(source_image, medium=medium)
    matrix, sides = _free_system(problem)
    free, normalised = ~problem.fixed, medium.normalised()
    mean = Medium(
        float(np.mean(normalised.diffusivities[0])),
        float(np.mean(normalised.decay)),
        normalised.step,
        normalised.boundary,
    )
    operator = spectral_operator(problem.lattice, mean)
    spread = np.zeros(problem.lattice)

    def precondition(residual: NDArray) -> NDArray:
        spread[free] = residual
        return operator.inverse(spread)[free]

    size = len(sides)
    solution, failed = spl.cg(
        sp.csr_matrix(matrix),
        sides,
        rtol=tolerance,
        maxiter=MOST_ITERATIONS,
        M=spl.LinearOperator((size, size), precondition),
    )
    if failed:
        raise ConvergenceError(f"conjugate gradients stopped after {MOST_ITERATIONS} steps")
    return _filled(problem, solution)


def _free_system(problem: Problem) -> tuple[sp.csr_array, NDArray[np.float64]]:
    volumes = finite_volumes(problem.lattice, problem.medium.normalised())
    return volumes.free_system(problem.values, problem.fixed)


def _with_supply(problem: Problem, sides: NDArray[np.float64]) -> NDArray[np.float64]:
    supply = problem.supply
    return sides if supply is None else sides + supply[~problem.fixed]


def _filled(problem: Problem, free_values: NDArray[np.float64]) -> NDArray[np.float64]:
    field = np.array(problem.values)
    field[~problem.fixed] = free_values
    return field


def _hierarchy(matrix: sp.csr_array) -> Any:
    import pyamg  # seconds to import, and few programs need it

    return pyamg.ruge_stuben_solver(sp.csr_matrix(matrix), max_coarse=100, coarse_solver="splu")


@lru_cache(maxsize=4)
def _shared_hierarchy(lattice: tuple[int, int], medium: Medium) -> Any:
    volumes = finite_volumes(lattice, medium.normalised())
    nothing = np.zeros(lattice)
    return _hierarchy(volumes.free_system(nothing, nothing != 0)[0])
