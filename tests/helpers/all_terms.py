"""Problems that have every term of the equations at once.

Each has fixed values, production, saturating uptake, a diffusivity and a decay that vary from node
to node, sides of every kind and a step.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics import (
    CappedUptake,
    FixedFlux,
    FixedValue,
    Medium,
    MichaelisMenten,
    Problem,
    Robin,
)

LONGEST = 6  # nodes along a side


@dataclass(frozen=True)
class Units:
    """By what times, lengths and concentrations are multiplied, which changes no field's shape."""

    rate: float
    step: float
    amount: float


def random_units(rng: np.random.Generator) -> Units:
    """Often 1, else any that occur."""
    rate, step, amount = (
        float(10 ** rng.choice([0.0, rng.uniform(low, high)]))
        for low, high in ((-9, 6), (-3, 3), (-12, 8))
    )
    return Units(rate, step, amount)


def random_all_sides(
    rng: np.random.Generator, lattice: tuple[int, ...], units: Units
) -> tuple[Any, ...]:
    """Robin or another given side somewhere, and periodic, absorbing and reflecting sides, too."""

    def number(shape: tuple[int, ...], low: float, high: float) -> Any:
        shape = shape if rng.random() < 0.5 else ()
        drawn = 10 ** rng.uniform(low, high, shape)
        return drawn if shape else float(drawn)

    def side(shape: tuple[int, ...], kind: int) -> Any:
        value = number(shape, -2, 0.5) * units.amount
        speed = units.rate * units.step  # D/h
        return (
            Robin(number(shape, -2, 2) * speed, value),
            FixedFlux(value * speed),
            FixedValue(value),
            "absorbing",
            "reflecting",
        )[kind]

    axes: list[Any] = []
    for axis in range(len(lattice)):
        shape = lattice[:axis] + lattice[axis + 1 :]
        axes.append((side(shape, rng.integers(5)), side(shape, rng.integers(5))))
    first = int(rng.integers(len(lattice)))
    shape = lattice[:first] + lattice[first + 1 :]
    axes[first] = (side(shape, 0), side(shape, int(rng.integers(1, 3))))
    if rng.random() < 0.5:
        axes[first - 1] = "periodic"
    return tuple(axes)


def random_maps(
    rng: np.random.Generator, lattice: tuple[int, ...], units: Units
) -> dict[str, NDArray[Any]]:
    """The maps of one problem: its image, fixed nodes, production, D, decay, v and K."""
    decades = rng.choice([0.0, 1.0, 4.0])
    image = np.where(rng.random(lattice) < rng.choice([0.1, 0.4]), rng.uniform(0.01, 1, lattice), 0)
    losing, cells = rng.random(lattice) < 0.8, rng.random(lattice) < 0.7
    reaction = units.rate * units.amount
    return {
        "source_images": image * units.amount,
        "fixed": image != 0,
        "production": (rng.random(lattice) < 0.5) * 10 ** rng.uniform(-4, 0, lattice) * reaction,
        "diffusivity": 10 ** rng.uniform(-decades / 2, decades / 2, lattice)
        * units.rate
        * units.step**2,
        "decay": losing * 10 ** rng.uniform(-5, 0, lattice) * units.rate,
        "uptake": cells * 10 ** rng.uniform(-3, 1, lattice) * reaction,
        "saturation": 10 ** rng.uniform(-2, 1, lattice) * units.amount,
    }


def problem_of(
    maps: dict[str, NDArray[Any]], sides: tuple[Any, ...], step: float, *, capped: bool = False
) -> Problem:
    """The problem of maps; `capped` has the uptake min(v, v u/K) in place of v u/(K + u)."""
    uptake: Any = MichaelisMenten(maps["uptake"], maps["saturation"])
    if capped:
        uptake = CappedUptake(maps["uptake"], maps["uptake"] / maps["saturation"])
    dimensions = len(np.shape(maps["decay"]))
    medium = Medium(maps["diffusivity"], maps["decay"], step, sides, dimensions)
    return Problem(
        maps["source_images"],
        fixed=maps["fixed"],
        production=maps["production"],
        uptake=uptake,
        medium=medium,
    )
