"""Random sources: discs or balls with random centres, radii and values.

Centres are proposed one at a time. Unless discs may overlap, one is drawn again if its disc would
overlap another (random sequential adsorption). If proposals keep failing, the permitted centres are
listed and one of them is drawn with the same probabilities, so that no placement loops without end.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PackingError, PhysicsError
from diffkeras.physics.arguments import (
    check_choice,
    check_number,
    check_positive,
    check_rng,
    check_sides,
    check_truth,
    check_whole,
    check_within,
)
from diffkeras.physics.problem.sources import LARGEST_PLACE, Sources

Radius = float | tuple[float, float]
ValueDistribution = (
    Literal["uniform", "constant"] | tuple[Literal["log_uniform", "scaled_uniform"], float]
)

RESTARTS = 100  # the most placements from scratch before sources count as not fitting
PLACEMENTS = 10_000  # the most discs in all of them: jammed counts of many discs hardly vary
LARGEST_RADIUS = 1e6  # lattice steps
MOST_CLUSTERS = 100_000
QUICK_TRIES = 50  # draws for one disc before the permitted centres are listed instead

PlacementKind = Literal["uniform", "clustered", "edge"]
Node = tuple[int, ...]
Box = tuple[tuple[int, int], ...]  # of permitted centres: first, and one beyond the last


@dataclass(frozen=True)
class Placement:
    """How centres are distributed over the lattice.

    Attributes:
        kind: "uniform" over the permitted centres; "clustered", normally distributed around
            `clusters` points that are uniform themselves; "edge", uniform over the centres whose
            disc keeps at most `margin` from the lattice's edge.
        clusters: number of points that clustered discs gather around.
        spread: standard deviation of a cluster along each axis [lattice steps].
        margin: largest distance of an edge disc's rim from the edge [lattice steps].
        overlap: whether discs may overlap; only for sources that produce.

    Raises:
        PhysicsError: an unknown kind, or a parameter out of its range.
    """

    kind: PlacementKind = "uniform"
    clusters: int = 1
    spread: float = 20.0
    margin: float = 10.0
    overlap: bool = False

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, get_args(PlacementKind))
        check_truth("overlap", self.overlap)
        check_whole("clusters", self.clusters, 1, MOST_CLUSTERS)
        spread = check_positive("spread", check_within("spread", self.spread, 0, LARGEST_PLACE))
        margin = check_within("margin", self.margin, 0, LARGEST_PLACE)
        # one spelling of each number, as its text is part of a dataset's name: no 20
        object.__setattr__(self, "spread", spread)
        object.__setattr__(self, "margin", margin)


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
    diffkeras; the paper's authors let them overlap.

    Centres are placed one after another, each uniformly over the nodes that keep its whole disc
    between the outermost nodes and off the discs that are there, also in a point (random sequential
    adsorption). Radii are uniform over the range, larger discs are placed first. The other values
    are uniform on (0, 1]. With `Placement(overlap=True)` each centre is drawn independently, and
    the values of overlapping discs add in `Sources.image`.

    Args:
        count: number n ≥ 0 of discs.
        lattice: (rows, columns), or a side of a square; (planes, rows, columns) for balls.
        radius: one radius [lattice steps], or a range (smallest, largest).
        placement: how centres are distributed: uniformly, in clusters, or near the edge.
        values: "uniform" on (0, 1], "constant" (all 1), ("log_uniform", smallest), or
            ("scaled_uniform", smallest): uniform on [smallest, 1], then divided by the largest.
        rng: a generator or a seed, the only source of randomness.

    Raises:
        PackingError: so many or so large discs don't fit; the message says how many do.
        PhysicsError: an argument of a wrong type or out of its range.

    Example:
        >>> sources = sample_sources(3, 64, rng=0)
        >>> sources.count, float(sources.values.max())
        (3, 1.0)
    """
    count, lattice = check_whole("the source count", count, 0), check_sides(lattice)
    smallest, largest = check_distribution(radius, values, placement)
    rng = check_rng(rng)
    if count == 0:
        none = Sources.from_lists([], [], [], [], [] if len(lattice) == 3 else None)
        return replace(none, lattice=lattice, overlap=placement.overlap)
    sides, what = "×".join(map(str, lattice)), "disc" if len(lattice) == 2 else "ball"
    size = f"radius {smallest:g}" if smallest == largest else f"radii {smallest:g} to {largest:g}"
    wanted, instead = f"{count} {what}s of {size} don't fit on {sides}", "choose fewer sources"
    # the range decides, not the drawn radii, so that every draw of a range gives the same answer
    side = 2 * math.ceil(float(np.float32(largest))) + 1
    if side > min(lattice):
        raise PackingError(
            f"{wanted}: one needs {side} nodes along each axis; choose a smaller radius or a "
            "larger lattice"
        )
    if count > math.prod(lattice) and not placement.overlap:
        raise PackingError(
            f"{wanted} without overlap: at most one fits per node; {instead}, or a larger lattice"
        )
    radii = np.full(count, smallest, dtype=np.float32)
    if largest > smallest:
        radii = np.sort(rng.uniform(smallest, largest, count).astype(np.float32))[::-1].copy()
    most, restarts = 0, min(RESTARTS, 2 + PLACEMENTS // count)
    for _ in range(restarts):
        centres = place(radii, lattice, rng, placement)
        if len(centres) == count:
            break
        most = max(most, len(centres))
    else:
        raise PackingError(
            f"{wanted} without overlap: at most {most} fit in {restarts} random placements; "
            f"{instead}, a smaller radius or a larger lattice"
        )
    *planes, rows, columns = (i.copy() for i in np.array(centres, dtype=np.int32).T)
    drawn = _draw_values(values, count, rng)
    return Sources(rows, columns, radii, drawn, lattice, placement.overlap, *planes)


def check_distribution(
    radius: Radius, values: ValueDistribution, placement: Placement
) -> tuple[float, float]:
    """The range (smallest, largest) of radii, or a PhysicsError for an argument that is none."""
    if not isinstance(placement, Placement):
        raise PhysicsError(f"must be a Placement, not {placement!r:.60}", "placement")
    if isinstance(values, tuple | list) and len(values) == 2:
        known = values[0] in ("log_uniform", "scaled_uniform")
        known = known and 0 < check_number("the smallest value", values[1]) <= 1
    else:
        known = values in ("uniform", "constant")
    if not known:
        raise PhysicsError(
            "must be uniform, constant, (log_uniform, smallest) or (scaled_uniform, smallest) with "
            f"a smallest value in (0, 1], not {values!r:.60}",
            "values",
        )
    ends = tuple(radius) if isinstance(radius, tuple | list) else (radius, radius)
    pair = [check_number("radius", r) for r in ends[:3]]
    if len(pair) != 2 or not 0 <= pair[0] <= pair[1] <= LARGEST_RADIUS:
        raise PhysicsError(
            f"must be a number from 0 to {LARGEST_RADIUS:g} or a range (smallest, largest), not "
            f"{radius!r:.60}",
            "radius",
        )
    return pair[0], pair[1]


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


def place(
    radii: NDArray[np.float32],
    lattice: tuple[int, ...],
    rng: np.random.Generator,
    placement: Placement,
) -> list[Node]:
    """Centres of as many discs, in order of falling radius, as fit one after another."""
    centres: list[Node] = []
    # distance from each node to the nearest rim, right wherever it's below the largest radius
    gap = np.full(lattice, np.inf)
    largest = float(radii[0])
    anchors = np.empty((0, len(lattice)))
    if placement.kind == "clustered":
        anchors = rng.uniform(0.0, np.array(lattice) - 1.0, (placement.clusters, len(lattice)))
    for radius in map(float, radii):
        margin = math.ceil(radius)
        box = tuple((margin, side - margin) for side in lattice)
        for _ in range(QUICK_TRIES):
            centre = _propose(placement, box, anchors, rng)
            if centre and gap[centre] > radius:
                break
        else:
            listed = _list_and_draw(placement, box, anchors, gap, radius, rng)
            if listed is None:
                break
            centre = listed
        centres.append(centre)
        if not placement.overlap:
            _lower_gap(gap, centre, radius, reach=math.floor(radius + largest) + 1)
    return centres


def _propose(
    placement: Placement,
    box: Box,
    anchors: NDArray[np.float64],
    rng: np.random.Generator,
) -> Node | None:
    """One centre in the box, or None if the draw fell outside."""
    if placement.kind == "clustered":
        anchor = anchors[rng.integers(len(anchors))]
        centre = np.rint(rng.normal(anchor, placement.spread)).astype(int).tolist()
        inside = all(low <= i < high for i, (low, high) in zip(centre, box, strict=True))
        return tuple(centre) if inside else None
    centre = tuple(int(rng.integers(low, high)) for low, high in box)
    if placement.kind == "edge":
        off = min(min(i - low, high - 1 - i) for i, (low, high) in zip(centre, box, strict=True))
        if off > placement.margin:
            return None
    return centre


def _list_and_draw(
    placement: Placement,
    box: Box,
    anchors: NDArray[np.float64],
    gap: NDArray[np.float64],
    radius: float,
    rng: np.random.Generator,
) -> Node | None:
    """A permitted centre, drawn with the proposals' probabilities; None if there is none left."""
    places = [np.arange(low, high) for low, high in box]
    permitted = gap[tuple(slice(low, high) for low, high in box)] > radius
    if placement.kind == "edge":
        off = [
            np.minimum(i - low, high - 1 - i) for i, (low, high) in zip(places, box, strict=True)
        ]
        permitted &= reduce(np.minimum.outer, off) <= placement.margin
    listed = np.flatnonzero(permitted)
    if listed.size == 0:
        return None
    if placement.kind == "clustered":
        # in logarithms and relative to the likeliest, or far centres would all underflow to 0
        exponents = np.stack(
            [-_squares(places, anchor) / (2 * placement.spread**2) for anchor in anchors]
        ).reshape(len(anchors), -1)[:, listed]
        weights = np.exp(exponents - exponents.max()).sum(axis=0)
        chosen = int(rng.choice(listed, p=weights / weights.sum()))
    else:
        chosen = int(rng.choice(listed))
    offsets = np.unravel_index(chosen, permitted.shape)
    return tuple(int(i) + low for i, (low, _) in zip(offsets, box, strict=True))


def _lower_gap(gap: NDArray[np.float64], centre: Node, radius: float, reach: int) -> None:
    """Take a new disc's rim into account in the distances to the nearest rim."""
    limits = [
        (max(c - reach, 0), min(c + reach + 1, n)) for c, n in zip(centre, gap.shape, strict=True)
    ]
    patch = gap[tuple(slice(start, stop) for start, stop in limits)]
    places = [np.arange(start, stop) for start, stop in limits]
    np.minimum(patch, np.sqrt(_squares(places, centre)) - radius, out=patch)


def _squares(places: list[NDArray], centre: Sequence[float] | NDArray) -> NDArray:
    """Squared distances from a centre, on the lattice of these places along each axis."""
    return reduce(np.add.outer, ((i - c) ** 2 for i, c in zip(places, centre, strict=True)))
