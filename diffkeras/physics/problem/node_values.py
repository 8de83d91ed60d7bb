"""Numbers of a medium: one for all nodes, an array on the lattice, or either for each axis."""

import numbers
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_number
from diffkeras.physics.lattice import PLANE, SHAPES, SPACE
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


def count_dimensions(asked: Any, parts: dict[str, Any]) -> int:
    """The number of axes asked for, or that the parts of a medium need."""
    if asked is not None and not (isinstance(asked, numbers.Integral) and asked in SHAPES):
        raise PhysicsError(f"must be 2 or 3, not {asked!r:.60}", "dimensions")
    counts = {n: len(part) for n, part in parts.items() if isinstance(part, tuple)}
    dimensions = int(asked or max(counts.values(), default=PLANE))
    for name, count in counts.items():
        if count != dimensions:
            raise PhysicsError(f"has values for {count} axes, in {dimensions} dimensions", name)
    diffusivity = parts["diffusivity"]
    each = diffusivity if isinstance(diffusivity, tuple) else (diffusivity,)
    for name, values in (*(("diffusivity", part) for part in each), ("decay", parts["decay"])):
        check_axes(name, values, dimensions)
    return dimensions


def check_axes(name: str, values: Any, dimensions: int) -> None:
    """Raise a PhysicsError for an array of values that has other axes than the lattice."""
    if np.ndim(values) in (0, dimensions):
        return
    hint = "; for a lattice of three axes give dimensions=3" if dimensions == PLANE else ""
    raise PhysicsError(
        f"must be a number or an array {SHAPES[dimensions]}, not one of shape "
        f"{np.shape(values)}{hint}",
        name,
    )


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
            f"must be a number or an array {SHAPES[PLANE]}, not one of shape {values.shape}", name
        )
    bad = ~((values >= least) & (values <= most))  # NaN is bad, too
    if bad.any():
        node = tuple(map(int, np.argwhere(bad)[0]))
        raise PhysicsError(f"must be {wanted}, not {float(values[node])} at node {node}", name)
    return values
