import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.linear.finite_volumes import Ring
from diffkeras.physics.linear.spectral import SpectralOperator


def green_matrix(operator: SpectralOperator, ring: Ring) -> NDArray[np.float64]:
    """G of a ring, (m, m), with its upper triangle."""
    lower = np.tril(operator.green_matrix(ring.nodes))
    return lower + np.tril(lower, -1).T
