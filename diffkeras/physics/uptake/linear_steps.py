"""Approximate solutions of the linear steps, (A + d) x = b on the free nodes.

Conjugate gradients in single precision, preconditioned by a geometric multigrid cycle
(`block_cycles`). Where these take too many iterations, double precision and a V-cycle of algebraic
multigrid take over. Its hierarchy is set up once and used for other slopes d, too, while it serves.

The callers correct what single precision leaves.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.operators.finite_volumes import FiniteVolumes
from diffkeras.physics.solvers import block_cycles
from diffkeras.physics.solvers.block_cycles import (
    SINGLE,
    BlockCycle,
    Precondition,
    conjugate_gradients,
    norm,
)
from diffkeras.physics.uptake.equations import Equations

MOST_ALGEBRAIC = 100  # iterations of one step
OLD = 15  # iterations of one step, after which the hierarchy is set up again


class Goal(NamedTuple):
    """How small a residual shall be: in the Euclidean norm, or everywhere."""

    norm: float
    largest: float

    def is_met(self, residual: NDArray) -> bool:
        """Whether one of both is reached."""
        if norm(residual) <= self.norm:
            return True
        return self.largest > 0 and float(np.abs(residual).max()) <= self.largest


class LinearSteps:
    """The solver of all steps of one problem.

    Attributes:
        iterations: of conjugate gradients, so far.
    """

    def __init__(self, equations: Equations) -> None:
        self.iterations = 0
        self._free = equations.free
        self._volumes = equations.volumes.on(equations.free)
        self._blocks = BlockCycle(self._volumes)
        self._by_blocks = True
        self._slope: NDArray | float | None = None
        self._algebraic: Precondition | None = None

    def estimate(self, slope: NDArray | float, missed: NDArray) -> float:
        """About the largest |(A + d)⁻¹ F|, of F (rows, columns)."""
        size = float(np.abs(missed).max())
        if not size:
            return 0.0
        scaled = (missed / size).astype(np.float64)
        if self._by_blocks:
            self._take(slope)
            nearby = self._blocks(scaled.astype(SINGLE).ravel())
        else:
            nearby = (self._algebraic or self._set_up(slope))(scaled.ravel())
        return size * float(np.abs(nearby).max())

    def solve(
        self,
        slope: NDArray | float,
        right_hand_side: NDArray,
        reduction: float = 0.0,
        largest: float = 0.0,
    ) -> NDArray[np.float64]:
        """About (A + d)⁻¹ b, (rows, columns), 0 on the fixed nodes.

        Its residual is `reduction` times b in the Euclidean norm, or `largest` everywhere.

        Raises:
            ConvergenceError: the iterations don't converge.
        """
        size = float(np.abs(right_hand_side).max())
        solution: NDArray[np.float64] = np.zeros(right_hand_side.shape)
        if not size:
            return solution
        scaled = (right_hand_side / size).astype(np.float64)
        wanted = Goal(reduction * norm(scaled), largest / size)
        if self._by_blocks:
            self._take(slope)
            found, residual, iterations = conjugate_gradients(
                self._blocks.matrix,
                self._blocks,
                scaled.astype(SINGLE).ravel(),
                wanted.is_met,
                block_cycles.MOST_CYCLES,
            )
            self.iterations += iterations
            if wanted.is_met(residual):
                return found.reshape(solution.shape).astype(np.float64) * size
            self._by_blocks = False
        found = self._solve_algebraically(slope, scaled.ravel(), wanted)
        return found.reshape(solution.shape) * size

    def _take(self, slope: NDArray | float) -> None:
        """Use the cycle of these slopes."""
        if slope is not self._slope:
            self._blocks.add((slope * self._free).astype(np.float64))
            self._slope = slope

    def _solve_algebraically(
        self, slope: NDArray | float, right_hand_side: NDArray, wanted: Goal
    ) -> NDArray[np.float64]:
        """The same as `solve`, for b (n,) that is scaled already."""
        met, iterations = False, 0
        try:
            found, residual, iterations = conjugate_gradients(
                self._matrix(slope),
                self._algebraic or self._set_up(slope),
                right_hand_side,
                wanted.is_met,
                MOST_ALGEBRAIC,
            )
            met = wanted.is_met(residual)
        except RuntimeError:  # SuperLU's, for a singular matrix
            pass
        self.iterations += iterations
        if not met or iterations > OLD:
            self._algebraic = None
        if not met:
            self._by_blocks = True  # for other slopes
            raise ConvergenceError(
                f"conjugate gradients stopped after {self.iterations} iterations: diffusivity or "
                "uptake vary too much, or too little is lost; check the medium and the uptake"
            )
        return found

    def _matrix(self, slope: NDArray | float) -> sp.dia_array:
        """A + d in double precision, (n, n)."""
        drain = (self._volumes.drain + slope * self._free).astype(np.float64)
        return FiniteVolumes(self._volumes.couplings, drain).matrix(np.dtype(np.float64))

    def _set_up(self, slope: NDArray | float) -> Precondition:
        """A V-cycle of algebraic multigrid for these slopes."""
        import pyamg  # seconds to import, and few programs need it

        free = self._free.ravel()
        matrix = sp.csr_matrix(self._matrix(slope).tocsr()[free][:, free])
        # splu: the default, a pseudoinverse, drops the slowest modes of extreme media
        hierarchy = pyamg.ruge_stuben_solver(matrix, max_coarse=100, coarse_solver="splu")
        cycle = hierarchy.aspreconditioner()

        def precondition(residual: NDArray) -> NDArray:
            found = np.zeros(residual.shape)
            found[free] = cycle @ residual[free]
            return found

        self._algebraic = precondition
        return precondition
