"""The steady state in a medium that varies from node to node, by algebraic multigrid.

There A is not diagonal in any fast transform's basis, and the ring system has no Green's table. The
finite-volume equations of the free nodes (`finite_volumes`) are an M-matrix, symmetric positive
definite: conjugate gradients, preconditioned by one V-cycle of Ruge-Stüben multigrid (Ruge & Stüben
1987; PyAMG, Bell, Olson & Schroder 2022), solve them in a number of iterations that hardly depends
on the lattice's size.

A small residual r = b − A u says little about the error where D varies over orders of magnitude. So
a second system, A w ≈ 1, is solved loosely. With A w > 0, the comparison principle for M-matrices
(Varga 2000, §3.5; Ciarlet 1970) gives, node by node,

    |u − A⁻¹b| ≤ β w,    β = max |r| / (A w),

and u is refined until that is within the tolerance. Both residuals are in extended precision, with
the row sums that the medium gives and not those of A's rounded diagonal, so that they are those of
the finite volumes (Alfa, Xue & Ye 2002 on why an M-matrix is known best by its row sums).
"""

import math

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.medium import Medium
from diffkeras.physics.operators.finite_volumes import FiniteVolumes, finite_volume_system
from diffkeras.physics.problem import check_problem
from diffkeras.physics.solution import Solution, SolveStatistics

MOST_ITERATIONS = 200
LEAST_SUPPLY = 0.1  # of A w, which is to be about 1
LEAST_REDUCTION = 1e-12  # of a residual, in one run of conjugate gradients


def solve_multigrid(
    medium: Medium,
    source_image: NDArray,
    *,
    fixed: NDArray[np.bool_] | None = None,
    tolerance: float = 1e-10,
) -> Solution:
    """The steady state in any medium, by multigrid.

    Args:
        medium: uniform, or of the source image's shape.
        source_image: (rows, columns), the values of the fixed nodes.
        fixed: as for `solve`.
        tolerance: largest error of the field, relative to the largest |value|.

    Returns:
        The field and its statistics: method "multigrid", no ring nodes, all iterations of conjugate
        gradients, and for the residual the proven bound of the error, relative to the largest
        |value|.

    Raises:
        PhysicsError: a medium of another shape than the source image, or what `solve` refuses.
        ConvergenceError: the tolerance was not met.
    """
    values, fixed = check_problem(source_image, fixed)
    scale = float(np.abs(values[fixed]).max(initial=0.0)) or 1.0
    system = finite_volume_system(values / scale, fixed, medium)
    field = values.copy()
    iterations, bound = 0, 0.0
    if system.right_hand_side.any():
        solution, iterations, bound = _multigrid(system, tolerance)
        field[~fixed] = solution * scale
    else:
        field[~fixed] = 0.0
    return Solution(field, SolveStatistics("multigrid", 0, iterations, bound))


class _ErrorBound:
    """β w ≥ |u − A⁻¹b| for the free nodes of a system, from residuals in extended precision."""

    def __init__(self, system: FiniteVolumes) -> None:
        self.right_hand_side = system.right_hand_side.astype(np.longdouble)
        self.coupling = -system.matrix.astype(np.longdouble)
        self.coupling.setdiag(0)
        self.coupling.eliminate_zeros()
        self.diagonal = system.drain.astype(np.longdouble) + self.coupling.sum(axis=1)
        self.barrier: NDArray[np.float64] = np.zeros(system.drain.size)
        self.supply = np.zeros(system.drain.size, np.longdouble)

    def apply(self, field: NDArray) -> NDArray[np.longdouble]:
        """A u of (f,)."""
        extended = field.astype(np.longdouble)
        return self.diagonal * extended - self.coupling @ extended

    def residual(self, field: NDArray[np.longdouble]) -> NDArray[np.longdouble]:
        """b − A u."""
        return self.right_hand_side - self.apply(field)

    def take_barrier(self, barrier: NDArray[np.float64]) -> bool:
        """Whether w will do, which it is then."""
        supply = self.apply(barrier)
        if not (np.isfinite(barrier).all() and supply.min() > LEAST_SUPPLY):
            return False
        self.barrier, self.supply = barrier, supply
        return True

    def of(self, residual: NDArray[np.longdouble]) -> float:
        """The largest β w."""
        return float((np.abs(residual) / self.supply).max()) * float(self.barrier.max())


def _multigrid(system: FiniteVolumes, tolerance: float) -> tuple[NDArray[np.float64], int, float]:
    """Solution, iterations, and the proven bound of its error.

    Raises:
        ConvergenceError: with both, where the bound stays above the tolerance.
    """
    import pyamg  # seconds to import, and few need it

    # splu: the default, a pseudoinverse, drops the slowest modes of extreme media
    hierarchy = pyamg.ruge_stuben_solver(
        sp.csr_matrix(system.matrix), max_coarse=100, coarse_solver="splu"
    )
    iterations = 0

    def improve(residual: NDArray[np.longdouble], reduction: float) -> NDArray[np.float64]:
        nonlocal iterations
        size = float(np.abs(residual).max())
        norms: list[float] = []
        correction = hierarchy.solve(
            (residual / size).astype(np.float64),
            tol=max(reduction, LEAST_REDUCTION),
            maxiter=max(MOST_ITERATIONS - iterations, 1),
            accel="cg",
            residuals=norms,
        )
        iterations += max(len(norms) - 1, 0)
        return correction * size

    bound = _ErrorBound(system)
    ones = np.ones(system.drain.size, np.longdouble)
    barrier = improve(ones, 1e-2)
    while not bound.take_barrier(barrier) and iterations < MOST_ITERATIONS:
        barrier += improve(ones - bound.apply(barrier), 1e-2)
    field = improve(bound.right_hand_side, tolerance / 4).astype(np.longdouble)
    reached, last = math.inf, math.inf
    while bound.supply.any() and iterations < MOST_ITERATIONS:
        residual = bound.residual(field)
        reached = bound.of(residual)
        if reached <= tolerance or not reached < last / 2:
            break
        last = reached
        field = field + improve(residual, tolerance / reached / 4)
    if not reached <= tolerance:
        raise ConvergenceError(_not_met(iterations, reached, tolerance))
    return field.astype(np.float64), iterations, reached


def _not_met(iterations: int, reached: float, tolerance: float) -> str:
    proven = (
        f"no error could be proven to be below {tolerance:g}"
        if not reached < 0.1
        else f"the error was proven to be below {reached:.1e} and not {tolerance:g}; ask for "
        f"{2 * reached:.0e} or more"
    )
    return (
        f"multigrid: after {iterations} iterations {proven}. The diffusivities vary too much, or "
        "decay is too slow"
    )
