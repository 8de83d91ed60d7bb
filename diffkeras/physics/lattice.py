"""Lattices: their dimensions, and checks of their sides, which raise a PhysicsError."""

from typing import Any

import numpy as np

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_whole

PLANE, SPACE = 2, 3  # dimensions
# axes of arrays on the lattice, in words
SHAPES = {PLANE: "(rows, columns)", SPACE: "(planes, rows, columns)"}


def check_lattice(lattice: Any) -> tuple[int, int]:
    """(rows, columns) of a pair, or of one number for both."""
    rows, columns = check_sides(lattice, 2)
    return rows, columns


def check_sides(lattice: Any, dimensions: int | None = None) -> tuple[int, ...]:
    """The sides of a lattice of two or three dimensions; one number stands for each of them."""
    sides = lattice.tolist() if isinstance(lattice, np.ndarray) else lattice
    if not isinstance(sides, tuple | list):
        sides = (sides,) * (dimensions or PLANE)
    wanted = (dimensions,) if dimensions else (PLANE, SPACE)
    if len(sides) not in wanted:
        raise PhysicsError(
            f"the lattice must have {' or '.join(map(str, wanted))} sides, not {lattice!r:.60}"
        )
    return tuple(check_whole("a side of the lattice", side, 1) for side in sides)
