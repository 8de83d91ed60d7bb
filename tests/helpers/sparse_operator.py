"""The lattice operator as a sparse matrix, assembled in the obvious way; direct solutions."""

import math
from typing import Unpack

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg
from numpy.typing import NDArray

from diffkeras.physics.equations.axis import Axis
from diffkeras.physics.equations.equations import Ring
from diffkeras.physics.equations.finite_volumes import finite_volumes
from diffkeras.physics.equations.spectral import SpectralOperator, spectral_operator
from diffkeras.physics.problem.keywords import MediumKeywords
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.problem import Problem


def second_difference(axis: Axis) -> sp.csr_array:
    """−δ² of one axis, (nodes, nodes)."""
    n = axis.nodes
    matrix = sp.diags_array([2.0, -1.0, -1.0], offsets=[0, 1, -1], shape=(n, n)).tolil()
    for end, other, side in zip((0, -1), (-1, 0), axis.sides, strict=True):
        if side != "absorbing":  # the ghost node has the value of the node itself, or the last one
            matrix[end, end if side == "reflecting" else other] -= 1.0
    return matrix.tocsr()


def sparse_operator(lattice: tuple[int, ...], medium: Medium) -> sp.csr_array:
    """A = −D∇²_h + γ on all nodes in row-major order, (nodes, nodes)."""
    operator = spectral_operator(lattice, medium)
    matrix = operator.decay * sp.eye_array(math.prod(lattice), format="csr")
    for position, axis in enumerate(operator.axes):
        before, after = math.prod(lattice[:position]), math.prod(lattice[position + 1 :])
        along = sp.kron(sp.kron(sp.eye_array(before), second_difference(axis)), sp.eye_array(after))
        matrix = matrix + operator.couplings[position] * along
    return matrix.tocsr()


def green_matrix(operator: SpectralOperator, ring: Ring) -> NDArray[np.float64]:
    """G of a ring, (m, m), with its upper triangle."""
    lower = np.tril(operator.green_matrix(ring.nodes))
    return lower + np.tril(lower, -1).T


def free_system(
    source_image: NDArray, fixed: NDArray[np.bool_], medium: Medium
) -> tuple[sp.csr_array, NDArray[np.float64]]:
    """The equations of the free nodes: matrix (f, f) and right-hand side (f,), row-major order."""
    matrix = sparse_operator(fixed.shape, medium)
    free = np.flatnonzero(~fixed)
    held = np.flatnonzero(fixed)
    rows = matrix[free]
    right_hand_side = -(rows[:, held] @ source_image.ravel()[held].astype(np.float64))
    return rows[:, free].tocsr(), right_hand_side


def solve_reference(
    source_image: NDArray | None = None,
    *,
    medium: Medium | None = None,
    fixed: NDArray[np.bool_] | None = None,
    production: NDArray | None = None,
    **parts: Unpack[MediumKeywords],
) -> NDArray[np.float64]:
    """The steady state by `scipy.sparse.linalg.spsolve` on the free nodes.

    Args:
        source_image: (rows, columns), the values of the fixed nodes; None if none is fixed.
        medium: of any kind; or its parts as keywords, as for `solve`.
        fixed: (rows, columns), which nodes are fixed; by default those that are not 0.
        production: (rows, columns), on the free nodes.
        **parts: diffusivity, decay, step and boundary, in place of `medium`.

    Returns:
        The field, (rows, columns).

    Raises:
        PhysicsError: as `solve`.
    """
    problem = Problem(
        source_image, medium=Medium.of(medium, parts), fixed=fixed, production=production
    ).homogeneous
    field, free = problem.values.copy(), ~problem.fixed
    volumes = finite_volumes(problem.lattice, problem.medium)
    matrix, right_hand_side = volumes.free_system(field, problem.fixed)
    field[free] = 0.0
    if problem.production is not None:
        right_hand_side += problem.production[free]
    if right_hand_side.any():
        field[free] = scipy.sparse.linalg.spsolve(matrix.tocsc(), right_hand_side)
    return field
