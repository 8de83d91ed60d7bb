"""The tissues of `benchmarks.families`, each a family with named parameters.

- "cells": vessels of radius 4 that hold a value, and cells of radius 3 that saturate, at random
  places: 12 and 300 on 256×256 nodes, and as dense on other lattices. The sides reflect. 3
  parameters are the cells' maximum and constant of uptake, and the decay; 5 have the maxima of two
  kinds of cells, and the vessels' value; 8 and 12 the maxima of four or six kinds, and the
  constants of two or four groups of them.
- "stroma": capillaries of radius 2, immune cells of radius 2 on a seventh of the nodes, and stroma,
  which takes up a fifth as much at most, on all others. The sides reflect. The parameters are the
  maxima of both, the constant, the decay, and the capillaries' value.
- "tumour": vessels of radius 3, a tumour on a quarter of the nodes, immune cells of radius 3
  outside it, and stroma. The sides absorb. The parameters are the three maxima, the constant, and
  the vessels' value.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics import Family, MichaelisMenten, Problem

VESSELS, CELLS, BASE = 12, 300, 256**2  # on so many nodes
IN_SPACE = (8e-5, 1e-3)  # vessels and cells per node of a volume: shares of 2 % and 12 %
KINDS = {3: (1, 1), 5: (2, 1), 8: (4, 2), 12: (6, 4)}  # kinds of cells, groups with one constant
EVERYWHERE = ("stroma", "tumour")  # tissues in which all nodes take up


def family_of(tissue: str, lattice: tuple[int, ...], parameters: int) -> Family:
    """The family of a tissue with some number of parameters.

    Raises:
        PhysicsError: a tissue other than "cells" in space, or with other than 5 parameters.
    """
    if tissue == "cells":
        return _cells(lattice, parameters)
    if len(lattice) != 2 or parameters != 5:
        raise PhysicsError(f"the tissue {tissue!r} is a plane with 5 parameters")
    return {"stroma": _stroma, "tumour": _tumour}[tissue](lattice)


def _cells(lattice: tuple[int, ...], parameters: int) -> Family:
    rng = np.random.default_rng(7)
    nodes = int(np.prod(lattice))
    kinds, groups = KINDS[parameters]
    if len(lattice) == 2:
        vessels, cells = VESSELS * nodes // BASE, CELLS * nodes // BASE
    else:
        vessels, cells = (int(share * nodes) for share in IN_SPACE)
    fixed = _balls(lattice, rng, np.ones(max(vessels, 1), int), 4) > 0
    kind = _balls(lattice, rng, 1 + np.arange(max(cells, kinds)) % kinds, 3)
    kind[fixed] = 0
    problem = Problem(
        fixed.astype(float),
        uptake=MichaelisMenten(np.where(kind > 0, 0.01, 0.0), 0.2),
        decay=0.002,
        boundary="reflecting",
    )
    regions: dict[str, Any] = {f"kind {k}": kind == k for k in range(1, kinds + 1)}
    ranges = {f"uptake.maximum[{name}]": (0.005, 0.05) for name in regions}
    if groups == 1:
        ranges["uptake.constant"] = (0.05, 0.5)
    for group in range(groups if groups > 1 else 0):
        regions[f"group {group}"] = (kind > 0) & (kind % groups == group)
        ranges[f"uptake.constant[group {group}]"] = (0.05, 0.5)
    ranges["decay"] = (5e-4, 5e-3)
    if parameters > 3:
        regions["vessels"] = fixed
        ranges["values[vessels]"] = (0.5, 1.0)
    return Family(problem, ranges, regions=regions)


def _stroma(lattice: tuple[int, ...]) -> Family:
    rng, nodes = np.random.default_rng(7), int(np.prod(lattice))
    fixed = _balls(lattice, rng, np.ones(max(nodes // 1500, 1), int), 2) > 0
    immune = _balls(lattice, rng, np.ones(nodes // 84, int), 2) > 0
    immune &= ~fixed
    regions = {"immune": immune, "stroma": ~(immune | fixed), "vessels": fixed}
    problem = Problem(
        fixed.astype(float),
        uptake=MichaelisMenten(0.02 * immune + 0.004 * regions["stroma"], 0.2),
        decay=0.002,
        boundary="reflecting",
    )
    ranges = {
        "uptake.maximum[immune]": (0.005, 0.05),
        "uptake.maximum[stroma]": (0.001, 0.01),
        "uptake.constant": (0.05, 0.5),
        "decay": (5e-4, 5e-3),
        "values[vessels]": (0.5, 1.0),
    }
    return Family(problem, ranges, regions=regions)


def _tumour(lattice: tuple[int, ...]) -> Family:
    rng, nodes = np.random.default_rng(3), int(np.prod(lattice))
    fixed = _balls(lattice, rng, np.ones(max(nodes // 2500, 1), int), 3) > 0
    rows, columns = np.ogrid[: lattice[0], : lattice[1]]
    distance = np.hypot((rows / lattice[0] - 0.45) / 0.3, (columns / lattice[1] - 0.55) / 0.25)
    tumour = (distance < 1) & ~fixed
    immune = _balls(lattice, rng, np.ones(nodes // 353, int), 3) > 0
    immune &= ~(fixed | tumour)
    stroma = ~(tumour | immune | fixed)
    regions = {"tumour": tumour, "immune": immune, "stroma": stroma, "vessels": fixed}
    problem = Problem(
        fixed.astype(float),
        uptake=MichaelisMenten(0.01 * tumour + 0.02 * immune + 0.003 * stroma, 0.2),
        decay=0.001,
    )
    ranges = {
        "uptake.maximum[tumour]": (0.003, 0.03),
        "uptake.maximum[immune]": (0.005, 0.05),
        "uptake.maximum[stroma]": (0.001, 0.01),
        "uptake.constant": (0.05, 0.5),
        "values[vessels]": (0.5, 1.0),
    }
    return Family(problem, ranges, regions=regions)


def _balls(
    lattice: tuple[int, ...], rng: np.random.Generator, marks: NDArray, radius: int
) -> NDArray[np.int64]:
    """Discs or balls with their marks, later ones above earlier ones; 0 elsewhere."""
    result = np.zeros(lattice, int)
    for mark in marks:
        centre = [int(rng.integers(radius, side - radius)) for side in lattice]
        box = tuple(slice(c - radius, c + radius + 1) for c in centre)
        axes = np.ogrid[tuple(slice(-radius, radius + 1) for _ in lattice)]
        result[box][sum(axis**2 for axis in axes) <= radius**2] = mark
    return result
