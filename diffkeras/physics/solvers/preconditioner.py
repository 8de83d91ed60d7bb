"""From values on the ring to densities that nearly give them: the ring system's preconditioner.

`sparse_inverse` approximates G⁻¹ from the nodes nearby. Where no axis absorbs, the mode of constant
fields has the same weight in every entry of G, however far apart the nodes are. There
G = G₀ + s·11ᵀ with the matrix G₀ of the deflated operator (`spectral`), which `sparse_inverse` does
approximate, and the formula of Sherman & Morrison (1950) gives the inverse. Where the operator
itself is deflated, the constant is found separately, and s → ∞ gives densities that sum to 0.
"""

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.operators.ring import Ring
from diffkeras.physics.operators.spectral import SpectralOperator, spectral_operator
from diffkeras.physics.solvers.sparse_inverse import SparseInverse


class RingPreconditioner:
    """M⁻¹, symmetric positive definite.

    With `bordered`, a deflated operator's G₀⁻¹ is approximated as it is, for the bordered system,
    and not the system in which densities sum to 0 (where M⁻¹ is semidefinite).
    """

    def __init__(self, operator: SpectralOperator, ring: Ring, *, bordered: bool = False) -> None:
        self._inverse: SparseInverse | None = None
        self._of_ones: NDArray[np.float64] | None = None
        if ring.size == 0:
            return
        if not operator.closed or (operator.deflated and bordered):
            self._inverse = SparseInverse(operator, ring)
            return
        others = spectral_operator(operator.lattice, operator.medium, deflate=True)
        self._inverse = SparseInverse(others, ring)
        self._of_ones = self._inverse.apply(np.ones(ring.size))
        inverse_weight = 0.0 if operator.deflated else others.inverse_weight
        self._share = 1 / (inverse_weight + self._of_ones.sum())

    def __call__(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Densities (m,) for values (m,) on the ring, in the values' precision."""
        if self._inverse is None:
            return values.copy()
        densities = self._inverse.apply(values)
        if self._of_ones is not None:
            densities -= (self._share * densities.sum() * self._of_ones).astype(densities.dtype)
        return densities
