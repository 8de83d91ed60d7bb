"""The boundary of a lattice: what each of its sides does.

A side absorbs, reflects or continues on the opposite side (periodic). Or its ghost nodes have a
given value, which is an absorbing side whose ghost nodes are not 0; or a given flux comes in
through it, which is a reflecting side that isn't tight. Value and flux only add to the right-hand
side of the equations of the nodes next to them (`operators.wall_production`), and everything else
sees sides that absorb or reflect.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_number, real_array
from diffkeras.physics.operators.axis import (
    BOUNDARIES,
    AxisBoundary,
    BoundaryName,
    both_sides,
)
from diffkeras.physics.short_repr import ShortRepr

DEFAULT: BoundaryName = "absorbing"
# other names, read without hyphens, underscores and spaces
ALIASES: dict[str, BoundaryName] = {
    "dirichlet": "absorbing",
    "neumann": "reflecting",
    "noflux": "reflecting",
    "zeroflux": "reflecting",
}
# (low, high) of each axis; in two dimensions of the last two
SIDES = (("front", "back"), ("top", "bottom"), ("left", "right"))
LARGEST_GIVEN = 1e30
_WITHOUT_SEPARATORS = str.maketrans("", "", "-_ ")


class _GivenSide(ShortRepr):
    """A number along a side, or one for each of its nodes."""

    name: str

    @property
    def numbers(self) -> float | NDArray[np.float64]:
        """A number, or an array of the side's shape."""
        return getattr(self, self.name)

    def __post_init__(self) -> None:
        given: Any = self.numbers
        what = f"the {self.name} of a side"
        if not isinstance(given, tuple | list) and np.ndim(given) == 0:
            checked: Any = check_number(what, given)
        else:
            checked = np.array(real_array(what, given))
            checked.setflags(write=False)
        bad = ~(np.abs(checked) <= LARGEST_GIVEN)  # NaN is bad, too
        if np.any(bad):
            where = f" at node {tuple(map(int, np.argwhere(bad)[0]))}" if np.ndim(checked) else ""
            raise PhysicsError(
                f"{what} must be finite, up to {LARGEST_GIVEN:g}, not "
                f"{float(np.atleast_1d(checked)[np.atleast_1d(bad)][0])}{where}"
            )
        object.__setattr__(self, self.name, checked)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return np.array_equal(self.numbers, other.numbers)

    def __hash__(self) -> int:
        return hash((self.name, np.asarray(self.numbers).tobytes()))


@dataclass(frozen=True, eq=False, repr=False)
class FixedValue(_GivenSide):
    """A side outside of which the field has a given value (Dirichlet).

    The value is that of the ghost nodes, one step beyond the outermost nodes; 0 is an absorbing
    side.

    Attributes:
        value: a number, or an array along the side [concentration].

    Raises:
        PhysicsError: a value that is not finite, or larger than 1e30.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> medium = dk.Medium(decay=0.0, boundary=((dk.FixedValue(1.0), "absorbing"), "periodic"))
        >>> field = dk.solve(np.zeros((3, 5)), medium=medium).field
        >>> field[:, 0].round(12).tolist()
        [0.75, 0.5, 0.25]
    """

    value: float | ArrayLike
    name = "value"


@dataclass(frozen=True, eq=False, repr=False)
class FixedFlux(_GivenSide):
    """A side through which a given flux comes in (Neumann).

    Attributes:
        flux: a number, or an array along the side; what flows into the lattice through a unit of
            the side in a unit of time, and out of it if negative
            [concentration · length/time]. 0 is a reflecting side.

    Raises:
        PhysicsError: a flux that is not finite, or larger than 1e30.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> boundary = (("reflecting", dk.FixedFlux(0.5)), "reflecting")
        >>> field = dk.solve(np.zeros((40, 3)), decay=0.01, boundary=boundary).field
        >>> round(float(0.01 * field.sum()), 6)  # what comes in at three nodes decays
        1.5
    """

    flux: float | ArrayLike
    name = "flux"


Side = BoundaryName | FixedValue | FixedFlux
AxisSides = Side | tuple[Side, Side]  # both sides of an axis, or (low, high)
BoundarySpec = AxisSides | tuple[AxisSides, ...] | Mapping[str, Side]


def canonical_boundary(spec: Any, dimensions: int | None = None) -> Any:
    """What is given for the boundary: one side for all, or a tuple of what each axis has.

    An axis has one side for both, or a pair (low, high) if these differ. Sides that a mapping
    doesn't name absorb.

    Args:
        spec: as for `Medium`.
        dimensions: the number of axes; None if it is 2 or 3.

    Raises:
        PhysicsError: an unknown side, or an axis that is periodic at one side only.
    """
    if isinstance(spec, Mapping):
        return _from_names(spec, dimensions)
    if isinstance(spec, np.ndarray):
        spec = spec.tolist()
    if not isinstance(spec, tuple | list):
        return _side("boundary", spec)
    if len(spec) not in ((dimensions,) if dimensions else (2, 3)):
        shown = f"{len(spec)} values" if len(spec) > 3 else str(spec)[:60]
        raise PhysicsError(
            f"boundary must be one value or one for each of {dimensions or '2 or 3'} axes, not "
            f"{shown}"
        )
    return tuple(map(_axis_sides, spec, SIDES[-len(spec) :]))


def _from_names(spec: Mapping[Any, Any], dimensions: int | None) -> tuple[AxisSides, ...]:
    in_space = any(name in spec for name in SIDES[0])
    axes = SIDES[-dimensions:] if dimensions else SIDES if in_space else SIDES[1:]
    _check_names(spec, axes, others=not dimensions)
    return tuple(_axis_sides([spec.get(name, DEFAULT) for name in names], names) for names in axes)


def with_sides(sides: Sequence[AxisSides], changed: Mapping[str, Side]) -> dict[str, Side]:
    """The sides of a medium by name, some of them changed.

    Raises:
        PhysicsError: a lattice with so many axes has no side of a name.
    """
    axes = SIDES[-len(sides) :]
    known = _check_names(changed, axes)
    each = (side for pair in map(both_sides, sides) for side in pair)
    return dict(zip(known, each, strict=True)) | dict(changed)


def _check_names(
    names: Iterable[Any], axes: Sequence[tuple[str, str]], *, others: bool = True
) -> list[str]:
    """All sides of the axes; an error if one of the names is none of them.

    `others` is whether the error speaks of those in three dimensions.
    """
    known = [name for pair in axes for name in pair]
    for name in names:
        if name not in known:
            raise PhysicsError(
                f"the boundary has no side {name!r:.60}; its sides are {', '.join(known)}"
                f"{', and in three dimensions front, back' if others and axes != SIDES else ''}"
            )
    return known


def _axis_sides(entry: Any, names: tuple[str, str]) -> AxisSides:
    """One side for both, or a pair if they differ."""
    if not isinstance(entry, tuple | list):
        return _side("boundary", entry)
    if len(entry) != 2:
        raise PhysicsError(
            f"the boundary of an axis must be one value or a pair ({', '.join(names)}), not "
            f"{str(entry)[:60]}"
        )
    low, high = (_side(name, side) for name, side in zip(names, entry, strict=True))
    if low == high:
        return low
    if "periodic" in (low, high):
        raise PhysicsError(
            f"an axis is periodic at both sides or at none, not {names[0]} {in_words(low)} and "
            f"{names[1]} {in_words(high)}; make both periodic, or none"
        )
    return low, high


def _side(name: str, value: Any) -> Side:
    """A side in its canonical spelling."""
    if isinstance(value, FixedValue | FixedFlux):
        return value
    side = value
    if isinstance(value, str):
        plain = value.lower().translate(_WITHOUT_SEPARATORS)
        side = ALIASES.get(plain, value.lower())
    if not isinstance(side, str) or side not in BOUNDARIES:
        what = name if name == "boundary" else f"boundary {name}"
        raise PhysicsError(
            f"{what} {value!r:.60} is unknown; choose absorbing (dirichlet), reflecting (neumann, "
            "no-flux) or periodic, or give a value or a flux"
        )
    return side


def in_words(side: Side) -> str:
    """For example "absorbing", or "value 1", or "flux 0 to 0.5" of an array."""
    if isinstance(side, str):
        return side
    least, most = float(np.min(side.numbers)), float(np.max(side.numbers))
    return f"{side.name} {least:g}" + (f" to {most:g}" if least < most else "")


def sides_in_words(sides: Sequence[AxisSides]) -> str:
    """For example "reflecting", or "top and left: value 1, bottom and right: absorbing"."""
    alike: dict[str, list[str]] = {}
    for name, side in with_sides(sides, {}).items():
        alike.setdefault(in_words(side), []).append(name)
    if len(alike) == 1:
        return next(iter(alike))
    return ", ".join(f"{' and '.join(names)}: {does}" for does, names in alike.items())


def smallest_given(sides: Sequence[AxisSides]) -> float:
    """The smallest of the given values and fluxes, and of 0."""
    each = (side for pair in map(both_sides, sides) for side in pair)
    return min([0.0, *(float(np.min(s.numbers)) for s in each if not isinstance(s, str))])


def homogeneous(sides: AxisSides) -> AxisBoundary:
    """The boundary of an axis for fields without given values and fluxes."""
    kinds = {FixedValue: "absorbing", FixedFlux: "reflecting"}
    low, high = (kinds.get(type(side), side) for side in both_sides(sides))
    return low if low == high else (low, high)
