"""The boundary of a lattice: what each of its sides does.

A side absorbs, reflects or continues on the opposite side (periodic). Or it has given numbers: its
ghost nodes have a value, which is an absorbing side whose ghost nodes are not 0; a flux comes in
through it, or one in proportion to the field goes out, and both are reflecting sides but for that
flux. Such a side adds to the decay and the production of the nodes next to it
(`problem.side_terms`), and everything else sees sides that absorb or reflect.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_number, real_array
from diffkeras.physics.short_repr import ShortRepr

BoundaryName = Literal["absorbing", "reflecting", "periodic"]
AxisBoundary = BoundaryName | tuple[BoundaryName, BoundaryName]  # of both sides, or (low, high)
BOUNDARIES: tuple[BoundaryName, ...] = ("absorbing", "reflecting", "periodic")
Values = float | NDArray[np.float64]  # a number for a side, or one for each of its nodes
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
LARGEST_GIVEN = 1e30
_WITHOUT_SEPARATORS = str.maketrans("", "", "-_ ")


class GivenSide(ShortRepr):
    """A side with given numbers: each one number along the side, or one for each of its nodes.

    A kind of side is a dataclass of such numbers, and says what it adds to the equations.
    """

    kind: ClassVar[BoundaryName]  # what the side does apart from the numbers
    LEAST: ClassVar[Mapping[str, float]] = {}  # of numbers that are limited

    def __post_init__(self) -> None:
        for name, value in self.parts.items():
            object.__setattr__(self, name, self._check(name, value))

    @property
    def parts(self) -> dict[str, Any]:
        """The numbers by name: each a number, or an array of the side's shape."""
        # all subclasses are dataclasses
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def terms(self, diffusivity: Values, step: float) -> tuple[Values, Values]:
        """What the side adds to the decay [1/time] and the production of the nodes next to it.

        Args:
            diffusivity: D of these nodes, a number, or an array of the side's shape of any library.
            step: h.
        """
        raise NotImplementedError

    def slopes(self, diffusivity: Values, step: float) -> dict[str, tuple[Values, Values]]:
        """The derivatives of both `terms` by each number, by "diffusivity" and by "step"."""
        raise NotImplementedError

    def _check(self, name: str, value: Any) -> Values:
        what = f"the {name} of a side"
        if not isinstance(value, tuple | list) and np.ndim(value) == 0:
            checked: Any = check_number(what, value)
        else:
            checked = np.array(real_array(what, value))
            checked.setflags(write=False)
        least = self.LEAST.get(name, -LARGEST_GIVEN)
        bad = ~((checked >= np.float64(least)) & (checked <= LARGEST_GIVEN))  # NaN is bad, too
        if np.any(bad):
            where = f" at node {tuple(map(int, np.argwhere(bad)[0]))}" if np.ndim(checked) else ""
            wanted = "finite" if least < 0 else f"≥ {least:g} and finite"
            raise PhysicsError(
                f"{what} must be {wanted}, up to {LARGEST_GIVEN:g}, not "
                f"{float(np.atleast_1d(checked)[np.atleast_1d(bad)][0])}{where}"
            )
        return checked

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        pairs = zip(self.parts.values(), other.parts.values(), strict=True)
        return all(np.array_equal(one, two) for one, two in pairs)

    def __hash__(self) -> int:
        return hash((type(self), *(np.asarray(part).tobytes() for part in self.parts.values())))


@dataclass(frozen=True, eq=False, repr=False)
class FixedValue(GivenSide):
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
    kind = "absorbing"

    def terms(self, diffusivity: Values, step: float) -> tuple[Values, Values]:
        """See `GivenSide`: the ghost nodes' share of the five-point equation, D/h² times value."""
        return 0.0, diffusivity / step**2 * self.parts["value"]

    def slopes(self, diffusivity: Values, step: float) -> dict[str, tuple[Values, Values]]:
        """See `GivenSide`."""
        value = np.asarray(self.value)
        return {
            "value": (0.0, diffusivity / step**2),
            "diffusivity": (0.0, value / step**2),
            "step": (0.0, -2 * diffusivity * value / step**3),
        }


@dataclass(frozen=True, eq=False, repr=False)
class FixedFlux(GivenSide):
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
    kind = "reflecting"

    def terms(self, diffusivity: Values, step: float) -> tuple[Values, Values]:
        """See `GivenSide`: the flux through one face of a volume of width h."""
        return 0.0, self.parts["flux"] / step

    def slopes(self, diffusivity: Values, step: float) -> dict[str, tuple[Values, Values]]:
        """See `GivenSide`."""
        return {
            "flux": (0.0, 1 / step),
            "diffusivity": (0.0, 0.0),
            "step": (0.0, -np.asarray(self.flux) / step**2),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Robin(GivenSide):
    """A side that exchanges with what is outside of it: the flux α (u − u₀) leaves (Robin).

    u is the field on the side, which lies half a step beyond the outermost nodes, as a reflecting
    side does. The flux α (u − u₀) = 2D (u₁ − u)/h that reaches it from the outermost node's u₁ is

        α' (u₁ − u₀),    α' = α/(1 + α h/(2D))

    (finite volumes; Patankar 1980, §4.2). So the side adds α'/h to that node's decay and α' u₀/h to
    its production. With α = 0 it is a reflecting side.

    Attributes:
        coefficient: α ≥ 0, a number or an array along the side [length/time].
        value: u₀, the same outside [concentration].

    Raises:
        PhysicsError: numbers that are not finite or larger than 1e30, or a negative coefficient.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> boundary = {"top": dk.Robin(0.2, 1.0), "bottom": "reflecting", "left": "reflecting",
        ...             "right": "reflecting"}
        >>> field = dk.solve(np.zeros((8, 8)), decay=0.0, boundary=boundary).field
        >>> bool(np.abs(field - 1.0).max() < 1e-9)  # in balance with the outside
        True
    """

    coefficient: float | ArrayLike
    value: float | ArrayLike = 0.0
    kind = "reflecting"
    LEAST: ClassVar[Mapping[str, float]] = {"coefficient": 0.0}

    def terms(self, diffusivity: Values, step: float) -> tuple[Values, Values]:
        """See the class."""
        coefficient, value = self.parts.values()
        rate = coefficient / (1 + coefficient * step / (2 * diffusivity)) / step
        return rate, rate * value

    def slopes(self, diffusivity: Values, step: float) -> dict[str, tuple[Values, Values]]:
        """See `GivenSide`."""
        coefficient, value = np.asarray(self.coefficient), np.asarray(self.value)
        resistance = 1 + coefficient * step / (2 * diffusivity)
        rate = coefficient / resistance / step
        of_rate = {
            "coefficient": 1 / resistance**2 / step,
            "diffusivity": (coefficient / (diffusivity * resistance)) ** 2 / 2,
            "step": -rate * (1 / step + coefficient / (2 * diffusivity * resistance)),
        }
        slopes = {name: (slope, slope * value) for name, slope in of_rate.items()}
        return {**slopes, "value": (0.0, rate)}


# by the names of their numbers
GIVEN: dict[frozenset[str], type[GivenSide]] = {
    frozenset(field.name for field in fields(kind)): kind for kind in (FixedValue, FixedFlux, Robin)
}
Side = BoundaryName | GivenSide
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
    if isinstance(value, GivenSide):
        return value
    side = value
    if isinstance(value, str):
        plain = value.lower().translate(_WITHOUT_SEPARATORS)
        side = ALIASES.get(plain, value.lower())
    if not isinstance(side, str) or side not in BOUNDARIES:
        what = name if name == "boundary" else f"boundary {name}"
        raise PhysicsError(
            f"{what} {value!r:.60} is unknown; choose absorbing (dirichlet), reflecting (neumann, "
            "no-flux, zero-flux, zero-gradient, insulated) or periodic, or give a value or a flux"
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


def homogeneous(sides: AxisSides) -> AxisBoundary:
    """The boundary of an axis for fields without given values and fluxes."""
    low, high = (
        side.kind if isinstance(side, GivenSide) else side
        for side in cast(tuple[Side, Side], both_sides(sides))
    )
    return low if low == high else (low, high)


def both_sides(boundary: Any) -> tuple[Any, Any]:
    """(low, high) of what is given for an axis: one for both sides, or a pair."""
    return boundary if isinstance(boundary, tuple) else (boundary, boundary)
