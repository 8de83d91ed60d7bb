"""Uptake: in proportion, which adds to the decay, or saturating.

Saturating uptake has rates φ(u) that increase with the concentration up to a maximum.

They are concave for u ≥ 0. Where a start or a rounded field is below 0, φ is continued there by its
tangent at 0. So φ increases and is concave over all real numbers: the steady state of
−∇·(D∇u) + γu + φ(u) = s is unique, and Newton's method ascends to it (`newton`). Hill forms with an
exponent above 1 are not concave.
"""

import copy
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import (
    FASTEST,
    LARGEST,
    SMALLEST,
    ExplainedKeywords,
    NodeValues,
    ReadOnlyArrays,
    ShortRepr,
    check_node_values,
    largest,
    real_array,
)
from diffkeras.physics.problem.medium import Medium

USUAL_ERROR = 1e-9  # of fields, relative


class SaturatingUptake(ShortRepr, ReadOnlyArrays, ExplainedKeywords):
    """A rate φ(u) for each node, increasing and concave, with φ(0) = 0."""

    maximum: NodeValues  # the rate that it never exceeds
    rounding = 8.0  # of `rate` and `slope`, relative to them, in unit roundoffs, as in `STENCIL`
    RATES: ClassVar[tuple[str, ...]] = ("maximum",)  # numbers per unit of time, which may be 0

    def __post_init__(self) -> None:
        for name, value in self.parts.items():
            limits, wanted = (0.0, sys.float_info.max), "≥ 0 and finite"
            if name not in self.RATES:
                limits = SMALLEST, LARGEST
                wanted = f"positive, between {SMALLEST:g} and {LARGEST:g}"
            words = "saturation constant" if name == "constant" else name.replace("_", " ")
            checked = check_node_values(f"the uptake's {words}", value, *limits, wanted)
            object.__setattr__(self, name, checked)
        _ = self.lattice  # an error for arrays of different shapes

    @property
    def parts(self) -> dict[str, Any]:
        """Its numbers by name, each a number or an array of the lattice's shape."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]  # every kind is a dataclass

    def with_unchecked_parts(self, parts: Mapping[str, Any]) -> Self:
        """The same law with other numbers in their ranges; arrays become read-only, not copied."""
        other = copy.copy(self)
        for name, part in parts.items():
            if isinstance(part, np.ndarray):
                part.setflags(write=False)
            object.__setattr__(other, name, part)
        return other

    @property
    def capacity(self) -> NodeValues:
        """The rate that it comes near at high concentrations."""
        return self.maximum

    @property
    def lattice(self) -> tuple[int, ...] | None:
        """The sides of the lattice of its arrays; None if it is the same on all nodes."""
        shapes = {np.shape(part) for part in self.parts.values()} - {()}
        if len(shapes) > 1:
            raise PhysicsError(
                f"the arrays of an uptake have shapes {' and '.join(map(str, sorted(shapes)))}; "
                "give arrays of the lattice's shape, or numbers"
            )
        return next(iter(shapes), None)

    @property
    def steepest(self) -> float:
        """At least the largest slope [1/time]."""
        raise NotImplementedError

    def rate(self, field: NDArray) -> NDArray:
        """φ(u), of the field's shape [concentration/time]."""
        raise NotImplementedError

    def slope(self, field: NDArray) -> NDArray:
        """dφ/du, of the field's shape [1/time]."""
        raise NotImplementedError

    def partial(self, name: str, field: NDArray) -> NDArray:
        """dφ/dp of a number p by its attribute's name, of the field's shape."""
        raise NotImplementedError

    def at_corner(self, field: NDArray) -> NDArray | bool:
        """Where φ has no derivative by u, to within the error that fields usually have."""
        return False

    def jumps(self, field: NDArray) -> NDArray | bool:
        """Where φ jumps as its maximum begins to grow."""
        return False

    def in_unit(self, unit: float) -> Self:
        """This uptake with rates in another unit of time, of which they are 1/`unit`."""
        rates = {name: getattr(self, name) / unit for name in self.RATES}
        return self if unit == 1 else type(self)(**{**self.parts, **rates})


def michaelis_menten_rate(maximum: Any, constant: Any, field: Any, xp: Any = np) -> Any:
    """v u/(K + u), continued by its tangent at 0 below, of arrays of the namespace `xp`."""
    return maximum * (field / (constant + xp.maximum(field, 0)))


def michaelis_menten_slope(maximum: Any, constant: Any, field: Any, xp: Any = np) -> Any:
    """The derivative of `michaelis_menten_rate` by the field."""
    share = constant / (constant + xp.maximum(field, 0))
    return maximum / constant * share**2


@dataclass(frozen=True, eq=False, repr=False)
class MichaelisMenten(SaturatingUptake):
    """Michaelis–Menten uptake, φ(u) = v u/(K + u).

    Attributes:
        maximum: v ≥ 0 [concentration/time], the rate at high concentrations; a number, or an array
            of the lattice's shape, 0 where no cell is.
        constant: K > 0 [concentration], at which the rate is half of the maximum; a number or an
            array. In datasets, networks and commands it is called saturation.

    Raises:
        PhysicsError: a value out of its range or not finite, or arrays of different shapes.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> cells = np.zeros((64, 64))
        >>> cells[20:30, 20:30] = 0.5
        >>> vessel = np.zeros((64, 64))
        >>> vessel[40:44, 40:44] = 1.0
        >>> solution = dk.solve(vessel, uptake=dk.MichaelisMenten(cells, 0.1), decay=0.0)
        >>> bool(0 < solution.field[25, 25] < solution.field[25, 50])
        True
    """

    maximum: NodeValues
    constant: NodeValues

    @property
    def steepest(self) -> float:
        """See `SaturatingUptake`."""
        with np.errstate(over="ignore"):  # infinite is too steep
            if not np.ndim(self.constant):  # rounding is monotone
                return float(np.divide(np.max(self.maximum), self.constant))
            return float(np.max(np.divide(self.maximum, self.constant)))

    def rate(self, field: NDArray) -> NDArray:
        """See `SaturatingUptake`."""
        return michaelis_menten_rate(self.maximum, self.constant, field)

    def slope(self, field: NDArray) -> NDArray:
        """See `SaturatingUptake`."""
        return michaelis_menten_slope(self.maximum, self.constant, field)

    def partial(self, name: str, field: NDArray) -> NDArray:
        """See `SaturatingUptake`."""
        share = field / (self.constant + np.maximum(field, 0))
        if name == "maximum":
            return share
        return -self.maximum * share / (self.constant + np.maximum(field, 0))


@dataclass(frozen=True, eq=False, repr=False)
class CappedUptake(SaturatingUptake):
    """Uptake in proportion up to a maximum, φ(u) = min(v, k u), as in CompuCell3D.

    Attributes:
        maximum: v ≥ 0 [concentration/time]; a number or an array of the lattice's shape, 0
            where no cell is. CompuCell3D's `MaxUptake`.
        rate_constant: k ≥ 0 [1/time]; a number or an array. CompuCell3D's `RelativeUptakeRate`.

    Raises:
        PhysicsError: a negative value or one that isn't finite, or arrays of different shapes.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> dk.physics.CappedUptake(0.2, 0.1).rate(np.array([1.0, 5.0])).tolist()
        [0.1, 0.2]
    """

    maximum: NodeValues
    rate_constant: NodeValues
    RATES = ("maximum", "rate_constant")

    @property
    def capacity(self) -> NodeValues:
        """See `SaturatingUptake`; 0 where the rate constant is 0."""
        return np.where(np.greater(self.rate_constant, 0), self.maximum, 0.0)

    @property
    def steepest(self) -> float:
        """See `SaturatingUptake`."""
        return float(np.max(self._tangent))

    @property
    def _tangent(self) -> NDArray:
        """The slope at 0: where the maximum is 0, nothing is taken up at any concentration."""
        return np.where(np.greater(self.maximum, 0), self.rate_constant, 0.0)

    def rate(self, field: NDArray) -> NDArray:
        """See `SaturatingUptake`."""
        return np.minimum(self.maximum, self._tangent * field)

    def slope(self, field: NDArray) -> NDArray:
        """See `SaturatingUptake`; at the corner it is that above, 0."""
        tangent = self._tangent
        return np.where(tangent * field < self.maximum, tangent, 0.0)

    def partial(self, name: str, field: NDArray) -> NDArray:
        """See `SaturatingUptake`; at the corner, and where the maximum is 0, the maximum counts."""
        rate = self.rate_constant * field
        is_capped = (rate >= self.maximum) & (rate > 0)
        if name == "maximum":
            return np.where(is_capped, 1.0, 0.0)
        return np.where(is_capped | np.equal(self.maximum, 0), 0.0, field)

    def at_corner(self, field: NDArray) -> NDArray:
        """See `SaturatingUptake`."""
        tangent = self._tangent
        near = np.isclose(tangent * field, self.maximum, rtol=USUAL_ERROR, atol=0.0)
        return near & (tangent > 0)

    def jumps(self, field: NDArray) -> NDArray:
        """See `SaturatingUptake`: from 0 to k u, where the maximum is 0 and u < 0."""
        is_closed = np.equal(self.maximum, 0) & np.greater(self.rate_constant, 0)
        return is_closed & (field < -USUAL_ERROR * largest(field))


def medium_with_uptake(
    medium: Medium, uptake: Any, fixed: NDArray[np.bool_]
) -> tuple[Medium, SaturatingUptake | None]:
    """The medium, whose decay includes a linear uptake; and a saturating one, or None.

    Raises:
        PhysicsError: an uptake that is negative, not finite, of another shape than the lattice, or
            with rates beyond any tissue.
    """
    if isinstance(uptake, SaturatingUptake):
        _check_rates(uptake, fixed, medium)
        return medium, uptake
    if callable(uptake):
        raise PhysicsError(
            f"uptake is a {type(uptake).__name__}, not an array of rates; laws that saturate are "
            "MichaelisMenten(maximum, constant) and CappedUptake(maximum, rate_constant)"
        )
    if isinstance(uptake, tuple | list):
        uptake = real_array("the uptake", uptake)
    wanted = "≥ 0 and finite; what cells release is given by production"
    rate = check_node_values("uptake", uptake, 0.0, sys.float_info.max, wanted)
    _check_shape(np.shape(rate), fixed.shape)
    return replace(medium, decay=medium.decay + rate), None


def largest_capacity(uptake: SaturatingUptake, fixed: NDArray[np.bool_]) -> float:
    """The largest rate that any free node comes near; 0 if the uptake takes up nothing."""
    capacity = np.broadcast_to(uptake.capacity, fixed.shape)
    return float(np.max(capacity, where=~fixed, initial=0.0))


def _check_shape(shape: tuple[int, ...] | None, lattice: tuple[int, ...]) -> None:
    if shape and shape != lattice:
        raise PhysicsError(
            f"the uptake has shape {shape}, the source image or production {lattice}; give numbers "
            "or arrays of that shape"
        )


def _check_rates(uptake: SaturatingUptake, fixed: NDArray[np.bool_], medium: Medium) -> None:
    _check_shape(uptake.lattice, fixed.shape)
    maximum = largest_capacity(uptake, fixed)
    if not maximum:
        return
    rate, steepest = maximum / medium.unit, float(uptake.steepest) / medium.unit
    if not (rate <= LARGEST and steepest <= FASTEST):
        raise PhysicsError(
            f"the uptake's largest rate is {maximum:.3g} and its largest slope {steepest:.3g} "
            f"D/h², the rate of diffusion over one lattice step; these may be {LARGEST:g} and "
            f"{FASTEST:g} at most: choose other units"
        )
