"""Algebraic multigrid by PyAMG, where the geometric cycle doesn't converge."""

from typing import Any

import scipy.sparse as sp


def ruge_stuben_hierarchy(matrix: sp.csr_array) -> Any:
    """The hierarchy of grids of an M-matrix (Ruge & Stüben 1987)."""
    import pyamg  # seconds to import, and few programs need it

    # splu: the default, a pseudoinverse, drops the slowest modes of extreme media
    return pyamg.ruge_stuben_solver(sp.csr_matrix(matrix), max_coarse=100, coarse_solver="splu")
