"""Random problems of every kind that is accepted, with their exact fields."""

import math
import re
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import scipy.sparse.linalg
from numpy.typing import NDArray

from diffkeras.physics import FixedFlux, FixedValue, Medium, Robin
from diffkeras.physics.arguments import LARGEST
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import finite_volumes
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.problem.sides import AxisSides, both_sides

BOUNDARIES = ("absorbing", "reflecting", "periodic")
REFINEMENTS = 60
EXACT = 1e-15  # relative to the largest value: far below every tolerance


@dataclass(frozen=True)
class RandomProblem:
    """A problem with its exact field.

    Attributes:
        exact: on the lattice in extended precision, relative to its largest |value|, `scale`.
        doubt: at most the error of `exact`.
    """

    medium: Medium
    image: NDArray[np.float64] | None
    fixed: NDArray[np.bool_] | None
    production: NDArray[np.float64] | None
    scale: float
    exact: NDArray[np.longdouble]
    doubt: float = 0.0

    @property
    def is_uniform(self) -> bool:
        """Whether transforms solve it: Robin sides change the decay next to them."""
        sides = (side for entry in self.medium.sides for side in both_sides(entry))
        return self.medium.is_uniform and not any(isinstance(side, Robin) for side in sides)

    def error(self, field: NDArray) -> float:
        """The largest error of a field on the free nodes, relative to `scale`."""
        if self.image is None:
            return float(self.errors(field).max())
        assert np.array_equal(field[self.fixed], self.image.astype(field.dtype)[self.fixed])
        return float(self.errors(field)[~self.fixed].max())

    def errors(self, field: NDArray) -> NDArray[np.longdouble]:
        """The error on every node, relative to `scale`."""
        return np.abs(field.astype(np.longdouble) / np.longdouble(self.scale) - self.exact)


LARGEST_SIDES = {2: [40, 24], 3: [11, 8]}  # by the number of dimensions, one more


def random_problem(
    seed: int | tuple[int, ...],
    *,
    produces: bool = False,
    dimensions: int = 2,
    lattice: tuple[int, ...] | None = None,
    medium: Medium | None = None,
) -> RandomProblem | None:
    """The problem of a seed, with a production or without, on a given lattice and medium or not.

    None if all its free nodes are 0, it has no solution, or its exact field isn't found.
    """
    rng = np.random.default_rng(seed)
    lattice = lattice or random_lattice(rng, dimensions)
    medium = medium or _medium(rng, lattice)
    fixed = _mask(rng, lattice)
    scale = float(10 ** rng.choice([0.0, 0.0, 0.0, rng.uniform(-18, 29)]))
    values = rng.choice(["uniform", "signs", "orders", "one"])
    image = {
        "uniform": rng.uniform(-1, 1, lattice),
        "signs": rng.choice([-1.0, 1.0], lattice),
        "orders": 10 ** rng.uniform(-12, 0, lattice),
        "one": np.ones(lattice),
    }[values]
    image = np.where(fixed, image * scale, 0.0)
    production = _production(rng, medium, lattice, scale) if produces else None
    closed = medium.is_closed and not np.any(medium.decay)
    if closed and not fixed.any():
        return None
    equations = Equations(Problem(image, medium=medium, fixed=fixed, production=production))
    if not equations.scale or fixed.all():
        return None
    exact = _exact(equations)
    if exact is None:
        return None
    largest = np.abs(exact).max(where=~fixed, initial=0.0)
    largest = max(largest, np.abs(equations.ring_values).max(initial=0.0))
    given = (image, fixed) if fixed.any() or production is None else (None, None)
    size = float(largest * equations.scale)
    exact = exact * np.longdouble(equations.scale) / np.longdouble(size)
    return RandomProblem(medium, *given, production, size, exact)


def random_lattice(rng: np.random.Generator, dimensions: int = 2) -> tuple[int, ...]:
    """Numbers of nodes of all axes."""
    side = LARGEST_SIDES[dimensions][int(rng.integers(2))]
    return tuple(int(n) for n in rng.integers(1, side, dimensions))


def any_prediction(problem: RandomProblem, rng: np.random.Generator) -> NDArray[np.float64]:
    """A prediction of the problem's field, from exact to meaningless."""
    exact = (problem.exact * problem.scale).astype(np.float64)
    noise = rng.standard_normal(exact.shape)
    kinds = {
        "close": exact * (1 + 1e-3 * noise),
        "noise": exact + 10 ** rng.uniform(-8, 1) * problem.scale * noise,
        "exact": exact,
        "zeros": 0 * exact,
        "huge": 1e30 * noise,
        "not finite": np.where(noise > 1, np.nan, np.where(noise < -1, np.inf, exact)),
    }
    return kinds[rng.choice(list(kinds))]


def promised(error: Exception) -> float:
    """The tolerance that a refinement in a graph names where the given one is too small."""
    found = re.search(r"smallest that can be promised is\]? \[?(inf|[\d.e+-]+)", str(error))
    assert found, str(error)
    return float(found[1])


def _production(
    rng: np.random.Generator, medium: Medium, lattice: tuple[int, ...], scale: float
) -> NDArray[np.float64]:
    """Of sizes that give fields from much smaller to much larger than the fixed values."""
    kind = rng.choice(["uniform", "noise", "few nodes", "balanced", "alternating"])
    shape = {
        "uniform": np.ones(lattice),
        "noise": rng.standard_normal(lattice),
        "few nodes": (rng.random(lattice) < 0.05) * rng.uniform(-0.2, 1, lattice),
        "balanced": rng.permutation(np.arange(np.prod(lattice)) * 1.0).reshape(lattice),
        "alternating": (-1.0) ** np.indices(lattice).sum(axis=0),
    }[kind]
    if kind == "balanced":
        shape = shape - np.flip(shape)
    size = np.clip(scale * 10 ** rng.choice([0.0, -3.0, rng.uniform(-12, 8)]), 1e-18, 1e18)
    return medium.unit * size * shape / max(np.abs(shape).max(), 1.0)


def random_walls(seed: int, dimensions: int = 2) -> RandomProblem | None:
    """A problem whose sides may differ, absorb or reflect, or have given values and fluxes."""
    rng = np.random.default_rng([seed, 2])
    lattice = random_lattice(rng, dimensions)
    medium = _medium(rng, lattice)
    size = 10 ** rng.uniform(-2, 2)
    flux = size * np.max(medium.diffusivities[0]) / medium.step
    medium = replace(medium, boundary=random_sides(rng, lattice, size, flux))
    options = {"produces": bool(rng.random() < 0.3), "dimensions": dimensions}
    return random_problem((seed, 3), lattice=lattice, medium=medium, **options)


def random_sides(
    rng: np.random.Generator, lattice: tuple[int, ...], value: float, flux: float
) -> tuple[AxisSides, ...]:
    """Sides of all kinds, with values and fluxes at most of the given sizes."""
    sides: list[AxisSides] = []
    for axis in range(len(lattice)):
        shape = lattice[:axis] + lattice[axis + 1 :]
        shares = [rng.uniform(-1, 1, shape), float(rng.uniform(0, 1))]
        pair = []
        for _ in range(2):
            share = shares[int(rng.integers(2))]
            exchange = np.clip(np.abs(share) * flux / value, 0.0, LARGEST)
            given = (
                FixedValue(share * value),
                FixedFlux(np.clip(share * flux, -LARGEST, LARGEST)),
                Robin(exchange, share * value),
            )
            pair.append(("absorbing", "reflecting", *given)[int(rng.integers(5))])
        sides.append("periodic" if rng.random() < 0.2 else (pair[0], pair[1]))
    return tuple(sides)


def _medium(rng: np.random.Generator, lattice: tuple[int, ...]) -> Medium:
    dimensions = len(lattice)
    boundary = tuple(rng.choice(BOUNDARIES, dimensions).tolist())
    step = float(10 ** rng.choice([0.0, 0.0, rng.uniform(-3, 3), rng.uniform(-20, 20)]))
    rate = float(10 ** rng.choice([0.0, 0.0, rng.uniform(-9, 9)]))
    decays = np.array([0.0, 1 / 400, 10 ** rng.uniform(-4, 1), 10 ** rng.uniform(-15, 9)])
    share = float(rng.choice(decays))  # γh²/D
    diffusivity: object = rate
    if rng.random() < 0.3:
        other = rate * 10 ** rng.uniform(-3, 3)
        diffusivity = (rate, other, rate)[:dimensions]
    if rng.random() < 0.4:
        decades = rng.choice([0.5, 3.0, 7.9])
        diffusivity = rate * 10 ** rng.uniform(-decades / 2, decades / 2, lattice)
        if rng.random() < 0.3:  # a wall that lets little pass
            diffusivity = np.full(lattice, rate)
            diffusivity[..., lattice[-1] // 2] *= 10 ** -rng.uniform(1, 8)
        if rng.random() < 0.5:
            share = share * rng.choice([0.0, 1.0], lattice)
    decay = share * np.max(diffusivity) / step**2
    return Medium(diffusivity, decay, step, boundary, dimensions)


def _mask(rng: np.random.Generator, lattice: tuple[int, ...]) -> NDArray[np.bool_]:
    fixed = rng.random(lattice) < rng.choice([0.0, 0.02, 0.2, 0.7])
    for _ in range(int(rng.integers(0, 3))):
        corner = rng.integers(0, lattice)
        sides = rng.integers(1, 8, len(lattice))
        fixed[tuple(map(slice, corner, corner + sides))] = True
    return fixed


def _exact(equations: Equations) -> NDArray[np.longdouble] | None:
    """The field over `equations.scale` by a sparse direct solve, refined in extended precision."""
    medium = equations.problem.medium.normalised()
    volumes = finite_volumes(equations.lattice, medium)
    free = ~equations.fixed
    values = equations.values.astype(np.longdouble) / np.longdouble(equations.scale)
    field = np.where(free, 0.0, values)
    matrix, _ = volumes.free_system(equations.values, equations.fixed)
    try:
        factors = scipy.sparse.linalg.splu(matrix.tocsc())
    except RuntimeError:  # singular to rounding
        return None
    sizes = []  # of the corrections, as shares of the field
    supply = np.longdouble(0.0) if equations.supply is None else equations.supply / equations.scale
    supply = np.broadcast_to(supply, equations.lattice)[free]
    decay = np.broadcast_to(medium.decay, equations.lattice)
    for _ in range(REFINEMENTS):
        residual = supply - volumes.apply(field)[free]
        largest = np.abs(residual).max() or np.longdouble(1.0)
        correction = factors.solve((residual / largest).astype(np.float64)) * largest
        if free.all() and medium.is_closed:
            # a slow decay determines the constant poorly, and the balance Σγu = Σs precisely
            lost = (decay * (field + correction.reshape(field.shape))).sum()
            correction += (math.fsum(supply.tolist()) - lost) / decay.sum(dtype=np.longdouble)
        field[free] += correction
        size = max(np.abs(field[free]).max(), np.abs(equations.ring_values).max(initial=0.0))
        sizes.append(float(np.abs(correction).max() / (size or 1.0)))
        if sizes[-1] < EXACT / 100:
            break
    # the corrections must fall geometrically for the last one to bound the error
    falling = all(later < earlier / 2 for earlier, later in pairwise(sizes))
    return field if sizes[-1] < EXACT / 100 and falling else None
