"""Where discs are placed: uniformly as in the paper, in clusters, or near the edge.

A placement proposes centres one at a time. Unless discs may overlap, it draws again if the disc
would overlap one that was placed (random sequential adsorption). If proposals keep failing, it
lists the permitted centres and draws one of them with the same probabilities, so that no placement
loops without end.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.arguments import (
    check_choice,
    check_positive,
    check_truth,
    check_whole,
    check_within,
)
from diffkeras.physics.problem.sources import LARGEST_PLACE

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
        overlap: whether discs may overlap; each is then placed independently of the others. Only
            for sources that produce.

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
