"""Strong preconditioners in double precision: factors where they are small, algebraic multigrid.

SuperLU factorises with minimum degree (Li 2005). On larger lattices a V-cycle of algebraic
multigrid takes its place (Ruge & Stüben 1987).
"""

import math
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from diffkeras.physics.linear.cg import Function

MOST_DIRECT_COST = 1e8  # eight seconds and 1.4 GB for 1024×1024 nodes, 3 s for 33×33×33


def strong_preconditioner(matrix: sp.dia_array, free: NDArray[np.bool_]) -> Function:
    """r ↦ about A⁻¹r, (n,), of a matrix (n, n) on the free nodes of a lattice; 0 on the others.

    Raises:
        RuntimeError: the matrix is singular to SuperLU.
    """
    from scipy.sparse.linalg import splu  # `solve` doesn't wait for its import

    nodes = free.ravel()
    own = matrix.tocsr()[nodes][:, nodes]
    if has_factors(free.shape):
        # as the matrix is an M-matrix, elimination needs no pivots
        inverse = splu(
            own.tocsc(), "MMD_AT_PLUS_A", diag_pivot_thresh=0, options={"SymmetricMode": True}
        ).solve
    else:
        inverse = ruge_stuben_hierarchy(own).aspreconditioner().matvec

    def precondition(residual: NDArray) -> NDArray:
        result = np.zeros(residual.shape)
        result[nodes] = inverse(residual[nodes])
        return result

    return precondition


def has_factors(lattice: tuple[int, ...]) -> bool:
    """Whether the factors of a lattice's equations are small enough."""
    return direct_cost(lattice) <= MOST_DIRECT_COST


def direct_cost(lattice: tuple[int, ...]) -> float:
    """About the entries of the factors of a lattice's equations, up to 1.5 times as many.

    In two dimensions they grow as n log n (George 1973). In three, where each takes more time, it
    is two to five times as many. SuperLU's minimum degree was measured on 1,000 to 1,000,000 nodes.
    """
    shortest, *others = sorted(lattice)
    per_node = 8 * math.log2(shortest) if len(lattice) == 2 else 2 * shortest * others[0]
    return math.prod(lattice) * (4 + per_node)


def ruge_stuben_hierarchy(matrix: sp.csr_array) -> Any:
    """PyAMG's hierarchy of grids of an M-matrix."""
    import pyamg  # seconds to import, and few programs need it

    # splu: the default, a pseudoinverse, drops the slowest modes of extreme media
    return pyamg.ruge_stuben_solver(sp.csr_matrix(matrix), max_coarse=100, coarse_solver="splu")
