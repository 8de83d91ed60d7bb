"""The ring system of a large ring, by preconditioned conjugate gradients.

The product G q is the field of the densities q on their own nodes, by the lattice operator's
inverse and without any matrix. With the preconditioner five to thirty products suffice.
"""

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.real_arrays import largest
from diffkeras.physics.solvers.linear_steps import conjugate_gradients
from diffkeras.physics.solvers.preconditioner import preconditioner_of
from diffkeras.physics.solvers.ring_field import eliminate_constant

MOST_ITERATIONS_A_PRECISION = 500
RING_REDUCTION = 1e-5  # what products with G in single precision leave of a residual


class RingIteration:
    """Conjugate gradients on G q = c, a `RingSystem`.

    Attributes:
        iterations: products with G so far.
    """

    method = "ring-cg"

    def __init__(self, equations: Equations, threads: int | None = None) -> None:
        """Of the equations' ring; `threads` are those of each transform."""
        self._operator, self._ring = equations.operator, equations.ring
        self._precondition = preconditioner_of(equations)
        self._threads = threads
        # double precision by corrections in single precision, whose products take half as long
        self._in_single = len(equations.lattice) == 3
        self.iterations = 0
        self._of_ones: dict[np.dtype, NDArray[np.floating]] = {}
        self._left = {np.dtype(t): MOST_ITERATIONS_A_PRECISION for t in (np.float32, np.float64)}

    def solve(
        self, values: NDArray[np.floating], tolerance: float
    ) -> tuple[NDArray[np.floating], float]:
        """Densities (m,) and constant, see `RingSystem`."""
        size = float(np.abs(values).max())
        if self._in_single and values.dtype == np.float64 and size:
            single = (values / size).astype(np.float32)
            # the callers leave room for rounding, which the next correction sees here
            densities, constant = self.solve(single, max(2 * tolerance / size, RING_REDUCTION))
            return size * densities.astype(np.float64), size * constant
        densities = self._conjugate_gradients(values, tolerance)
        if not self._operator.is_deflated:
            return densities, 0.0
        # the answer to ones serves every later call
        if values.dtype not in self._of_ones:
            self._of_ones[values.dtype] = self._conjugate_gradients(
                np.ones_like(values), tolerance / max(float(np.abs(values).max()), 1e-300)
            )
        return eliminate_constant(self._operator, densities, self._of_ones[values.dtype])

    def _conjugate_gradients(
        self, values: NDArray[np.floating], tolerance: float
    ) -> NDArray[np.floating]:
        """Solve G x = values from x = 0."""
        nodes, threads = self._ring.nodes, self._threads
        result = conjugate_gradients(
            lambda density: self._operator.product(nodes, density, threads=threads),
            self._precondition,
            values,
            # the residual's maximum norm bounds the field's error, see `ring_field`
            lambda _, residual: largest(residual) <= tolerance,
            self._left[values.dtype],
        )
        self.iterations += result.iterations
        self._left[values.dtype] -= result.iterations
        return result.solution
