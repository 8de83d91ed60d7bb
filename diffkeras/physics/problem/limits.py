"""Values of a medium: a number for all nodes or an array on the lattice, with their limits."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_number, real_array

# No tissue comes close to these limits, in units that are not absurd, and within them no number of
# the solvers over- or underflows.
SMALLEST, LARGEST = 1e-30, 1e30  # limits of D, h and source values
SLOWEST, FASTEST = 1e-20, 1e10  # limits of γh²/D
# ratio of a uniform medium's diffusivities up to which the ring system keeps enough digits
MOST_ANISOTROPIC = 1e3
MOST_CONTRAST = 1e8  # ratio of diffusivities of a medium that varies: multigrid converges

NodeValues = float | NDArray[np.float64]  # one number for all nodes, or an array on the lattice

PLANE, SPACE = 2, 3  # dimensions
# axes of arrays on the lattice, in words
SHAPES = {PLANE: "(rows, columns)", SPACE: "(planes, rows, columns)"}

T = TypeVar("T")


def one_or_each(name: str, value: Any, check: Callable[[str, Any], T]) -> T | tuple[T, ...]:
    """One checked value, or a tuple of them for the axes."""
    if not isinstance(value, tuple | list):
        return check(name, value)
    if len(value) not in SHAPES:
        shown = f"{len(value)} values" if len(value) > SPACE else str(value)[:60]
        raise PhysicsError(f"{name} must be one value or one for each of 2 or 3 axes, not {shown}")
    return tuple(check(name, each) for each in value)


def count_dimensions(asked: Any, parts: dict[str, Any]) -> int:
    """The number of axes asked for, or that the parts of a medium need."""
    if asked is not None and (isinstance(asked, bool) or asked not in tuple(SHAPES)):
        raise PhysicsError(f"dimensions must be 2 or 3, not {asked!r:.60}")
    counts = {n: len(part) for n, part in parts.items() if isinstance(part, tuple)}
    dimensions = int(asked or max(counts.values(), default=PLANE))
    for name, count in counts.items():
        if count != dimensions:
            raise PhysicsError(f"{name} has values for {count} axes, in {dimensions} dimensions")
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
        f"{name} must be a number or an array {SHAPES[dimensions]}, not one of shape "
        f"{np.shape(values)}{hint}"
    )


def positive(name: str, value: Any) -> NodeValues:
    """Positive values within the limits of D and h."""
    wanted = f"positive, between {SMALLEST:g} and {LARGEST:g}"
    return node_values(name, value, SMALLEST, LARGEST, wanted)


def node_values(name: str, value: Any, least: float, most: float, wanted: str) -> NodeValues:
    """A number in [least, most], or an array of them on a lattice that can't be changed."""
    checked: NodeValues
    if not isinstance(value, tuple | list) and np.ndim(value) == 0:
        checked = check_number(name, value)
    else:
        checked = np.array(real_array(name, value))
        checked.setflags(write=False)
        if checked.ndim not in SHAPES or checked.size == 0:
            raise PhysicsError(
                f"{name} must be a number or an array {SHAPES[PLANE]}, not one of shape "
                f"{checked.shape}"
            )
    values = np.asarray(checked)
    bad = ~((values >= least) & (values <= most))  # NaN is bad, too
    if bad.any():
        where = f" at node {tuple(map(int, np.argwhere(bad)[0]))}" if values.ndim else ""
        raise PhysicsError(f"{name} must be {wanted}, not {float(values[bad].flat[0])}{where}")
    return checked
