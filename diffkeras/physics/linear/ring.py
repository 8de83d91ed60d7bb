"""The system of the ring, G q = c (`steady.uniform`): densities that give its nodes their values.

It is solved by Cholesky's method, or for large rings by conjugate gradients. The product G q is the
field of the densities q on their own nodes, by the lattice operator's inverse and without any
matrix. With the preconditioner five to thirty products suffice.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrs, spotrs

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.linear.cg import conjugate_gradients
from diffkeras.physics.linear.finite_volumes import Ring
from diffkeras.physics.linear.ring_preconditioner import RingPreconditioner
from diffkeras.physics.linear.spectral import SpectralOperator

MOST_ITERATIONS_A_PRECISION = 500
RING_REDUCTION = 1e-5  # what products with G in single precision leave of a residual


class RingSystem:
    """G q = c on the ring of a problem."""

    method: str  # its solver's name
    iterations = 0  # products with G so far; 0 for a factorisation

    def __init__(self, operator: SpectralOperator, ring: Ring) -> None:
        self._operator, self._ring = operator, ring
        self._of_ones: dict[np.dtype, NDArray[np.floating]] = {}

    def solve(
        self, values: NDArray[np.floating], tolerance: float
    ) -> tuple[NDArray[np.floating], float]:
        """Densities (m,) that give the ring its values (m,), and the constant of their field.

        The constant is 0 unless the operator is deflated. Then the pair solves the bordered system
        G q + μ1 = c, 1ᵀq = μ/s (`spectral`), where a singular operator has 1/s = 0.
        """
        densities = self._densities(values, tolerance)
        if not self._operator.is_deflated:
            return densities, 0.0
        # the answer to ones serves every later call
        if values.dtype not in self._of_ones:
            size = max(float(np.abs(values).max()), 1e-300)
            self._of_ones[values.dtype] = self._densities(np.ones_like(values), tolerance / size)
        return eliminate_constant(self._operator, densities, self._of_ones[values.dtype])

    def _densities(self, values: NDArray[np.floating], tolerance: float) -> NDArray[np.floating]:
        """G⁻¹c, (m,), with a residual of at most the tolerance."""
        raise NotImplementedError


def eliminate_constant(
    operator: SpectralOperator, of_values: NDArray[np.floating], of_ones: NDArray[np.floating]
) -> tuple[NDArray[np.floating], float]:
    """What `RingSystem.solve` returns for a deflated operator, by G⁻¹ of values and of ones."""
    constant = of_values.sum() / (of_ones.sum() + operator.inverse_weight)
    return of_values - constant * of_ones, float(constant)


class DenseRing(RingSystem):
    """By Cholesky's method, to any tolerance; a system that is singular to float32 gives NaN."""

    method = "ring"

    def __init__(self, operator: SpectralOperator, ring: Ring) -> None:
        super().__init__(operator, ring)
        self._factors: dict[np.dtype, NDArray[np.floating] | None] = {}

    def _densities(self, values: NDArray[np.floating], tolerance: float) -> NDArray[np.floating]:
        if values.dtype not in self._factors:
            factor, failed = self._operator.green_factor(self._ring.nodes, values.dtype)
            self._factors[values.dtype] = None if failed else factor
        known, is_single = self._factors[values.dtype], values.dtype == np.float32
        if known is None and is_single:
            return np.full_like(values, np.nan)
        if known is None:
            raise ConvergenceError(
                f"rounding hides what distinguishes the {self._ring.size} nodes on the rims of "
                'the fixed regions; take method="newton-cg"'
            )
        solved, _ = (spotrs if is_single else dpotrs)(known, values)
        return solved


class RingIteration(RingSystem):
    """By preconditioned conjugate gradients."""

    method = "ring-cg"

    def __init__(
        self, operator: SpectralOperator, ring: Ring, precondition: RingPreconditioner
    ) -> None:
        super().__init__(operator, ring)
        self._precondition = precondition
        self._left = {np.dtype(t): MOST_ITERATIONS_A_PRECISION for t in (np.float32, np.float64)}

    def solve(
        self, values: NDArray[np.floating], tolerance: float
    ) -> tuple[NDArray[np.floating], float]:
        """See `RingSystem`; in three dimensions in single precision, whose products take half."""
        size = largest(values)
        if len(self._operator.lattice) == 2 or values.dtype == np.float32 or not size:
            return super().solve(values, tolerance)
        single = (values / size).astype(np.float32)
        # the callers leave room for rounding, which the next correction sees here
        densities, constant = super().solve(single, max(2 * tolerance / size, RING_REDUCTION))
        return size * densities.astype(np.float64), size * constant

    def _densities(self, values: NDArray[np.floating], tolerance: float) -> NDArray[np.floating]:
        result = conjugate_gradients(
            lambda density: self._operator.product(self._ring.nodes, density),
            self._precondition,
            values,
            # the residual's maximum norm bounds the field's error, see `_field_of_values`
            lambda _, residual: largest(residual) <= tolerance,
            self._left[values.dtype],
        )
        self.iterations += result.iterations
        self._left[values.dtype] -= result.iterations
        return result.solution
