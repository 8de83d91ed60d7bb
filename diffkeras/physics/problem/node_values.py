"""Numbers of a medium: one for all nodes, an array on the lattice, or either for each axis."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_number
from diffkeras.physics.lattice import SHAPES, SPACE
from diffkeras.physics.limits import LARGEST, SMALLEST
from diffkeras.physics.real_arrays import real_array

# one number for all nodes, or an array with one for each, on the lattice or along a side
NodeValues = float | NDArray[np.float64]
T = TypeVar("T")


def one_or_each(name: str, value: Any, check: Callable[[str, Any], T]) -> T | tuple[T, ...]:
    """One checked value, or a tuple of them for the axes."""
    if not isinstance(value, tuple | list):
        return check(name, value)
    if len(value) not in SHAPES:
        shown = f"{len(value)} values" if len(value) > SPACE else value
        raise PhysicsError(
            f"must be one value or one for each of 2 or 3 axes, not {shown!s:.60}", name
        )
    return tuple(check(name, each) for each in value)


def check_positive_values(name: str, value: Any) -> NodeValues:
    """Positive values within the limits of D and h."""
    wanted = f"positive, between {SMALLEST:g} and {LARGEST:g}"
    return check_node_values(name, value, SMALLEST, LARGEST, wanted)


def check_node_values(name: str, value: Any, least: float, most: float, wanted: str) -> NodeValues:
    """A number in [least, most], or an array of them on a lattice that can't be changed."""
    if not isinstance(value, tuple | list) and np.ndim(value) == 0:
        number = check_number(name, value)
        if not least <= number <= most:
            raise PhysicsError(f"must be {wanted}, not {number}", name)
        return number
    values = np.array(real_array(name, value))
    values.setflags(write=False)
    if values.ndim not in SHAPES or values.size == 0:
        raise PhysicsError(
            f"must be a number or an array {' or '.join(SHAPES.values())}, not one of shape "
            f"{values.shape}",
            name,
        )
    bad = ~((values >= least) & (values <= most))  # NaN is bad, too
    if bad.any():
        node = tuple(map(int, np.argwhere(bad)[0]))
        raise PhysicsError(f"must be {wanted}, not {float(values[node])} at node {node}", name)
    return values
