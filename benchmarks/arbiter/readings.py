"""The readings of the tests' specifications, each as a problem with a proven steady value.

What each takes the specification to mean is in `readings.csv`.

The specifications are from PerMedCoE (Appendix 1 of the README of
https://github.com/PerMedCoE/observatory_benchmark, commit 237de17b): a box with 10 µM of a
substrate on its boundary, none inside at the start, D = 2000 µm²/min, no decay, and cells that take
up "20 uM/min = 12044 substrates/min", followed for 10 minutes or until nothing changes.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import diffkeras as dk

MOLECULES = 602.2  # per µm³ in 1 µM, by the tests' own conversion
DIFFUSIVITY, HELD, UPTAKE = 2000.0, 10.0, 20.0  # µm²/min, µM, µM/min
VOXEL = 20.0  # µm
WEIGHTED = 12044.0 / VOXEL**3  # 1/min: 12044/min of a cell of 1 µm³, in a voxel of 8000 µm³
SATURATION = 1.0  # µM, where a saturating cell takes up half; no specification names it
AT_ONCE = 1e6  # 1/min: uptake stops at 0, which this rate constant is close to
SIDES = ("front", "back", "top", "bottom", "left", "right")


@dataclass(frozen=True)
class UnitTest:
    """A published test."""

    name: str  # for tables and the command
    side: float  # length of the box [µm]
    end: float  # when it stops [min]
    reported: str  # the value that is compared, in words

    @property
    def time_constant(self) -> float:
        """L²/(3π²D) [min], of the slowest mode of a box whose six walls hold the value."""
        return self.side**2 / (3 * np.pi**2 * DIFFUSIVITY)


ONE_SINK = UnitTest("one sink", 60.0, 10.0, "the central voxel")
MANY_SINKS = UnitTest("1,000 sinks", 240.0, 10.0, "the mean of all voxels")
CHEMOTAXIS = UnitTest("chemotaxis", 120.0, 10.0, "the gradient at the cell")
TESTS = {test.name: test for test in (ONE_SINK, MANY_SINKS, CHEMOTAXIS)}


@dataclass(frozen=True)
class Reading:
    """One way to read the specification of a test.

    Attributes:
        test: which test.
        key: its name for the command.
        text: what it takes the specification to mean.
        problem: makes the problem, in µm, min and µM; raises `dk.DiffkerasError` where there is no
            steady state.
    """

    test: UnitTest
    key: str
    text: str
    problem: Callable[[], dk.Problem]

    def value(self, solution: dk.Solution) -> tuple[float, float]:
        """What the test reports [µM; of chemotaxis µM/µm], and its proven bound."""
        quantity = solution.quantity(weights(self.test, solution.field.shape))
        return quantity.value, quantity.error_bound


def weights(test: UnitTest, lattice: tuple[int, ...]) -> NDArray[np.float64]:
    """Of the nodes in what the test reports."""
    made = np.zeros(lattice)
    middle = tuple(side // 2 for side in lattice)
    if test is MANY_SINKS:
        made += 1 / made.size
    elif test is ONE_SINK:
        made[middle] = 1.0
    else:  # the slope along x between the neighbours of the central node
        step = test.side / lattice[-1]
        made[*middle[:2], middle[2] + 1] = 0.5 / step
        made[*middle[:2], middle[2] - 1] = -0.5 / step
    return made


def shell(nodes: int) -> NDArray[np.bool_]:
    """The outermost nodes of a cube."""
    outer = np.ones((nodes,) * 3, bool)
    outer[1:-1, 1:-1, 1:-1] = False
    return outer


def sinks_of(nodes: int) -> NDArray[np.float64]:
    """One cell in each voxel that isn't at the boundary."""
    return np.where(shell(nodes), 0.0, 1.0)


def sinks_apart() -> NDArray[np.float64]:
    """PhysiCell's 1,000 cells, 23 µm apart from −115 µm on: 729 of them aren't in wall voxels."""
    voxels = ((np.arange(10) * 23.0 + 5.0) // VOXEL).astype(int)
    cells = np.zeros((12, 12, 12))
    np.add.at(cells, np.ix_(voxels, voxels, voxels), 1.0)
    return cells


def held_voxels(
    cells: NDArray[np.float64],
    step: float = VOXEL,
    *,
    taken: float = 0.0,
    rate: float = 0.0,
    law: Callable[[NDArray[np.float64]], object] | None = None,
) -> dk.Problem:
    """The outermost voxels hold 10 µM; cells take up a given rate, in proportion, or by a law."""
    walls = shell(len(cells))
    uptake = law(cells) if law else rate * cells
    return dk.Problem(
        np.where(walls, HELD, 0.0),
        fixed=walls,
        production=-taken * cells if taken else None,
        uptake=uptake,
        medium=dk.Medium(DIFFUSIVITY, 0.0, step, boundary="reflecting"),
    )


def held_faces(cells: NDArray[np.float64], step: float, law: object) -> dk.Problem:
    """The six faces of the box hold 10 µM, half a voxel outside of the outermost nodes."""
    face = dk.Robin(1e9, HELD)  # µm/min: so permeable that the face holds the value
    medium = dk.Medium(DIFFUSIVITY, 0.0, step, boundary=dict.fromkeys(SIDES, face))
    return dk.Problem(np.zeros(cells.shape), uptake=law, medium=medium)


def producing_voxels(*, taken: float = 0.0, rate: float = 0.0) -> dk.Problem:
    """The outermost voxels produce 10 µM/min, and nothing leaves the box."""
    cells = sinks_of(3)
    return dk.Problem(
        production=np.where(shell(3), HELD, -taken * cells),
        uptake=rate * cells,
        medium=dk.Medium(DIFFUSIVITY, 0.0, VOXEL, boundary="reflecting"),
    )


def stops_at_zero(cells: NDArray[np.float64], most: float = UPTAKE) -> dk.physics.CappedUptake:
    """At the given rate, but never more than there is."""
    return dk.physics.CappedUptake(most * cells, AT_ONCE)


def saturates(cells: NDArray[np.float64]) -> dk.MichaelisMenten:
    """At most 20 µM/min, half of it at 1 µM."""
    return dk.MichaelisMenten(UPTAKE * cells, SATURATION)


def fine_cube(nodes: int = 27) -> dk.Problem:
    """A cell of 20 µm as a cube of many nodes in the box of 60 µm, whose faces hold 10 µM."""
    cells, third = np.zeros((nodes,) * 3), slice(nodes // 3, 2 * nodes // 3)
    cells[third, third, third] = 1.0
    return held_faces(cells, ONE_SINK.side / nodes, stops_at_zero(cells))


def quadrature_share(step: float) -> float:
    """Of a node's uptake, what Chaste's rule finds of a cube of 20 µm around it.

    Six tetrahedra fill a cube of the mesh, and a rule of order 2 has four points in each, with
    barycentric coordinates a = (5 + 3√5)/20 and three times b. Of the 24 tetrahedra of a node, 12
    have their point near the node within 10 µm of it, if 2b·step < 10 µm < 3b·step.
    """
    a, b = (5 + 3 * 5**0.5) / 20, (5 - 5**0.5) / 20
    if not 2 * b * step < VOXEL / 2 < 3 * b * step:
        raise ValueError(f"another number of points lies in the cube if the step is {step:g} µm")
    return 12 * (step**3 / 6 / 4) * a / step**3


def corner(outer: object, *, secretes: bool = False) -> dk.Problem:
    """The voxel of one corner holds 10 µM, or secretes 10 µM/min, in a box of 120 µm."""
    image = np.zeros((7, 7, 7))
    image[-1, -1, -1] = HELD
    medium = dk.Medium(DIFFUSIVITY, 0.0, CHEMOTAXIS.side / len(image), outer)
    if secretes:
        return dk.Problem(production=image, medium=medium)
    return dk.Problem(image, medium=medium)


ONE, MANY, APART = sinks_of(3), sinks_of(12), sinks_apart()

# test → name → its problem
PROBLEMS: dict[UnitTest, dict[str, Callable[[], dk.Problem]]] = {
    ONE_SINK: {
        "zero-order": partial(held_voxels, ONE, taken=UPTAKE),
        "zero-order-molecules": partial(held_voxels, ONE, taken=UPTAKE / VOXEL**3),
        "first-order-weighted": partial(held_voxels, ONE, rate=WEIGHTED),
        "first-order": partial(held_voxels, ONE, rate=UPTAKE / HELD),
        "saturating": partial(held_voxels, ONE, law=saturates),
        "per-time-step": partial(held_voxels, ONE, law=partial(stops_at_zero, most=UPTAKE / 0.01)),
        "faces": partial(held_faces, ONE, VOXEL, stops_at_zero(ONE)),
        "fine": fine_cube,
        "nodes": partial(held_voxels, ONE, 30.0, taken=UPTAKE * (VOXEL / 30) ** 3),
        "nodes-quadrature": partial(held_voxels, ONE, 30.0, taken=UPTAKE * quadrature_share(30.0)),
        "producing": partial(producing_voxels, rate=WEIGHTED),
        "producing-zero-order": partial(producing_voxels, taken=UPTAKE),
    },
    MANY_SINKS: {
        "zero-order": partial(held_voxels, MANY, taken=UPTAKE),
        "zero-order-stopping": partial(held_voxels, MANY, law=stops_at_zero),
        "zero-order-molecules": partial(held_voxels, MANY, taken=UPTAKE / VOXEL**3),
        "first-order-weighted": partial(held_voxels, MANY, rate=WEIGHTED),
        "first-order-apart": partial(held_voxels, APART, rate=WEIGHTED),
        "first-order": partial(held_voxels, MANY, rate=UPTAKE / HELD),
        "saturating": partial(held_voxels, MANY, law=saturates),
        "faces": partial(held_faces, MANY, VOXEL, stops_at_zero(MANY)),
        "nodes-quadrature": partial(held_voxels, MANY, 30.0, taken=UPTAKE / 2),
    },
    CHEMOTAXIS: {
        "held-closed": partial(corner, "reflecting"),
        "held-absorbing": partial(corner, "absorbing"),
        "secreting-closed": partial(corner, "reflecting", secretes=True),
        "secreting-absorbing": partial(corner, "absorbing", secretes=True),
    },
}
with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
    _, *_rows = csv.reader(file)
READINGS = tuple(
    Reading(TESTS[test], key, text, PROBLEMS[TESTS[test]][key]) for test, key, text in _rows
)


def reading_of(test: UnitTest, key: str) -> Reading:
    return next(each for each in READINGS if each.test is test and each.key == key)
