"""What sides with a value or a flux add to the right-hand side of the nodes next to them:

D/h² times the value,    or the flux/h.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.boundaries import SIDES, AxisSides, FixedValue
from diffkeras.physics.operators.axis import both_sides


def wall_production(
    sides: Sequence[AxisSides],
    diffusivities: Sequence[float | NDArray[np.float64]],
    step: float,
    lattice: tuple[int, ...],
) -> NDArray[np.float64] | None:
    """What given values and fluxes add to the production of each node; None if there are none.

    Args:
        sides: of each axis.
        diffusivities: D along each axis, a number or an array of the lattice's shape.
        step: h.
        lattice: its shape.

    Raises:
        PhysicsError: an array of another shape than its side, or numbers that underflow.
    """
    total: NDArray[np.float64] | None = None
    for axis, (entry, diffusivity) in enumerate(zip(sides, diffusivities, strict=True)):
        shape = lattice[:axis] + lattice[axis + 1 :]
        for end, side in zip((0, -1), both_sides(entry), strict=True):
            if isinstance(side, str):
                continue
            numbers, name = side.numbers, SIDES[axis - len(lattice)][end]
            if np.ndim(numbers) and np.shape(numbers) != shape:
                raise PhysicsError(
                    f"the {side.name} of the {name} side has shape {np.shape(numbers)}, and the "
                    f"side {shape}; give a number or an array of this shape"
                )
            if total is None:
                total = np.zeros(lattice)
            if isinstance(side, FixedValue):
                rate = np.broadcast_to(diffusivity, lattice) / step**2
                added = np.moveaxis(rate, axis, 0)[end] * numbers
            else:
                added = numbers / step
            if np.any((added == 0) & (np.asarray(numbers) != 0)):
                raise PhysicsError(
                    f"the {side.name} of the {name} side is so small that what it adds to the "
                    "production underflows: choose other units"
                )
            np.moveaxis(total, axis, 0)[end] += added
    return total
