"""From values on the ring to densities that nearly give them: the ring system's preconditioner.

`screening` approximates G⁻¹ from the nodes nearby, which leaves one thing out. Without an absorbing
boundary the mode of constant fields weighs 1/(γ·nodes) in every entry of G, however far apart the
nodes; where decay is slow, it outweighs all others. There M = G₀ + s·11ᵀ, with G₀ the Green's
function without decay and without that mode (`spectral`), which screening does approximate, and s
the mode's weight, inverted by the formula of Sherman & Morrison (1950). For a singular operator s
is infinite, and M⁻¹ gives densities that sum to 0.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.ring import Ring
from diffkeras.physics.screening import Screening
from diffkeras.physics.spectral import SpectralOperator, spectral_operator


class RingPreconditioner:
    """M⁻¹, symmetric positive definite (for a singular operator: semidefinite)."""

    def __init__(self, operator: SpectralOperator, ring: Ring) -> None:
        self._screening: Screening | None = None
        self._of_ones: NDArray[np.float64] | None = None
        if ring.size == 0:
            return
        if not constant_mode_rules(operator):
            self._screening = Screening(operator, ring)
            return
        decay, (rows, columns) = operator.medium.decay, operator.lattice
        without_decay = spectral_operator(operator.lattice, replace(operator.medium, decay=0.0))
        self._screening = Screening(without_decay, ring)
        self._of_ones = self._screening.apply(np.ones(ring.size))
        # the Green's function without decay counts the mode as if it had the next eigenvalue
        weight = (
            (1 / decay - 1 / least_curvature(operator)) / (rows * columns) if decay else math.inf
        )
        self._share = 1 / (1 / weight + self._of_ones.sum())

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Densities (m,) for values (m,) on the ring."""
        if self._screening is None:
            return values.copy()
        densities = self._screening.apply(values)
        if self._of_ones is not None:
            densities -= self._share * densities.sum() * self._of_ones
        return densities


def constant_mode_rules(operator: SpectralOperator) -> bool:
    """Whether the mode of constant fields outweighs all others in A⁻¹."""
    if any(axis.boundary == "absorbing" for axis in operator.axes):
        return False
    return operator.medium.decay < least_curvature(operator)


def least_curvature(operator: SpectralOperator) -> float:
    """The least positive eigenvalue of −D∇²_h [1/time]; infinite on a single node."""
    eigenvalues = np.concatenate(
        [
            coupling * axis.eigenvalues()
            for axis, coupling in zip(operator.axes, operator.couplings, strict=True)
        ]
    )
    return float(eigenvalues.min(where=eigenvalues > 0, initial=math.inf))
