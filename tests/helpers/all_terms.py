"""Problems that have every term of the equations at once, and their fields in extended precision.

Each has fixed values, production, saturating uptake, a diffusivity and a decay that vary from node
to node, sides of every kind and a step. The equations are assembled here node by node, without the
package's operators, as a dense matrix of a small lattice.
"""

from dataclasses import dataclass
from itertools import pairwise
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
from diffkeras.physics.problem.sides import both_sides

LONGEST = 6  # nodes along a side
MOST_STEPS = 80
EPSILON = np.finfo(np.longdouble).eps


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


def reference(problem: Problem) -> tuple[NDArray[np.longdouble], float]:
    """The field, (rows, columns), and at most its error, by Newton's method with dense matrices.

    Steps are solved in double precision. What they leave is computed in extended precision, and
    corrected until it is rounding.
    """
    matrix, supply = assembled(problem)
    free, field = ~problem.fixed.ravel(), problem.values.astype(np.longdouble).ravel()
    if not free.any():
        return field.reshape(problem.lattice), 0.0
    field[free] = 0
    law = problem.uptake or MichaelisMenten(0.0, 1.0)  # where no free node has a cell
    maximum, half = (
        np.broadcast_to(part, problem.lattice).ravel().astype(np.longdouble)
        for part in law.parts.values()
    )
    before = np.inf
    for _ in range(MOST_STEPS):
        rate, slope = _uptake(law, maximum, half, field)
        remainder = (matrix @ field + rate - supply)[free]
        jacobian = matrix[np.ix_(free, free)] + np.diag(slope[free])
        scale = np.diag(jacobian)
        inverse = np.linalg.inv((jacobian / scale[:, None]).astype(np.float64))
        size = np.abs(remainder / scale).max() or np.longdouble(1)
        correction = inverse @ (remainder / scale / size).astype(np.float64) * size
        field[free] -= correction
        largest = np.abs(correction).max()
        if (
            largest <= 4 * EPSILON * np.abs(field).max()
            or largest >= before < 1e-12 * abs(field).max()
        ):
            break
        before = largest
    sizes = np.abs(matrix) @ np.abs(field) + np.abs(rate) + np.abs(supply)
    rounding = np.abs(inverse) @ (8 * EPSILON * sizes[free] / scale).astype(np.float64)
    return field.reshape(problem.lattice), float(4 * (rounding.max() + largest))


def _uptake(law: Any, maximum: NDArray, half: NDArray, field: NDArray) -> tuple[NDArray, NDArray]:
    """φ and its derivative; below 0 it goes on as its tangent at 0."""
    if isinstance(law, CappedUptake):
        is_capped = half * field >= maximum
        return np.where(is_capped, maximum, half * field), np.where(is_capped, 0, half)
    positive = np.maximum(field, 0)
    return maximum * field / (half + positive), maximum * half / (half + positive) ** 2


def assembled(problem: Problem) -> tuple[NDArray[np.longdouble], NDArray[np.longdouble]]:
    """A (nodes, nodes) and what production and sides supply, in the order of rows."""
    lattice, medium = problem.lattice, problem.medium
    number = np.arange(np.prod(lattice)).reshape(lattice)
    step = np.longdouble(medium.step)
    matrix = np.diag(np.broadcast_to(medium.decay, lattice).ravel().astype(np.longdouble))
    production = 0.0 if problem.production is None else problem.production
    supply = np.broadcast_to(production, lattice).ravel().astype(np.longdouble)

    def couple(one: NDArray, other: NDArray, diffusivity: NDArray) -> None:
        a, b = diffusivity.ravel()[one], diffusivity.ravel()[other]
        coupling = 2 * a * b / (a + b) / step**2
        for here, there in ((one, other), (other, one)):
            matrix[here, here] += coupling
            matrix[here, there] -= coupling

    for axis, sides in enumerate(medium.sides):
        diffusivity = np.broadcast_to(medium.diffusivities[axis], lattice).astype(np.longdouble)
        lines = np.moveaxis(number, axis, 0)
        for one, other in pairwise(lines):
            couple(one.ravel(), other.ravel(), diffusivity)
        if sides == "periodic":
            if len(lines) > 1:
                couple(lines[-1].ravel(), lines[0].ravel(), diffusivity)
            continue
        for side, nodes in zip(both_sides(sides), (lines[0], lines[-1]), strict=True):
            beside = diffusivity.ravel()[nodes]
            if isinstance(side, FixedValue) or side == "absorbing":
                value = getattr(side, "value", 0.0)
                drained, outside = beside / step**2, value
            elif isinstance(side, Robin):
                # α(u − u₀) and half a step of diffusion in series
                resistance = step / (2 * beside) + 1 / np.asarray(side.coefficient, np.longdouble)
                drained, outside = 1 / resistance / step, side.value
            elif isinstance(side, FixedFlux):
                supply[nodes] += np.asarray(side.flux, np.longdouble) / step
                continue
            else:
                continue
            matrix[nodes, nodes] += drained
            supply[nodes] += drained * outside
    return matrix, supply
