"""The ring system by Cholesky's method: the solver for rings of up to some thousand nodes."""

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.equations.ring import Ring
from diffkeras.physics.equations.spectral import SpectralOperator
from diffkeras.physics.solvers.ring_field import eliminate_constant


class DenseRing:
    """G q = c by a Cholesky factorisation, a `RingSystem`."""

    method = "ring"
    iterations = 0

    def __init__(self, operator: SpectralOperator, ring: Ring) -> None:
        self._operator = operator
        self._ring = ring
        self._factors: dict[np.dtype, NDArray[np.floating] | None] = {}

    def solve(
        self, values: NDArray[np.floating], tolerance: float
    ) -> tuple[NDArray[np.floating], float]:
        """Densities (m,) and constant, see `RingSystem`; the tolerance has no effect.

        A system that is singular to float32 gives NaN.
        """
        factor, is_single = self._factor(values.dtype), values.dtype == np.float32
        if factor is None and is_single:
            return np.full_like(values, np.nan), 0.0
        if factor is None:
            raise ConvergenceError(
                f"rounding hides what distinguishes the {self._ring.size} nodes on the rims of "
                'the fixed regions; take method="newton-cg"'
            )
        right_hand_side = values[:, None]
        if self._operator.is_deflated:
            right_hand_side = np.stack((values, np.ones_like(values)), axis=1)
        solve = scipy.linalg.lapack.spotrs if is_single else scipy.linalg.lapack.dpotrs
        solved, _ = solve(factor, right_hand_side, lower=0)
        if not self._operator.is_deflated:
            return solved[:, 0], 0.0
        of_values, of_ones = solved.T
        return eliminate_constant(self._operator, of_values, of_ones)

    def _factor(self, dtype: np.dtype) -> NDArray[np.floating] | None:
        """Cholesky's factor of G, (m, m); None if G is not positive definite to rounding."""
        if dtype not in self._factors:
            single = dtype == np.float32
            factorise = scipy.linalg.lapack.spotrf if single else scipy.linalg.lapack.dpotrf
            # LAPACK reads columns first, to which the lower triangle is the upper one
            matrix = self._operator.green_matrix(self._ring.nodes, dtype).T
            factor, failed = factorise(matrix, lower=0, overwrite_a=True, clean=False)
            self._factors[dtype] = None if failed else factor
        return self._factors[dtype]
