"""The ring system by Cholesky's method: the solver for rings of up to some thousand nodes."""

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.equations.ring import Ring, ring_matrix
from diffkeras.physics.equations.spectral import SpectralOperator
from diffkeras.physics.solvers.ring_field import eliminate_constant


class DenseRing:
    """G q = c by a Cholesky factorisation, a `RingSystem`."""

    method = "ring"
    iterations = 0

    def __init__(self, operator: SpectralOperator, ring: Ring) -> None:
        self._operator = operator
        self._ring = ring

    def solve(
        self, values: NDArray[np.floating], tolerance: float = 0.0
    ) -> tuple[NDArray[np.floating], float]:
        """Densities (m,) and constant, see `RingSystem`; a system singular to float32 gives NaN."""
        single = values.dtype == np.float32
        posv = scipy.linalg.lapack.sposv if single else scipy.linalg.lapack.dposv
        right_hand_side = values[:, None]
        if self._operator.deflated:
            right_hand_side = np.stack((values, np.ones_like(values)), axis=1)
        # LAPACK reads columns first, to which the lower triangle is the upper one
        matrix = ring_matrix(self._operator, self._ring, values.dtype).T
        _, solved, info = posv(matrix, right_hand_side, lower=0, overwrite_a=True)
        if info > 0 and single:
            return np.full_like(values, np.nan), 0.0
        if info > 0:
            raise ConvergenceError(
                f"the ring system of {self._ring.size} nodes is not positive definite to rounding; "
                'take method="newton-cg"'
            )
        if not self._operator.deflated:
            return solved[:, 0], 0.0
        of_values, of_ones = solved.T
        return eliminate_constant(self._operator, of_values, of_ones)
