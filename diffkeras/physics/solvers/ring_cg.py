"""The ring system of a large ring, by preconditioned conjugate gradients.

The product G q is the field of the densities q on their own nodes: the lattice operator's inverse,
without any matrix. With `preconditioner` some five to thirty products do.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.operators.spectral import SpectralOperator
from diffkeras.physics.solvers.preconditioner import RingPreconditioner
from diffkeras.physics.solvers.ring import Ring

MAX_ITERATIONS = 500


@dataclass
class RingIteration:
    """Conjugate gradients on G q = c for one ring.

    Attributes:
        operator: the lattice operator.
        ring: the m nodes.
        workers: threads of each transform.
        iterations: products with G so far.
    """

    operator: SpectralOperator
    ring: Ring
    workers: int | None = None
    iterations: int = 0

    def __post_init__(self) -> None:
        self._precondition = RingPreconditioner(self.operator, self.ring, of_whole_system=True)

    def solve(
        self, values: NDArray[np.floating], tolerance: float
    ) -> tuple[NDArray[np.floating], float]:
        """Densities (m,) and constant, as `ring.solve_ring` gives them.

        Args:
            values: (m,), the values on the ring; their precision is the computation's.
            tolerance: largest |c − G q| to stop at, absolute.

        Returns:
            The best densities reached: whether they will do, their field shows.
        """
        densities = self._conjugate_gradients(values, tolerance)
        if not self.operator.deflated:
            return densities, 0.0
        # the bordered system G q + μ1 = c, 1ᵀq = μ/s; `_unit` serves every later call
        unit = self._unit(values.dtype, tolerance / max(float(np.abs(values).max()), 1e-300))
        constant = densities.sum() / (unit.sum() + self.operator.inverse_weight)
        return densities - constant * unit, float(constant)

    def _unit(self, dtype: np.dtype, tolerance: float) -> NDArray[np.floating]:
        if not hasattr(self, "_of_ones"):
            self._of_ones = self._conjugate_gradients(np.ones(self.ring.size, dtype), tolerance)
        return self._of_ones

    def _conjugate_gradients(
        self, values: NDArray[np.floating], tolerance: float
    ) -> NDArray[np.floating]:
        """Solve G x = values from x = 0 (Hestenes & Stiefel 1952)."""
        solution = np.zeros_like(values)
        residual = values.copy()
        direction, energy = np.zeros_like(values), 1.0
        while self.iterations < MAX_ITERATIONS:
            # the residual's maximum norm is the field's error bound: see `solve`
            if np.abs(residual).max() <= tolerance:
                break
            corrected = self._precondition(residual)
            energy, last = float(residual @ corrected), energy
            if not energy > 0:
                break
            direction = corrected + (energy / last) * direction
            product = self.operator.product(self.ring.nodes, direction, workers=self.workers)
            curvature = float(direction @ product)
            if not curvature > 0:  # all of it is rounding
                break
            step = energy / curvature
            solution += step * direction
            residual -= step * product
            self.iterations += 1
        return solution
