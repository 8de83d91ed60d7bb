"""Sides with given numbers, as parts of the equations of the nodes next to them.

Each adds a decay and a production there (`given_sides.GivenSide.terms`), and is then a side
that absorbs or reflects.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.problem.given_sides import GivenSide
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.sides import SIDES, both_sides


def without_sides(
    medium: Medium, production: NDArray[np.float64] | None, lattice: tuple[int, ...]
) -> tuple[Medium, NDArray[np.float64] | None]:
    """The medium whose sides have no given numbers, and the production with theirs.

    Args:
        medium: whose decay becomes an array if a side takes away in proportion to the field.
        production: s, of the lattice's shape; None for none.
        lattice: its shape.

    Raises:
        PhysicsError: an array of another shape than its side, numbers that underflow, or a decay
            that is out of range with those of sides.
    """
    if medium.has_homogeneous_sides:
        return medium, production
    decays, productions, draining = np.zeros(lattice), np.zeros(lattice), []
    for axis, end, side in _given_sides(medium):
        name, shape = SIDES[axis - len(lattice)][end], lattice[:axis] + lattice[axis + 1 :]
        for part, numbers in side.parts.items():
            if np.ndim(numbers) and np.shape(numbers) != shape:
                raise PhysicsError(
                    f"the {part} of the {name} side has shape {np.shape(numbers)}, and the "
                    f"side {shape}; give a number or an array of this shape"
                )
        diffusivity = np.broadcast_to(medium.diffusivities[axis], lattice)
        added = side.terms(np.moveaxis(diffusivity, axis, 0)[end], medium.step)
        if _underflows(side, added[1]):
            raise PhysicsError(
                f"the {' or the '.join(side.parts)} of the {name} side is so small that what it "
                "adds to the production underflows: choose other units"
            )
        for total, term in zip((decays, productions), added, strict=True):
            np.moveaxis(total, axis, 0)[end] += term
        draining += [name] * bool(np.any(added[0]))
    if production is not None:
        productions += production
    medium = replace(medium, boundary=medium.side_kinds)
    if draining:
        try:
            medium = replace(medium, decay=medium.decay + decays)
        except PhysicsError as error:
            raise PhysicsError(
                f"the decay, with what leaves at the {' and '.join(draining)}, {error.problem}"
            ) from None
    return medium, productions if productions.any() else None


def _given_sides(medium: Medium) -> Iterator[tuple[int, int, GivenSide]]:
    """Axis, end (0 or −1) and side."""
    for axis, entry in enumerate(medium.sides):
        for end, side in zip((0, -1), both_sides(entry), strict=True):
            if not isinstance(side, str):
                yield axis, end, side


def _underflows(side: GivenSide, production: float | NDArray[np.float64]) -> bool:
    """Whether a node gets no production, and no number of the side is 0 there."""
    *numbers, added = np.broadcast_arrays(*side.parts.values(), production)
    return bool(np.any(np.all(numbers, axis=0) & (added == 0)))
