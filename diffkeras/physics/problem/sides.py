"""The boundary of a lattice: what each of its sides does.

A side absorbs, reflects or continues on the opposite side (periodic), or has given numbers
(`given_sides`), and then absorbs or reflects apart from these.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import NodeValues
from diffkeras.physics.problem.given_sides import BoundaryName, GivenSide

AxisBoundary = BoundaryName | tuple[BoundaryName, BoundaryName]  # of both sides, or (low, high)
BOUNDARIES: tuple[BoundaryName, ...] = ("absorbing", "reflecting", "periodic")
DEFAULT: BoundaryName = "absorbing"
# other names, read without hyphens, underscores and spaces
ALIASES: dict[str, BoundaryName] = {
    "dirichlet": "absorbing",
    "neumann": "reflecting",
    "noflux": "reflecting",
    "zeroflux": "reflecting",
    "zerogradient": "reflecting",
    "insulated": "reflecting",
}
# (low, high) of each axis; in two dimensions of the last two
SIDES = (("front", "back"), ("top", "bottom"), ("left", "right"))
IN_SPACE = ", and in three dimensions front, back"
_WITHOUT_SEPARATORS = str.maketrans("", "", "-_ ")

Side = BoundaryName | GivenSide
AxisSides = Side | tuple[Side, Side]  # both sides of an axis, or (low, high)
BoundarySpec = AxisSides | tuple[AxisSides, ...] | Mapping[str, Side]


def canonical_boundary(spec: Any, dimensions: int | None = None) -> Any:
    """What is given for the boundary of a `Medium` of so many axes, None if they are 2 or 3.

    One side for all, a tuple of what each axis has, or sides by name, if these may be of two or of
    three axes. An axis has one side for both, or a pair (low, high) if these differ.
    """
    if isinstance(spec, Mapping):
        if dimensions or any(name in spec for name in SIDES[0]):
            return sides_of_axes(spec, dimensions or len(SIDES))
        # an error for what is wrong in both dimensions
        sides_of_axes(spec, len(SIDES) - 1, IN_SPACE)
        return {name: _side(name, side) for name, side in spec.items()}
    if isinstance(spec, np.ndarray):
        spec = spec.tolist()
    if not isinstance(spec, tuple | list):
        return _side("boundary", spec)
    if len(spec) not in ((dimensions,) if dimensions else (2, 3)):
        shown = f"{len(spec)} values" if len(spec) > 3 else f"{spec!s:.60}"
        raise PhysicsError(
            f"boundary must be one value or one for each of {dimensions or '2 or 3'} axes, not "
            f"{shown}"
        )
    return tuple(map(_axis_sides, spec, SIDES[-len(spec) :]))


def sides_of_axes(boundary: Any, axes: int, more: str = "") -> tuple[AxisSides, ...]:
    """What each axis has; `more` follows the names of sides in an error."""
    if isinstance(boundary, tuple):
        return boundary
    if not isinstance(boundary, Mapping):
        return (boundary,) * axes
    named = SIDES[-axes:]
    _check_names(boundary, named, more)
    each = ([boundary.get(name, DEFAULT) for name in names] for names in named)
    return tuple(map(_axis_sides, each, named))


def with_sides(sides: Sequence[AxisSides], changed: Mapping[str, Side]) -> dict[str, Side]:
    """The sides of a medium by name, some of them changed."""
    axes = SIDES[-len(sides) :]
    known = _check_names(changed, axes)
    each = (side for pair in map(both_sides, sides) for side in pair)
    return dict(zip(known, each, strict=True)) | dict(changed)


def _check_names(
    names: Iterable[Any], axes: Sequence[tuple[str, str]], more: str = ""
) -> list[str]:
    """All sides of the axes; an error if one of the names is none of them."""
    known = [name for pair in axes for name in pair]
    for name in names:
        if name not in known:
            raise PhysicsError(
                f"the boundary has no side {name!r:.60}; its sides are {', '.join(known)}{more}"
            )
    return known


def _axis_sides(entry: Any, names: tuple[str, str]) -> AxisSides:
    """One side for both, or a pair if they differ."""
    if not isinstance(entry, tuple | list):
        return _side("boundary", entry)
    if len(entry) != 2:
        raise PhysicsError(
            f"the boundary of an axis must be one value or a pair ({', '.join(names)}), not "
            f"{entry!s:.60}"
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
    if isinstance(value, GivenSide):
        return value
    side = value
    if isinstance(value, str):
        plain = value.lower().translate(_WITHOUT_SEPARATORS)
        side = ALIASES.get(plain, value.lower())
    if not isinstance(side, str) or side not in BOUNDARIES:
        what = name if name == "boundary" else f"boundary {name}"
        given = "a value or a flux (FixedValue, FixedFlux, Robin; in the command --side)"
        if isinstance(value, Real):
            given = f"FixedValue({value}), FixedFlux({value}) or Robin"
        raise PhysicsError(
            f"{what} {value!r:.60} is unknown; choose absorbing (dirichlet), reflecting (neumann, "
            f"no-flux, zero-flux, zero-gradient, insulated) or periodic, or give {given}"
        )
    return side


def in_words(side: Side) -> str:
    """For example "absorbing", or "value 1", or "flux 0 to 0.5" of an array."""
    if isinstance(side, str):
        return side
    each = []
    for name, numbers in side.parts.items():
        least, most = float(np.min(numbers)), float(np.max(numbers))
        each.append(f"{name} {least:g}" + (f" to {most:g}" if least < most else ""))
    return " and ".join(each)


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
    numbers = (part for side in each if not isinstance(side, str) for part in side.parts.values())
    return min([0.0, *(float(np.min(part)) for part in numbers)])


def kinds_of(sides: AxisSides) -> AxisBoundary:
    """The boundary of an axis for fields without given values and fluxes."""
    low, high = (
        side.kind if isinstance(side, GivenSide) else side
        for side in cast(tuple[Side, Side], both_sides(sides))
    )
    return low if low == high else (low, high)


def both_sides(boundary: Any) -> tuple[Any, Any]:
    """(low, high) of what is given for an axis: one for both sides, or a pair."""
    return boundary if isinstance(boundary, tuple) else (boundary, boundary)


class SideTerms(NamedTuple):
    """What sides with given numbers add to the equations, in extended precision.

    The production of a node may cancel what its sides add.
    """

    decays: NDArray[np.longdouble]  # on the lattice
    productions: NDArray[np.longdouble]
    sizes: NDArray[np.longdouble]  # the sums of the |productions| of all sides
    draining: list[str]  # the sides that add a decay


def terms_of_sides(
    sides: Sequence[AxisSides],
    diffusivities: Sequence[NodeValues],
    step: float,
    lattice: tuple[int, ...],
) -> SideTerms:
    """What the sides with given numbers add.

    Raises:
        PhysicsError: an array of another shape than its side, or numbers that underflow.
    """
    decays, productions, sizes = (np.zeros(lattice, np.longdouble) for _ in range(3))
    draining: list[str] = []
    for axis, end, side in _given_sides(sides):
        name, shape = SIDES[axis - len(lattice)][end], lattice[:axis] + lattice[axis + 1 :]
        for part, numbers in side.parts.items():
            if np.ndim(numbers) and np.shape(numbers) != shape:
                raise PhysicsError(
                    f"the {part} of the {name} side has shape {np.shape(numbers)}, and the "
                    f"side {shape}; give a number or an array of this shape"
                )
        diffusivity = np.moveaxis(np.broadcast_to(diffusivities[axis], lattice), axis, 0)[end]
        added = side.terms(diffusivity.astype(np.longdouble), cast(float, np.longdouble(step)))
        if _underflows(side, np.asarray(added[1], np.float64)):
            raise PhysicsError(
                f"the {' or the '.join(side.parts)} of the {name} side is so small that what it "
                "adds to the production underflows: choose other units"
            )
        totals = (decays, productions, sizes)
        for total, term in zip(totals, (*added, np.abs(added[1])), strict=True):
            np.moveaxis(total, axis, 0)[end] += term
        draining += [name] * bool(np.any(added[0]))
    return SideTerms(decays, productions, sizes, draining)


def _given_sides(sides: Sequence[AxisSides]) -> Iterator[tuple[int, int, GivenSide]]:
    """Axis, end (0 or −1) and side."""
    for axis, entry in enumerate(sides):
        for end, side in zip((0, -1), both_sides(entry), strict=True):
            if not isinstance(side, str):
                yield axis, end, side


def _underflows(side: GivenSide, production: float | NDArray[np.float64]) -> bool:
    """Whether a node gets no production, and no number of the side is 0 there."""
    *numbers, added = np.broadcast_arrays(*side.parts.values(), production)
    return bool(np.any(np.all(numbers, axis=0) & (added == 0)))
