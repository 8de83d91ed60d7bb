"""Sides of a lattice with given numbers, and what they add to the equations.

The ghost nodes of such a side have a value, which is an absorbing side whose ghost nodes are not 0;
a flux comes in through it, or one in proportion to the field goes out, and both are reflecting
sides but for that flux. It adds to the decay and the production of the nodes next to it, and
everything else sees sides that absorb or reflect.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import (
    LARGEST,
    ExplainedKeywords,
    NodeValues,
    ReadOnlyArrays,
    ShortRepr,
    check_node_values,
)

BoundaryName = Literal["absorbing", "reflecting", "periodic"]
ALONG = {1: "along the side", 2: "on the side"}  # axes of arrays
Terms = tuple[NodeValues, NodeValues]  # of a decay and a production, or their derivatives


class GivenSide(ShortRepr, ReadOnlyArrays, ExplainedKeywords):
    """A dataclass of numbers along a side, one or one for each node, and what they add."""

    kind: ClassVar[BoundaryName]  # what the side does apart from the numbers
    name: ClassVar[str]  # of this kind, on the command line
    meaning: ClassVar[str]  # of its numbers there, which are named in capitals
    LEAST: ClassVar[Mapping[str, float]] = {}  # of numbers that are limited

    def __post_init__(self) -> None:
        for name, value in self.parts.items():
            least = self.LEAST.get(name, -LARGEST)
            wanted = f"{'finite' if least < 0 else f'≥ {least:g} and finite'}, up to {LARGEST:g}"
            what = f"the {name} of a side"
            checked = check_node_values(what, value, least, LARGEST, wanted, ALONG)
            object.__setattr__(self, name, checked)

    @classmethod
    def names_of_numbers(cls) -> tuple[str, ...]:
        """The names of the numbers, in their order."""
        # all subclasses are dataclasses
        return tuple(field.name for field in fields(cls))  # type: ignore[arg-type]

    @property
    def parts(self) -> dict[str, Any]:
        """The numbers by name, each a number or an array of the side's shape."""
        return {name: getattr(self, name) for name in self.names_of_numbers()}

    def terms(self, diffusivity: NodeValues, step: float) -> Terms:
        """What the side adds to the decay [1/time] and the production of the nodes next to it.

        Their diffusivity is a number, or an array of the side's shape of any library.
        """
        raise NotImplementedError

    def slopes(self, diffusivity: NodeValues, step: float) -> dict[str, Terms]:
        """The derivatives of both `terms` by each number, by "diffusivity" and by "step"."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        pairs = zip(self.parts.values(), other.parts.values(), strict=True)
        return all(np.array_equal(one, two) for one, two in pairs)

    def __hash__(self) -> int:
        # no -0.0, which equals 0.0
        return hash((type(self), *((np.asarray(p) + 0.0).tobytes() for p in self.parts.values())))


@dataclass(frozen=True, eq=False, repr=False)
class FixedValue(GivenSide):
    """A side outside of which the field has a given value (Dirichlet).

    Ghost nodes hold the value, one step beyond the outermost nodes; 0 is an absorbing
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
    name = "value"
    meaning = "VALUE is the concentration outside"

    def terms(self, diffusivity: NodeValues, step: float) -> Terms:
        """See `GivenSide`: the ghost nodes' share of the five-point equation, D/h² times value."""
        return 0.0, diffusivity / step**2 * self.parts["value"]

    def slopes(self, diffusivity: NodeValues, step: float) -> dict[str, Terms]:
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
    name = "flux"
    meaning = "FLUX flows in [concentration*length/time]"

    def terms(self, diffusivity: NodeValues, step: float) -> Terms:
        """See `GivenSide`: the flux through one face of a volume of width h."""
        return 0.0, self.parts["flux"] / step

    def slopes(self, diffusivity: NodeValues, step: float) -> dict[str, Terms]:
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
    name = "robin"
    meaning = "COEFFICIENT*(u - VALUE) flows out, COEFFICIENT [length/time], VALUE 0 by default"
    LEAST: ClassVar[Mapping[str, float]] = {"coefficient": 0.0}

    def terms(self, diffusivity: NodeValues, step: float) -> Terms:
        """See the class."""
        coefficient, value = self.parts.values()
        rate = coefficient / (1 + coefficient * step / (2 * diffusivity)) / step
        return rate, rate * value

    def slopes(self, diffusivity: NodeValues, step: float) -> dict[str, Terms]:
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


# the kinds of sides with given numbers, by their names, and by the numbers' names
KINDS: dict[str, type[GivenSide]] = {kind.name: kind for kind in (FixedValue, FixedFlux, Robin)}
GIVEN = {frozenset(kind.names_of_numbers()): kind for kind in KINDS.values()}


def side_of(numbers: Mapping[str, Any]) -> GivenSide:
    """The side of given numbers, by their names."""
    if (kind := GIVEN.get(frozenset(numbers))) is None:
        raise PhysicsError(
            "a side has a value, a flux, or a coefficient and a value, not "
            f"{dict(numbers)!s:.60}; give {{value: 1.0}}, {{flux: 0.1}} or "
            "{coefficient: 0.2, value: 1.0}"
        )
    return kind(**numbers)


def plain_sides(sides: Any, unit: float = 1.0) -> Any:
    """One or tuples of sides as plain data, in lists for tuples, with fluxes in a unit."""
    if isinstance(sides, tuple):
        return [plain_sides(side, unit) for side in sides]
    if not isinstance(sides, GivenSide):
        return sides
    return {name: n if name == "value" else n / unit for name, n in sides.parts.items()}
