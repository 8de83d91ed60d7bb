"""A sparse-direct reference: the same lattice equations, factorised by SuperLU.

Slow and obviously right, it judges the exact solver in the tests and in the benchmarks.
"""

from typing import Unpack

import numpy as np
import scipy.sparse.linalg
from numpy.typing import NDArray

from diffkeras.physics.medium import Medium, MediumParts, as_medium
from diffkeras.physics.operators.finite_volumes import finite_volumes
from diffkeras.physics.problem import Problem


def solve_reference(
    source_image: NDArray,
    *,
    medium: Medium | None = None,
    fixed: NDArray[np.bool_] | None = None,
    **parts: Unpack[MediumParts],
) -> NDArray[np.float64]:
    """The steady state by `scipy.sparse.linalg.spsolve` on the free nodes.

    Args:
        source_image: (rows, columns), the values of the fixed nodes.
        medium: of any kind; or its parts as keywords, as for `solve`.
        fixed: (rows, columns), which nodes are fixed; by default those that are not 0.
        **parts: diffusivity, decay, step and boundary, in place of `medium`.

    Returns:
        The field, (rows, columns).

    Raises:
        PhysicsError: as `solve`.
    """
    problem = Problem.check(source_image, as_medium(medium, parts), fixed)
    field, free = problem.values.copy(), ~problem.fixed
    volumes = finite_volumes(problem.lattice, problem.medium)
    matrix, right_hand_side = volumes.free_system(field, problem.fixed)
    field[free] = 0.0
    if right_hand_side.any():
        field[free] = scipy.sparse.linalg.spsolve(matrix.tocsc(), right_hand_side)
    return field
