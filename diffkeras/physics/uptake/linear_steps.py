"""Approximate solutions of the linear steps, (A + d) x = b on the free nodes.

Conjugate gradients (Hestenes & Stiefel 1952), preconditioned by one of two:

- the inverse of the uniform medium with the mean of γ + d, a pair of transforms in single
  precision, where the diffusivity is uniform (Concus & Golub 1973);
- a V-cycle of algebraic multigrid, where the diffusivity varies or the transforms took too many
  iterations. Its hierarchy is set up once and used for other slopes d, too, while it serves.

The callers correct what single precision leaves.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.medium import Medium
from diffkeras.physics.node_values import MOST_ANISOTROPIC
from diffkeras.physics.operators.finite_volumes import FiniteVolumes
from diffkeras.physics.operators.spectral import SpectralOperator
from diffkeras.physics.uptake.equations import Equations

MOST_TRANSFORMS = 120  # iterations of one step, after which multigrid takes over
MOST_CYCLES = 100
OLD = 15  # cycles of one step, after which the hierarchy is set up again
NEAR_ENOUGH = 0.1  # another mean, as a share: its operator serves as well
NO_DECAY = 1e-12  # of D/h²: a mean that is smaller doesn't count
FASTEST_MEAN = 1e10

Precondition = Callable[[NDArray], NDArray]


class Goal(NamedTuple):
    """How small a residual shall be: in the Euclidean norm, or everywhere."""

    norm: float
    largest: float

    def is_met(self, residual: NDArray) -> bool:
        """Whether one of both is reached."""
        if _norm(residual) <= self.norm:
            return True
        return self.largest > 0 and float(np.abs(residual).max()) <= self.largest


def takes_transforms(medium: Medium) -> bool:
    """Whether there is a uniform medium near this one: only the decay varies."""
    least, most = (
        [float(extreme(part)) for part in medium.diffusivities] for extreme in (np.min, np.max)
    )
    return least == most and max(most) <= MOST_ANISOTROPIC * min(most)


class LinearSteps:
    """The solver of all steps of one problem.

    Attributes:
        iterations: of conjugate gradients, so far.
    """

    def __init__(self, equations: Equations) -> None:
        self.iterations = 0
        self._equations = equations
        self._by_transforms = takes_transforms(equations.medium)
        self._near: tuple[float, Precondition] | None = None
        self._cycles: Precondition | None = None

    def estimate(self, slope: NDArray | float, missed: NDArray) -> float:
        """About the largest |(A + d)⁻¹ F|, of F (rows, columns)."""
        size = float(np.abs(missed).max())
        if not size:
            return 0.0
        scaled = (missed / size).astype(np.float64)
        if self._by_transforms:
            nearby = self._nearby(slope)(scaled.astype(np.float32))
        else:
            nearby = self._multigrid(slope)(scaled)
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
        wanted = Goal(reduction * _norm(scaled), largest / size)
        if self._by_transforms:
            found, met = self._run(
                slope, scaled.astype(np.float32), wanted, self._nearby(slope), MOST_TRANSFORMS
            )
            if met:
                return found.astype(np.float64) * size
            self._by_transforms = False
        before, met = self.iterations, False
        try:
            found, met = self._run(slope, scaled, wanted, self._multigrid(slope), MOST_CYCLES)
        except RuntimeError:  # SuperLU's, for a singular matrix
            found = solution
        if not met or self.iterations - before > OLD:
            self._cycles = None
        if not met:
            self._by_transforms = takes_transforms(self._equations.medium)  # for other slopes
            raise ConvergenceError(
                f"conjugate gradients stopped after {self.iterations} iterations: diffusivity or "
                "uptake vary too much, or too little is lost; check the medium and the uptake"
            )
        return found * size

    @np.errstate(over="ignore", invalid="ignore")  # an overflow ends it, without meeting the goal
    def _run(
        self,
        slope: NDArray | float,
        right_hand_side: NDArray,
        wanted: Goal,
        precondition: Precondition,
        most: int,
    ) -> tuple[NDArray, bool]:
        """The solution in b's precision, and whether the residual fell as far as asked."""
        dtype, volumes = right_hand_side.dtype, self._equations.volumes
        free = self._equations.free.astype(dtype)
        drain = ((volumes.drain + slope) * free).astype(dtype)
        couplings = tuple(coupling.astype(dtype) for coupling in volumes.couplings)
        operator = FiniteVolumes(couplings, drain)
        solution, direction = np.zeros_like(right_hand_side), np.zeros_like(right_hand_side)
        residual, energy = right_hand_side.copy(), 1.0
        for _ in range(most):
            if wanted.is_met(residual):
                return solution, True
            corrected = precondition(residual)
            energy, last = float(np.vdot(residual, corrected)), energy
            direction *= energy / last
            direction += corrected
            product = operator.apply(direction)
            product *= free
            curvature = float(np.vdot(direction, product))
            if not (energy > 0 and curvature > 0):  # rounding, or an overflow
                break
            solution += (energy / curvature) * direction
            residual -= (energy / curvature) * product
            self.iterations += 1
        return solution, wanted.is_met(residual)

    def _nearby(self, slope: NDArray | float) -> Precondition:
        """The inverse of the uniform medium with the mean of γ + d."""
        medium, free = self._equations.medium, self._equations.free
        mean = float(np.mean((medium.decay + slope) * free)) * free.size / max(free.sum(), 1)
        mean = min(mean, FASTEST_MEAN) if mean > NO_DECAY else 0.0
        if self._near is not None and abs(mean - self._near[0]) <= NEAR_ENOUGH * mean:
            return self._near[1]
        diffusivities = tuple(float(np.max(part)) for part in medium.diffusivities)
        uniform = replace(medium, diffusivity=diffusivities, decay=mean)
        operator = SpectralOperator(free.shape, uniform)
        mask = free.astype(np.float32)

        def precondition(residual: NDArray) -> NDArray:
            found = operator.inverse_by_transforms(residual)
            found *= mask
            return found

        self._near = mean, precondition
        return precondition

    def _multigrid(self, slope: NDArray | float) -> Precondition:
        """A V-cycle, of the hierarchy that there is or of a new one for these slopes."""
        if self._cycles is None:
            import pyamg  # seconds to import, and few programs need it

            equations, free = self._equations, self._equations.free
            drain = (equations.volumes.drain + slope).astype(np.float64)
            volumes = FiniteVolumes(equations.volumes.couplings, drain)
            matrix, _ = volumes.free_system(equations.problem.values, ~free)
            # splu: the default, a pseudoinverse, drops the slowest modes of extreme media
            hierarchy = pyamg.ruge_stuben_solver(
                sp.csr_matrix(matrix), max_coarse=100, coarse_solver="splu"
            )
            cycle = hierarchy.aspreconditioner()

            def precondition(residual: NDArray) -> NDArray:
                found = np.zeros(residual.shape)
                found[free] = cycle @ residual[free]
                return found

            self._cycles = precondition
        return self._cycles


def _norm(values: NDArray) -> float:
    return float(np.sqrt(np.vdot(values, values)))
