"""From values on the ring to densities that nearly give them: the ring system's preconditioner.

`screening` approximates G⁻¹ from the nodes nearby, which leaves one thing out. Without an absorbing
boundary the mode of constant fields weighs 1/(γ·nodes) in every entry of G, however far apart the
nodes; where decay is slow, it outweighs all others. There M = G₀ + s·11ᵀ, with G₀ the Green's
function without decay and without that mode (`spectral`), which screening does approximate, and s
the mode's weight, inverted by the formula of Sherman & Morrison (1950). Where the operator is
deflated, G₀ is its own and the constant is found apart: as s → ∞, M⁻¹ gives densities that sum
to 0.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.operators.spectral import SpectralOperator, spectral_operator
from diffkeras.physics.solvers.ring import Ring
from diffkeras.physics.solvers.sparse_inverse import Screening


class RingPreconditioner:
    """M⁻¹, symmetric positive definite.

    Args:
        operator: the lattice operator.
        ring: the m nodes.
        of_whole_system: take a deflated operator's G₀ as it is, and not the system in which
            densities sum to 0 (where M⁻¹ is semidefinite).
    """

    def __init__(
        self, operator: SpectralOperator, ring: Ring, *, of_whole_system: bool = False
    ) -> None:
        self._screening: Screening | None = None
        self._of_ones: NDArray[np.float64] | None = None
        if ring.size == 0:
            return
        if not constant_mode_rules(operator) or (operator.deflated and of_whole_system):
            self._screening = Screening(operator, ring)
            return
        inverse_weight, others = 0.0, operator
        if not operator.deflated:
            inverse_weight = operator.inverse_weight
            others = spectral_operator(operator.lattice, replace(operator.medium, decay=0.0))
        self._screening = Screening(others, ring)
        self._of_ones = self._screening.apply(np.ones(ring.size))
        self._share = 1 / (inverse_weight + self._of_ones.sum())

    def __call__(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Densities (m,) for values (m,) on the ring, in the values' precision."""
        if self._screening is None:
            return values.copy()
        densities = self._screening.apply(values)
        if self._of_ones is not None:
            densities -= (self._share * densities.sum() * self._of_ones).astype(densities.dtype)
        return densities


def constant_mode_rules(operator: SpectralOperator) -> bool:
    """Whether the mode of constant fields outweighs all others in A⁻¹."""
    if any(axis.boundary == "absorbing" for axis in operator.axes):
        return False
    return operator.decay < operator.least_curvature
