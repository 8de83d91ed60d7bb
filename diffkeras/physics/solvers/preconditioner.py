"""From values on the ring to densities that nearly give them: the ring system's preconditioner.

`sparse_inverse` approximates G⁻¹ from the nodes nearby. Where the operator is deflated
(`spectral`), G₀ is the matrix of its Green's function, and the constant that is added to a field is
found apart.
The preconditioner is then that of the system whose densities sum to 0: the limit s → ∞ of the
inverse of G₀ + s·11ᵀ by the formula of Sherman & Morrison (1950).
"""

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.operators.ring import Ring
from diffkeras.physics.operators.spectral import SpectralOperator
from diffkeras.physics.solvers.sparse_inverse import SparseInverse


class RingPreconditioner:
    """M⁻¹, symmetric positive definite.

    Args:
        operator: the lattice operator.
        ring: the m nodes.
        bordered: approximate a deflated operator's G₀⁻¹ as it is, for the bordered system, and not
            the system in which densities sum to 0 (where M⁻¹ is semidefinite).
    """

    def __init__(self, operator: SpectralOperator, ring: Ring, *, bordered: bool = False) -> None:
        self._inverse = SparseInverse(operator, ring) if ring.size else None
        self._of_ones: NDArray[np.float64] | None = None
        if self._inverse and operator.deflated and not bordered:
            self._of_ones = self._inverse.apply(np.ones(ring.size))

    def __call__(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Densities (m,) for values (m,) on the ring, in the values' precision."""
        if self._inverse is None:
            return values.copy()
        densities = self._inverse.apply(values)
        if self._of_ones is not None:
            share = densities.sum() / self._of_ones.sum()
            densities -= (share * self._of_ones).astype(densities.dtype)
        return densities
