"""Two laws for the error against the size of the training set."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LARGEST_SLOPE, LARGEST_FLOOR, LARGEST_EXPONENT = 1000.0, 0.999, 4.0


@dataclass(frozen=True)
class Law:
    """A law that gives a positive error which does not increase with the size.

    Attributes:
        name: as in tables.
        shape: (x, *shape parameters) → error relative to that of the largest size, where x is the
            size relative to the largest.
        upper: upper limits of the shape parameters; the lower ones are 0.
        grid: smallest x → shape parameters to start a fit from, (candidates, parameters).
        parameters: (error of the largest size, largest size, *shape parameters) → those of the
            usual formula, by name.
    """

    name: str
    shape: Callable[..., Array]
    upper: tuple[float, ...]
    grid: Callable[[float], Array]
    parameters: Callable[..., dict[str, Array]]


def _logarithm(x: Array, slope: Array) -> Array:
    return 1 - slope * np.log(x)


def _power(x: Array, floor: Array, exponent: Array) -> Array:
    return floor + (1 - floor) * x ** (-exponent)


def _slopes(smallest: float) -> Array:
    largest = LARGEST_SLOPE * -np.log(smallest)  # error of the smallest size to that of the largest
    return np.concatenate([[0.0], np.geomspace(1e-3, largest, 200)])[:, None] / -np.log(smallest)


def _powers(_smallest: float) -> Array:
    exponents = np.concatenate([[0.0], np.geomspace(0.01, LARGEST_EXPONENT, 40)])
    floors = np.linspace(0, 0.99, 40)
    return np.stack(np.meshgrid(floors, exponents), axis=-1).reshape(-1, 2)


LOGARITHM = Law(  # a − b ln N
    name="logarithm",
    shape=_logarithm,
    upper=(LARGEST_SLOPE,),
    grid=_slopes,
    parameters=lambda error, size, slope: {
        "a": error * (1 + slope * np.log(size)),
        "b": error * slope,
    },
)
POWER = Law(  # floor + factor · N^(−exponent)
    name="power law",
    shape=_power,
    upper=(LARGEST_FLOOR, LARGEST_EXPONENT),
    grid=_powers,
    parameters=lambda error, size, floor, exponent: {
        "floor": error * floor,
        "factor": error * (1 - floor) * float(size) ** exponent,
        "exponent": exponent,
    },
)
