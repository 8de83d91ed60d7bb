"""Random problems with saturating uptake: all boundaries, media, sources and units."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from random_problems import RandomProblem, random_sides

from diffkeras.errors import ConvergenceError, PhysicsError
from diffkeras.physics import CappedUptake, FixedFlux, FixedValue, Medium, MichaelisMenten, solve

BOUNDARIES: list[Any] = [
    "absorbing",
    "reflecting",
    "periodic",
    ("periodic", "absorbing"),
    ("reflecting", "periodic"),
    (("absorbing", "reflecting"), "periodic"),
    ((FixedValue(2.0), "reflecting"), (FixedFlux(0.1), "absorbing")),
    ((FixedFlux(0.2), FixedFlux(0.0)), "reflecting"),
]


def random_tissue(
    rng: np.random.Generator, dimensions: int = 2, *, walls: bool = False
) -> tuple[NDArray, dict[str, Any]]:
    """A source image, and what else `solve` takes; nothing is negative but random walls.

    Args:
        rng: draws all.
        dimensions: 2 or 3.
        walls: whether each side is drawn, with values and fluxes of its nodes, and the step is.
    """
    lattice = tuple(rng.integers(1, {2: 13, 3: 7}[dimensions], dimensions))
    time, amount = 10.0 ** rng.choice([0, 0, -9, 6]), 10.0 ** rng.choice([0, 0, -12, 8])
    cells = rng.random(lattice) < rng.uniform(0.1, 1)
    maximum = np.where(cells, 10 ** rng.uniform(-3, 2, lattice), 0.0) * time * amount
    uptake: MichaelisMenten | CappedUptake
    if rng.random() < 0.3:
        uptake = CappedUptake(maximum, 10 ** rng.uniform(-2, 2, lattice) * time)
    else:
        uptake = MichaelisMenten(maximum, amount * 10 ** rng.uniform(-2, 1, lattice))
    released = rng.random() < 0.7
    fixed = rng.random(lattice) < (0.2 if not released or rng.random() < 0.5 else 0.0)
    uniform = rng.random() < 0.6
    options = {
        "uptake": uptake,
        "fixed": fixed,
        "boundary": _extended(BOUNDARIES[rng.integers(len(BOUNDARIES))], dimensions),
        "dimensions": dimensions,
        "diffusivity": time * (1.5 if uniform else 10 ** rng.uniform(-1, 1, lattice)),
        "decay": 0.0 if rng.random() < 0.3 else time * 10 ** rng.uniform(-4, 0),
    }
    if released:
        largest = 10 ** rng.uniform(-3, 1) * time * amount
        options["production"] = rng.uniform(0, largest, lattice)
    if walls:
        step = 10 ** rng.choice([0.0, rng.uniform(-3, 3)])
        value = amount * 10 ** rng.uniform(-2, 1)
        flux = time * step * value  # D/h is about time · step
        options["boundary"] = random_sides(rng, lattice, value, flux)
        options |= {"step": step, "diffusivity": options["diffusivity"] * step**2}
    return np.where(fixed, rng.uniform(0, 1, lattice), 0.0) * amount, options


def random_saturation(
    rng: np.random.Generator, medium: Medium, lattice: tuple[int, int]
) -> tuple[RandomProblem, dict[str, NDArray[np.float32]]] | None:
    """A tissue in a medium whose maps are given, and the other maps; None if it isn't solved.

    All values are those of float32.
    """
    amount = 10.0 ** rng.choice([0, 0, rng.uniform(-12, 8)])
    fixed = rng.random(lattice) < rng.choice([0.0, 0.02, 0.2, 0.7])
    cells = rng.random(lattice) < rng.choice([0.1, 0.5, 1.0])
    shape = lattice if rng.random() < 0.5 else (1, 1)
    released = (rng.random(lattice) < rng.choice([0.0, 0.1, 1.0])) * rng.random()
    image = np.where(fixed, rng.uniform(0.01, 1, lattice), 0) * amount
    maps = {
        "uptake": cells * 10 ** rng.uniform(-4, 2, shape) * medium.unit * amount,
        "saturation": 10 ** rng.uniform(-3, 1, shape) * np.ones(lattice) * amount,
        "production": released * 10 ** rng.uniform(-4, 0, lattice) * medium.unit * amount,
    }
    image, maps = image.astype(np.float32), {n: v.astype(np.float32) for n, v in maps.items()}
    uptake = MichaelisMenten(maps["uptake"], maps["saturation"])
    try:
        found = solve(
            image, medium=medium, uptake=uptake, production=maps["production"], tolerance=1e-9
        )
    except (ConvergenceError, PhysicsError):  # too little is lost
        return None
    scale = float(np.abs(found.field).max())
    if not scale or fixed.all():
        return None
    exact = found.field.astype(np.longdouble) / np.longdouble(scale)
    doubt = found.error_bound / scale
    problem = RandomProblem(medium, image, fixed, maps["production"], scale, exact, doubt)
    return problem, maps


def _extended(boundary: Any, dimensions: int) -> Any:
    """A boundary or a pair, for all axes."""
    return (*boundary, boundary[0])[:dimensions] if isinstance(boundary, tuple) else boundary
