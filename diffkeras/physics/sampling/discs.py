"""Random sources: discs or balls with random centres, radii and values."""

import math
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PackingError, PhysicsError
from diffkeras.physics.arguments import check_number, check_rng, check_sides, check_whole
from diffkeras.physics.problem.sources import Sources
from diffkeras.physics.sampling.placement import Placement, place

Radius = float | tuple[float, float]
ValueDistribution = (
    Literal["uniform", "constant"] | tuple[Literal["log_uniform", "scaled_uniform"], float]
)

RESTARTS = 100  # the most placements from scratch before sources count as not fitting
PLACEMENTS = 10_000  # the most discs in all of them: jammed counts of many discs hardly vary
LARGEST_RADIUS = 1e6  # lattice steps
UNIFORM = Placement()


def sample_sources(
    count: int,
    lattice: int | tuple[int, ...],
    *,
    radius: Radius = 5.0,
    placement: Placement = UNIFORM,
    values: ValueDistribution = "uniform",
    rng: int | np.random.Generator,
) -> Sources:
    """Random sources: inside the lattice, apart, one of them of value 1.

    Lattice, radius and values are as in arXiv 2302.03786. That discs don't overlap is a rule of
    diffkeras; the paper doesn't mention it, and its authors' program lets them overlap.

    Centres are placed one after another, each uniformly over the nodes that keep its disc inside
    the lattice and off the discs that are there (random sequential adsorption). "Inside" means that
    the whole disc lies between the outermost nodes, and discs that touch in a point count as
    overlapping. Radii are uniform over the range, larger discs are placed first. The other values
    are uniform on (0, 1].

    With `Placement(overlap=True)` each centre is drawn independently of the others, and the values
    of overlapping discs add in `Sources.image`.

    Args:
        count: number n ≥ 0 of discs.
        lattice: (rows, columns), or a side of a square; (planes, rows, columns) for balls, to which
            the same applies.
        radius: one radius [lattice steps], or a range (smallest, largest).
        placement: how centres are distributed: uniformly, in clusters, or near the edge.
        values: "uniform" on (0, 1], "constant" (all 1), ("log_uniform", smallest), or
            ("scaled_uniform", smallest): uniform on [smallest, 1], then divided by the largest.
        rng: a generator or a seed, the only source of randomness: the same state gives the same
            sources.

    Raises:
        PackingError: so many or so large discs don't fit; the message says how many do.
        PhysicsError: an argument of a wrong type or out of its range.

    Example:
        >>> sources = sample_sources(3, 64, rng=0)
        >>> sources.count, float(sources.values.max())
        (3, 1.0)
    """
    count, lattice = check_whole("the source count", count, 0), check_sides(lattice)
    smallest, largest = check_radius(radius)
    check_values(values)
    check_placement(placement)
    rng = check_rng(rng)
    if count == 0:
        none = Sources.from_lists([], [], [], [], [] if len(lattice) == 3 else None)
        return replace(none, lattice=lattice, overlap=placement.overlap)
    # the range decides, not the drawn radii, so that every draw of a range gives the same answer
    side = 2 * math.ceil(float(np.float32(largest))) + 1
    sides, what = "×".join(map(str, lattice)), "disc" if len(lattice) == 2 else "ball"
    if side > min(lattice):
        needed = "×".join([str(side)] * len(lattice))
        raise PackingError(
            f"a {what} of radius {largest:g} needs {needed} nodes and doesn't fit on "
            f"{sides}: 0 fit; choose a smaller radius or a larger lattice"
        )
    size = f"radius {smallest:g}" if smallest == largest else f"radii {smallest:g} to {largest:g}"
    nodes, most = math.prod(lattice), 0
    if count > nodes and not placement.overlap:
        raise PackingError(
            f"{count} {what}s of {size} don't fit on {sides} without overlap: at most {nodes} fit "
            "on as many nodes; choose fewer sources, or a larger lattice"
        )
    radii = np.full(count, smallest, dtype=np.float32)
    if largest > smallest:
        radii = np.sort(rng.uniform(smallest, largest, count).astype(np.float32))[::-1].copy()
    restarts = min(RESTARTS, 2 + PLACEMENTS // count)
    for _ in range(restarts):
        centres = place(radii, lattice, rng, placement)
        if len(centres) == count:
            break
        most = max(most, len(centres))
    else:
        raise PackingError(
            f"{count} {what}s of {size} don't fit on {sides} without overlap: at "
            f"most {most} fit in {restarts} random placements; choose fewer sources, a smaller "
            "radius or a larger lattice"
        )
    *planes, rows, columns = (i.copy() for i in np.array(centres, dtype=np.int32).T)
    drawn = _draw_values(values, count, rng)
    return Sources(rows, columns, radii, drawn, lattice, placement.overlap, *planes)


def check_radius(radius: Radius) -> tuple[float, float]:
    """The range (smallest, largest) that a radius stands for."""
    ends = tuple(radius) if isinstance(radius, tuple | list) else (radius, radius)
    pair = [check_number("radius", r) for r in ends[:3]]
    if len(pair) != 2 or not 0 <= pair[0] <= pair[1] <= LARGEST_RADIUS:
        raise PhysicsError(
            f"must be a number from 0 to {LARGEST_RADIUS:g} or a range (smallest, largest), not "
            f"{radius!r:.60}",
            "radius",
        )
    return pair[0], pair[1]


def check_values(values: ValueDistribution) -> None:
    """Raise a PhysicsError for an unknown distribution, or a smallest value out of (0, 1]."""
    if isinstance(values, tuple | list):
        named = len(values) == 2 and values[0] in ("log_uniform", "scaled_uniform")
        if named and 0 < check_number("the smallest value", values[1]) <= 1:
            return
    elif isinstance(values, str) and values in ("uniform", "constant"):
        return
    raise PhysicsError(
        "must be uniform, constant, (log_uniform, smallest) or (scaled_uniform, smallest) with a "
        f"smallest value in (0, 1], not {values!r:.60}",
        "values",
    )


def check_placement(placement: Placement) -> None:
    """Raise a PhysicsError for anything but a `Placement`."""
    if not isinstance(placement, Placement):
        raise PhysicsError(f"must be a Placement, not {placement!r:.60}", "placement")


def _draw_values(
    values: ValueDistribution, count: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Values of `count` discs, in (0, 1], one of them 1."""
    if isinstance(values, tuple | list):
        low, shares = float(np.float32(values[1])), rng.random(count)
        if values[0] == "scaled_uniform":
            uniform = low + (1 - low) * shares
            return (uniform / uniform.max()).astype(np.float32)
        drawn = (low**shares).astype(np.float32)
    elif values == "constant":
        return np.ones(count, dtype=np.float32)
    else:
        drawn = (1.0 - rng.random(count)).astype(np.float32)
    drawn[rng.integers(count)] = 1.0
    return drawn
