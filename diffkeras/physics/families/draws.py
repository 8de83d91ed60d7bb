"""Points that fill the ranges of a family evenly."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from diffkeras.physics.families.parameters import Parameter

METHODS = ("sobol", "latin_hypercube")
MOST_DRAWN = 1 << 24


def unit_points(count: int, size: int, seed: int, method: str) -> NDArray[np.float64]:
    """Points in the unit cube, (count, size), by one of `METHODS`."""
    rng = np.random.default_rng(seed)
    if method == "latin_hypercube":
        return qmc.LatinHypercube(size, rng=rng).random(count)
    # a power of 2 keeps the points balanced; the first ones of a sequence are one, too
    return qmc.Sobol(size, rng=rng).random_base2((count - 1).bit_length())[:count]


def in_ranges(unit: NDArray[np.float64], parameters: Sequence[Parameter]) -> NDArray[np.float64]:
    """Points (…, p) of a family from points in the unit cube, even in the logarithm or the number.

    Args:
        unit: (…, p).
        parameters: of the family, (p).
    """
    low = np.array([parameter.low for parameter in parameters])
    high = np.array([parameter.high for parameter in parameters])
    is_logarithmic = np.array([parameter.is_logarithmic for parameter in parameters])
    linear = low + unit * (high - low)
    start, end = (np.where(is_logarithmic, each, 1.0) for each in (low, high))
    powers = start * (end / start) ** unit
    return np.clip(np.where(is_logarithmic, powers, linear), low, high)
