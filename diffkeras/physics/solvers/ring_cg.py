"""The ring system of a large ring, by preconditioned conjugate gradients.

The product G q is the field of the densities q on their own nodes, by the lattice operator's
inverse and without any matrix. With the preconditioner five to thirty products suffice.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.arguments import largest
from diffkeras.physics.equations.ring import Ring
from diffkeras.physics.equations.spectral import SpectralOperator
from diffkeras.physics.solvers.conjugate_gradients import conjugate_gradients
from diffkeras.physics.solvers.preconditioner import RingPreconditioner

MAX_ITERATIONS = 500  # in each precision
SINGLE_REDUCTION = 1e-5  # of a residual in single precision


@dataclass
class RingIteration:
    """Conjugate gradients on G q = c for one ring, a `RingSystem`.

    Attributes:
        operator: the lattice operator.
        ring: the m nodes.
        workers: threads of each transform.
        in_single: whether double precision is reached by corrections of solutions in single
            precision, whose products take half as long; the callers ask for them.
        method: its solver's name.
        iterations: products with G so far.
    """

    operator: SpectralOperator
    ring: Ring
    workers: int | None = None
    in_single: bool = False
    method: str = "ring-cg"
    iterations: int = 0

    def __post_init__(self) -> None:
        self._precondition = RingPreconditioner(self.operator, self.ring, bordered=True)
        self._of_ones: dict[np.dtype, NDArray[np.floating]] = {}
        self._left = {np.dtype(t): MAX_ITERATIONS for t in (np.float32, np.float64)}

    def solve(
        self, values: NDArray[np.floating], tolerance: float
    ) -> tuple[NDArray[np.floating], float]:
        """Densities (m,) and constant, see `RingSystem`."""
        size = float(np.abs(values).max())
        if self.in_single and values.dtype == np.float64 and size:
            single = (values / size).astype(np.float32)
            # the callers leave room for rounding, which the next correction sees here
            densities, constant = self.solve(single, max(2 * tolerance / size, SINGLE_REDUCTION))
            return size * densities.astype(np.float64), size * constant
        densities = self._conjugate_gradients(values, tolerance)
        if not self.operator.deflated:
            return densities, 0.0
        # the bordered system G q + μ1 = c, 1ᵀq = μ/s; the answer to 1 serves every later call
        if values.dtype not in self._of_ones:
            self._of_ones[values.dtype] = self._conjugate_gradients(
                np.ones_like(values), tolerance / max(float(np.abs(values).max()), 1e-300)
            )
        unit = self._of_ones[values.dtype]
        constant = densities.sum() / (unit.sum() + self.operator.inverse_weight)
        return densities - constant * unit, float(constant)

    def _conjugate_gradients(
        self, values: NDArray[np.floating], tolerance: float
    ) -> NDArray[np.floating]:
        """Solve G x = values from x = 0."""
        found = conjugate_gradients(
            lambda density: self.operator.product(self.ring.nodes, density, workers=self.workers),
            self._precondition,
            values,
            # the residual's maximum norm bounds the field's error, see `ring_field`
            lambda _, residual: largest(residual) <= tolerance,
            self._left[values.dtype],
        )
        self.iterations += found.iterations
        self._left[values.dtype] -= found.iterations
        return found.solution
