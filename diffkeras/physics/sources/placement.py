"""Where discs are placed: uniformly as in the paper, in clusters, or near the edge.

A placement proposes centres one at a time. Unless discs may overlap, it draws again if the disc
would overlap one that was placed (random sequential adsorption). If proposals keep failing, it
lists the permitted centres and draws one of them with the same probabilities, so that no placement
loops without end.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_number, check_whole

QUICK_TRIES = 50  # draws for one disc before the permitted centres are listed instead

PlacementKind = Literal["uniform", "clustered", "edge"]
Rectangle = tuple[tuple[int, int], tuple[int, int]]  # first centre, and one beyond the last


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
        overlap: whether discs may overlap; each is then placed independently of the others.

    Raises:
        PhysicsError: an unknown kind, or a parameter out of its range.
    """

    kind: PlacementKind = "uniform"
    clusters: int = 1
    spread: float = 20.0
    margin: float = 10.0
    overlap: bool = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(PlacementKind):
            raise PhysicsError(
                f"placement {self.kind!r:.60} is unknown; choose uniform, clustered or edge"
            )
        if not isinstance(self.overlap, bool):
            raise PhysicsError(f"overlap must be True or False, not {self.overlap!r:.60}")
        check_whole("clusters", self.clusters, 1)
        spread, margin = check_number("spread", self.spread), check_number("margin", self.margin)
        if not (math.isfinite(spread) and spread > 0):
            raise PhysicsError(f"spread must be positive and finite, not {spread}")
        if not (math.isfinite(margin) and margin >= 0):
            raise PhysicsError(f"margin must be zero or positive and finite, not {margin}")


def place(
    radii: NDArray[np.float32],
    lattice: tuple[int, int],
    rng: np.random.Generator,
    placement: Placement,
) -> list[tuple[int, int]]:
    """Centres of as many discs, in order of falling radius, as fit one after another."""
    centres: list[tuple[int, int]] = []
    # distance from each node to the nearest rim, right wherever it's below the largest radius
    gap = np.full(lattice, np.inf)
    largest = float(radii[0])
    anchors = np.empty((0, 2))
    if placement.kind == "clustered":
        anchors = rng.uniform(0.0, np.array(lattice) - 1.0, (placement.clusters, 2))
    for radius in map(float, radii):
        margin = math.ceil(radius)
        rectangle = ((margin, margin), (lattice[0] - margin, lattice[1] - margin))
        for _ in range(QUICK_TRIES):
            centre = _propose(placement, rectangle, anchors, rng)
            if centre and gap[centre] > radius:
                break
        else:
            listed = _list_and_draw(placement, rectangle, anchors, gap, radius, rng)
            if listed is None:
                break
            centre = listed
        centres.append(centre)
        if not placement.overlap:
            _lower_gap(gap, centre, radius, reach=math.floor(radius + largest) + 1)
    return centres


def _propose(
    placement: Placement,
    rectangle: Rectangle,
    anchors: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[int, int] | None:
    """One centre in the rectangle, or None if the draw fell outside."""
    low, high = rectangle
    if placement.kind == "clustered":
        anchor = anchors[rng.integers(len(anchors))]
        row, column = np.rint(rng.normal(anchor, placement.spread)).astype(int).tolist()
        inside = low[0] <= row < high[0] and low[1] <= column < high[1]
        return (row, column) if inside else None
    row, column = int(rng.integers(low[0], high[0])), int(rng.integers(low[1], high[1]))
    if placement.kind == "edge":
        off = min(row - low[0], high[0] - 1 - row, column - low[1], high[1] - 1 - column)
        if off > placement.margin:
            return None
    return row, column


def _list_and_draw(
    placement: Placement,
    rectangle: Rectangle,
    anchors: NDArray[np.float64],
    gap: NDArray[np.float64],
    radius: float,
    rng: np.random.Generator,
) -> tuple[int, int] | None:
    """A permitted centre, drawn with the proposals' probabilities; None if there is none left."""
    (top, left), (bottom, right) = rectangle
    permitted = gap[top:bottom, left:right] > radius
    rows, columns = np.arange(top, bottom)[:, None], np.arange(left, right)
    if placement.kind == "edge":
        off = np.minimum(
            np.minimum(rows - top, bottom - 1 - rows),
            np.minimum(columns - left, right - 1 - columns),
        )
        permitted &= off <= placement.margin
    listed = np.flatnonzero(permitted)
    if listed.size == 0:
        return None
    if placement.kind == "clustered":
        # in logarithms and relative to the likeliest, or far centres would all underflow to 0
        exponents = np.stack(
            [
                -((rows - anchor[0]) ** 2 + (columns - anchor[1]) ** 2) / (2 * placement.spread**2)
                for anchor in anchors
            ]
        ).reshape(len(anchors), -1)[:, listed]
        weights = np.exp(exponents - exponents.max()).sum(axis=0)
        chosen = int(rng.choice(listed, p=weights / weights.sum()))
    else:
        chosen = int(rng.choice(listed))
    row, column = divmod(chosen, right - left)
    return row + top, column + left


def _lower_gap(
    gap: NDArray[np.float64], centre: tuple[int, int], radius: float, reach: int
) -> None:
    """Take a new disc's rim into account in the distances to the nearest rim."""
    starts = [max(c - reach, 0) for c in centre]
    stops = [min(c + reach + 1, side) for c, side in zip(centre, gap.shape, strict=True)]
    rows = np.arange(starts[0], stops[0])[:, None] - centre[0]
    columns = np.arange(starts[1], stops[1]) - centre[1]
    patch = gap[starts[0] : stops[0], starts[1] : stops[1]]
    np.minimum(patch, np.sqrt(rows**2 + columns**2) - radius, out=patch)
