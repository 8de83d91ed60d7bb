"""Random problems of every kind that is accepted, with their fields."""

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics import (
    CappedUptake,
    FixedFlux,
    FixedValue,
    Medium,
    MichaelisMenten,
    Problem,
    Robin,
)
from diffkeras.physics.arguments import LARGEST
from diffkeras.physics.problem.sides import AxisSides
from tests.helpers.plain_equations import reference

BOUNDARIES = ("absorbing", "reflecting", "periodic")
# terms that a problem has or may have, beside fixed values, diffusion and decay
TERMS = ("production", "sides", "maps", "uptake")
EXACT = 1e-15  # relative to the largest value: far below every tolerance
KNOWN = 1e-13  # fields that are less certain are left out
NO_SOLUTION = "there is no steady state|every constant solves|would grow without limit"


@dataclass(frozen=True)
class KnownProblem:
    """A problem with its exact field.

    Attributes:
        exact: in extended precision.
        doubt: at most the error of `exact`.
    """

    problem: Problem
    exact: NDArray[np.longdouble]
    doubt: float

    @classmethod
    def of(cls, problem: Problem) -> "KnownProblem | None":
        """None if all its nodes are 0 or fixed, or its field isn't found."""
        field, doubt = reference(problem)
        size = float(np.abs(field).max())
        if problem.fixed.all() or not size or not doubt <= KNOWN * size:
            return None
        return cls(problem, field, doubt + EXACT * size)

    @property
    def size(self) -> float:
        """The largest |value|."""
        return float(np.abs(self.exact).max())

    def errors(self, field: NDArray) -> NDArray[np.longdouble]:
        """On every node, at least; 0 where the reference may be wrong."""
        return np.maximum(np.abs(field.astype(np.longdouble) - self.exact) - self.doubt, 0)


def known_problem(seed: Any, **options: Any) -> KnownProblem | None:
    """The problem of a seed with its field; None if it has none, or it isn't found."""
    try:
        return KnownProblem.of(random_problem(seed, **options))
    except PhysicsError as error:
        if not re.search(NO_SOLUTION, str(error)):
            raise
        return None


@dataclass(frozen=True)
class Units:
    """A usual diffusivity, the step and a usual concentration."""

    diffusivity: float = 1.0
    step: float = 1.0
    amount: float = 1.0

    @classmethod
    def random(cls, rng: np.random.Generator, *, extreme: bool) -> "Units":
        """Often 1, else any that occur, or any that are accepted."""
        ranges = ((-9, 9), (-20, 20), (-18, 29)) if extreme else ((-9, 6), (-3, 3), (-12, 8))
        rate, step, amount = (
            float(10 ** rng.choice([0.0, 0.0, rng.uniform(*ends)])) for ends in ranges
        )
        return cls(rate if extreme else rate * step**2, step, amount)


def random_problem(seed: Any, **options: Any) -> Problem:
    """The problem of a seed; options are as for `random_arguments`.

    Raises:
        PhysicsError: if the problem has no solution.
    """
    return Problem(**random_arguments(seed, **options))


def random_arguments(
    seed: Any,
    *,
    terms: tuple[str, ...] = (),
    maybe: tuple[str, ...] = (),
    dimensions: int = 2,
    lattice: tuple[int, ...] | None = None,
    medium: Medium | None = None,
    units: Units | None = None,
    moderate: bool = False,
) -> dict[str, Any]:
    """The arguments of the problem of a seed, which may have no solution.

    Args:
        seed: of all draws, or their generator.
        terms: some of `TERMS`; "shapes" for fixed nodes in lines, shells or along
            sides, in a uniform medium.
        maybe: those that it has with a probability of a half.
        dimensions: 2 or 3.
        lattice: drawn by default, with up to 39 nodes a side; 12 with uptake, 6 if all moderate.
        medium: drawn by default.
        units: drawn by default, extreme ones where no uptake makes problems hard.
        moderate: factors of ten between numbers, positive values, and units of 1.
    """
    rng = np.random.default_rng(seed)
    terms = {*terms, *(term for term in maybe if rng.random() < 0.5)}
    saturates = "uptake" in terms
    small = saturates or moderate
    if lattice is None:
        lattice = random_lattice(rng, dimensions, small=small)
    if units is None:
        units = Units() if moderate else Units.random(rng, extreme=not saturates)
    if medium is None:
        medium = _medium(rng, lattice, units, terms, moderate)
    fixed = _shape(rng, lattice) if "shapes" in terms else _fixed(rng, lattice, moderate)
    values, production = _values(rng, lattice, moderate) * units.amount, None
    if "production" in terms or (small and not fixed.any()):
        if moderate:
            production = rng.uniform(0, 0.5, lattice) * medium.unit
        elif saturates:
            share = 10 ** rng.uniform(-3, 0) * (rng.random(lattice) < rng.choice([0.1, 1.0]))
            production = rng.uniform(0, share, lattice) * medium.unit * units.amount
        else:
            production = _production(rng, medium, lattice, units.amount)
    uptake = _uptake(rng, lattice, medium, units.amount, moderate) if saturates else None
    values = np.abs(values) if saturates else values
    return {
        "source_image": values * fixed,
        "fixed": fixed,
        "production": production,
        "uptake": uptake,
        "medium": medium,
    }


def moderate_problem(seed: int) -> Problem:
    """A small problem of any kind in two or three dimensions, of moderate contrasts."""
    dimensions = 3 if np.random.default_rng([seed, 1]).random() < 0.2 else 2
    return random_problem(seed, maybe=TERMS, dimensions=dimensions, moderate=True)


def random_lattice(
    rng: np.random.Generator, dimensions: int = 2, *, small: bool = False
) -> tuple[int, ...]:
    """Numbers of nodes of all axes, often few."""
    most = {(2, False): [40, 24], (3, False): [11, 8], (2, True): [7, 13], (3, True): [4, 7]}
    side = most[dimensions, small][int(rng.integers(2))]
    return tuple(int(n) for n in rng.integers(1, side, dimensions))


def any_prediction(rng: np.random.Generator, exact: NDArray[np.longdouble]) -> NDArray[np.float64]:
    """A prediction of a field, from exact to meaningless."""
    noise, size = rng.standard_normal(exact.shape), float(np.abs(exact).max())
    kinds = {
        "close": exact * (1 + 1e-3 * noise),
        "noise": exact + 10 ** rng.uniform(-8, 1) * size * noise,
        "exact": exact,
        "zeros": 0 * exact,
        "small": 1e-40 * noise,
        "huge": 1e30 * noise,
        "not finite": np.where(noise > 1, np.nan, np.where(noise < -1, np.inf, exact)),
    }
    return kinds[rng.choice(list(kinds))].astype(np.float64)


def promised(error: Exception) -> float:
    """The tolerance that a refinement in a graph names where the given one is too small."""
    found = re.search(r"smallest that can be promised is\]? \[?(inf|[\d.e+-]+)", str(error))
    assert found, str(error)
    return float(found[1])


def random_sides(
    rng: np.random.Generator, lattice: tuple[int, ...], units: Units, *, moderate: bool = False
) -> tuple[AxisSides, ...]:
    """Sides of all kinds, with values and fluxes at most of the units."""
    sides: list[AxisSides] = []
    least, speed = 0.0 if moderate else -1.0, units.diffusivity / units.step
    for axis in range(len(lattice)):
        shape = lattice[:axis] + lattice[axis + 1 :]
        pair: list[Any] = []
        for _ in range(2):
            share: Any = rng.uniform(least, 1, shape)
            if rng.random() < 0.5:
                share = float(rng.uniform(0, 1))
            exchange = 10 ** rng.uniform(-1 if moderate else -2, 0.5 if moderate else 2)
            exchange = np.clip(np.abs(share) * exchange * speed, 0.0, LARGEST)
            flux = np.clip(share * speed * units.amount, -LARGEST, LARGEST)
            value = share * units.amount
            given = FixedValue(value), FixedFlux(flux), Robin(exchange, value)
            pair.append(("absorbing", "reflecting", *given)[int(rng.integers(5))])
        sides.append("periodic" if rng.random() < 0.2 else (pair[0], pair[1]))
    return tuple(sides)


def random_maps(
    rng: np.random.Generator, lattice: tuple[int, ...], medium: Medium
) -> dict[str, NDArray[np.float64]]:
    """Diffusivities over up to eight decades, by nodes or regions, and decays that may be 0."""
    decades = rng.choice([0.0, 1.0, 3.0, 7.9])
    coarse = rng.uniform(-decades / 2, decades / 2, [-(-side // 5) for side in lattice])
    for axis, side in enumerate(lattice):
        coarse = np.repeat(coarse, 5, axis).take(range(side), axis)
    nodes = rng.uniform(-decades / 2, decades / 2, lattice)
    some = (rng.random(lattice) < 0.8) | (rng.random() < 0.5)
    decay = medium.decay * 10 ** rng.uniform(0, 2, lattice) * some
    logarithm = coarse if rng.random() < 0.5 else nodes
    return {"diffusivity": medium.diffusivities[0] * 10**logarithm, "decay": decay}


def _medium(
    rng: np.random.Generator,
    lattice: tuple[int, ...],
    units: Units,
    terms: set[str],
    moderate: bool,
) -> Medium:
    boundary: Any = tuple(rng.choice(BOUNDARIES, len(lattice)).tolist())
    if "sides" in terms:
        boundary = random_sides(rng, lattice, units, moderate=moderate)
    step = units.step * (rng.uniform(0.5, 2) if moderate else 1.0)
    rate, widest = units.diffusivity, 1.0 if moderate else 3.0
    share = rng.choice([0.0, 1 / 400, 10 ** rng.uniform(-4, 1), 10 ** rng.uniform(-15, 9)])
    if moderate or "uptake" in terms:
        share = 10 ** rng.uniform(-2, -0.3) if moderate or rng.random() < 0.7 else 0.0
    diffusivity: Any = rate
    kinds = ["uniform", "axes"] + ["nodes", "nodes", "wall"] * ("shapes" not in terms)
    kind = rng.choice(kinds)
    if "maps" in terms or (kind == "nodes" and not moderate):
        maps = random_maps(rng, lattice, Medium(rate, share * rate))
        diffusivity = maps["diffusivity"]
        share = share * maps["decay"] / max(maps["decay"].max(), 1e-300)
        if moderate:
            diffusivity = rate * 10 ** rng.uniform(-0.5, 0.5, lattice)
            share = np.max(share) * 10 ** rng.uniform(-1, 0, lattice)
    elif kind == "axes":
        diffusivity = tuple(rate * 10 ** rng.uniform(-widest / 2, widest / 2, len(lattice)))
    elif kind == "wall" and not moderate:  # it lets little pass
        diffusivity = np.full(lattice, rate)
        diffusivity[..., lattice[-1] // 2] *= 10 ** -rng.uniform(1, 7.9)
    decay = share * np.max(diffusivity) / step**2
    return Medium(diffusivity, decay, step, boundary)


def _fixed(rng: np.random.Generator, lattice: tuple[int, ...], moderate: bool) -> NDArray[np.bool_]:
    if moderate:
        return rng.random(lattice) < rng.choice([0.0, 0.1, 0.4])
    fixed = rng.random(lattice) < rng.choice([0.0, 0.02, 0.2, 0.7])
    for _ in range(int(rng.integers(0, 3))):
        corner = rng.integers(0, lattice)
        sides = rng.integers(1, 8, len(lattice))
        fixed[tuple(map(slice, corner, corner + sides))] = True
    return fixed


def _shape(rng: np.random.Generator, lattice: tuple[int, ...]) -> NDArray[np.bool_]:
    """Straight lines, a winding one, a shell around a source, or nodes along sides."""
    places, width = np.indices(lattice), rng.uniform(0.5, 2)
    first, last = places[0], places[-1]
    distance = np.linalg.norm(places.T - rng.uniform(0, lattice), axis=-1).T
    kinds = {
        "lines": first % int(rng.integers(2, 9)) == 0,
        "vessel": np.abs(last - rng.uniform(0, lattice[-1]) - 4 * np.sin(first / 3)) < width,
        "enclosed": (np.abs(distance - rng.uniform(3, 9)) < width) | (distance < 1),
        "edge": (first < width) | (last >= lattice[-1] - 2 * width),
    }
    return kinds[rng.choice(list(kinds))]


def _values(
    rng: np.random.Generator, lattice: tuple[int, ...], moderate: bool
) -> NDArray[np.float64]:
    kinds = {
        "uniform": rng.uniform(-1, 1, lattice),
        "signs": rng.choice([-1.0, 1.0], lattice),
        "orders": 10 ** rng.uniform(-12, 0, lattice),
        "one": np.ones(lattice),
    }
    return rng.uniform(0.2, 2, lattice) if moderate else kinds[rng.choice(list(kinds))]


def _production(
    rng: np.random.Generator, medium: Medium, lattice: tuple[int, ...], scale: float
) -> NDArray[np.float64]:
    """Of sizes that give fields from much smaller to much larger than the fixed values."""
    kinds = {
        "uniform": np.ones(lattice),
        "noise": rng.standard_normal(lattice),
        "few nodes": (rng.random(lattice) < 0.05) * rng.uniform(-0.2, 1, lattice),
        "balanced": rng.permutation(np.arange(math.prod(lattice)) * 1.0).reshape(lattice),
        "alternating": (-1.0) ** np.indices(lattice).sum(axis=0),
    }
    kind = rng.choice(list(kinds))
    shape = kinds[kind] - np.flip(kinds[kind]) * (kind == "balanced")
    size = np.clip(scale * 10 ** rng.choice([0.0, -3.0, rng.uniform(-12, 8)]), 1e-18, 1e18)
    return medium.unit * size * shape / max(np.abs(shape).max(), 1.0)


def _uptake(
    rng: np.random.Generator,
    lattice: tuple[int, ...],
    medium: Medium,
    amount: float,
    moderate: bool,
) -> MichaelisMenten | CappedUptake:
    """Of cells, or everywhere the same."""
    shape = () if rng.random() < 0.3 else lattice
    cells = (rng.random(shape) < rng.choice([0.1, 0.5, 1.0])) | moderate
    decades = (-2, 0) if moderate else (-3, 2)
    maximum = cells * 10 ** rng.uniform(*decades, shape) * medium.unit * amount
    constant = 10 ** rng.uniform(-1 if moderate else -2, 0.5, shape) * amount
    if rng.random() < 0.4:
        return CappedUptake(maximum, 10 ** rng.uniform(*decades, shape) * medium.unit)
    return MichaelisMenten(maximum, constant)
