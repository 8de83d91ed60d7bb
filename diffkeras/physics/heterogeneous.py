"""The steady state in a medium that varies from node to node, by algebraic multigrid.

There A is not diagonal in any fast transform's basis, and the ring system has no Green's table. The
finite-volume equations of the free nodes (`finite_volumes`) are an M-matrix, symmetric positive
definite: conjugate gradients, preconditioned by one V-cycle of Ruge-Stüben multigrid (Ruge & Stüben
1987; PyAMG, Bell, Olson & Schroder 2022), solve them in a number of iterations that hardly depends
on the lattice's size.
"""

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import ConvergenceError, PhysicsError
from diffkeras.physics.arguments import check_number
from diffkeras.physics.finite_volumes import finite_volume_system
from diffkeras.physics.medium import BoundarySpec
from diffkeras.physics.solution import Solution, SolveStatistics
from diffkeras.physics.solve import check_problem

MOST_ITERATIONS = 200
SMALLEST_TOLERANCE = 1e-13  # as for `solve`; rounding allows little less


def is_heterogeneous(diffusivity: object, decay: object) -> bool:
    """Whether a medium varies from node to node, so that `solve_heterogeneous` must solve it.

    >>> is_heterogeneous((1.0, 2.0), 0.1), is_heterogeneous(np.ones((4, 4)), 0.1)
    (False, True)
    """
    parts = diffusivity if isinstance(diffusivity, tuple | list) else (diffusivity,)
    return any(isinstance(part, tuple | list) or np.ndim(part) > 0 for part in (*parts, decay))


def solve_heterogeneous(
    source_image: NDArray,
    *,
    diffusivity: ArrayLike | tuple[ArrayLike, ArrayLike] = 1.0,
    decay: ArrayLike = 1 / 400,
    step: float = 1.0,
    boundary: BoundarySpec = "absorbing",
    fixed: NDArray[np.bool_] | None = None,
    tolerance: float = 1e-10,
) -> Solution:
    """The steady state in a medium that varies, by multigrid; else as `solve`.

    Args:
        source_image: (rows, columns), the values of the fixed nodes.
        diffusivity: D > 0 [length²/time], (rows, columns) or a number; a tuple or list of two of
            them where it differs along the two axes.
        decay: γ ≥ 0 [1/time], (rows, columns) or a number.
        step, boundary, fixed: as for `solve`.
        tolerance: the residual's norm that is aimed at, over that of the right-hand side.

    Returns:
        The field and its statistics: method "multigrid", no ring nodes, iterations of conjugate
        gradients, and the residual relative to the right-hand side, in the Euclidean norm.

    Raises:
        PhysicsError: a medium out of its range or of another shape than the source image, a
            tolerance that is not positive or below what rounding allows, or what `solve` refuses.
        ConvergenceError: the tolerance was not met.
    """
    tolerance = check_number("tolerance", tolerance)
    if not tolerance >= SMALLEST_TOLERANCE:
        raise PhysicsError(
            f"a tolerance of {tolerance:g} can't be met by multigrid; "
            f"ask for {SMALLEST_TOLERANCE:g} or more"
        )
    values, fixed = check_problem(source_image, fixed)
    matrix, right_hand_side = finite_volume_system(
        values, fixed, diffusivity=diffusivity, decay=decay, step=step, boundary=boundary
    )
    field = np.where(fixed, values, 0.0)
    iterations, residual = 0, 0.0
    if right_hand_side.any():
        field[~fixed], iterations, residual = _multigrid(matrix, right_hand_side, tolerance)
    return Solution(field, SolveStatistics("multigrid", 0, iterations, residual))


def solve_heterogeneous_reference(
    source_image: NDArray,
    *,
    diffusivity: ArrayLike | tuple[ArrayLike, ArrayLike] = 1.0,
    decay: ArrayLike = 1 / 400,
    step: float = 1.0,
    boundary: BoundarySpec = "absorbing",
    fixed: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """The field of `solve_heterogeneous` by `scipy.sparse.linalg.spsolve`, to judge it."""
    values, fixed = check_problem(source_image, fixed)
    matrix, right_hand_side = finite_volume_system(
        values, fixed, diffusivity=diffusivity, decay=decay, step=step, boundary=boundary
    )
    field = np.where(fixed, values, 0.0)
    if right_hand_side.any():
        field[~fixed] = scipy.sparse.linalg.spsolve(matrix.tocsc(), right_hand_side)
    return field


def _multigrid(
    matrix: sp.csr_array, right_hand_side: NDArray[np.float64], tolerance: float
) -> tuple[NDArray[np.float64], int, float]:
    """Solution, iterations and relative residual.

    Raises:
        ConvergenceError: with both, where the residual stays above the tolerance.
    """
    import pyamg  # seconds to import, and few need it

    hierarchy = pyamg.ruge_stuben_solver(sp.csr_matrix(matrix), max_coarse=100)
    residuals: list[float] = []
    solution = hierarchy.solve(
        right_hand_side,
        tol=tolerance / 4,  # CG stops by its own recursion, which may flatter
        maxiter=MOST_ITERATIONS,
        accel="cg",
        residuals=residuals,
    )
    iterations = max(len(residuals) - 1, 0)
    left = np.linalg.norm(right_hand_side - matrix @ solution)
    residual = float(left / np.linalg.norm(right_hand_side))
    if not residual <= tolerance:
        raise ConvergenceError(
            f"multigrid reached a relative residual of {residual:.1e} in {iterations} iterations, "
            f"not the tolerance of {tolerance:g}; ask for a larger one"
        )
    return solution, iterations, residual
