"""The medium: diffusivity, decay, lattice step and boundaries."""

import inspect
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, TypedDict, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import (
    FASTEST,
    PLANE,
    SLOWEST,
    ExplainedKeywords,
    NodeValues,
    ReadOnlyArrays,
    ShortRepr,
    check_node_values,
    check_number,
    check_positive_values,
    one_or_each,
    unknown_keyword,
)
from diffkeras.physics.problem.given_sides import BoundaryName
from diffkeras.physics.problem.sides import (
    AxisBoundary,
    AxisSides,
    BoundarySpec,
    canonical_boundary,
    kinds_of,
    sides_in_words,
    sides_of_axes,
)

# ratio of a uniform medium's diffusivities up to which the ring system keeps enough digits
MOST_ANISOTROPIC = 1e3
MOST_CONTRAST = 1e8  # ratio of diffusivities of a medium that varies: multigrid converges


@dataclass(frozen=True, eq=False, repr=False)
class Medium(ShortRepr, ReadOnlyArrays, ExplainedKeywords):
    """A medium in which the steady state solves ∇·(D∇u) − γu = 0 outside the sources.

    Diffusivity and decay are numbers in a uniform medium. In a medium that varies over the lattice,
    one or both are arrays (rows, columns), or (planes, rows, columns) in three dimensions. Media
    are equal if all their values are.

    Each default holds by itself. In particular, **the decay stays 1/400 if only a diffusivity is
    given**: the diffusion length √(D/γ) is then √(400 D), in the unit of the step. Give both.

    Attributes:
        diffusivity: D > 0 [length²/time]; a tuple with one for each axis where it differs between
            them.
        decay: γ ≥ 0 [1/time]; 1/400 unless given, whatever the diffusivity is.
        step: lattice step h > 0 [length].
        boundary: what the sides of the lattice do: absorbing (dirichlet, u = 0), reflecting
            (neumann, no-flux, zero-flux, zero-gradient, insulated), periodic, a `FixedValue`, a
            `FixedFlux` or `Robin`. One for all sides; a tuple, first for top and bottom, then for
            left and right (in three dimensions after front and back), of which each may be a pair
            (low, high); or a mapping with some of "top", "bottom" (first and last row), "left",
            "right" (first and last column), "front" and "back" (first and last plane), where sides
            that are not named absorb.

    Raises:
        PhysicsError: a value out of its range or not finite, arrays of different shapes, or a
            boundary that can't be one.

    Example:
        >>> Medium(decay=0.01, boundary="reflecting").diffusion_length
        10.0
    """

    diffusivity: NodeValues | tuple[NodeValues, ...] = 1.0
    decay: NodeValues = 1 / 400
    step: float = 1.0
    boundary: BoundarySpec = "absorbing"

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            "diffusivity": one_or_each("diffusivity", self.diffusivity, check_positive_values),
            "decay": check_node_values(
                "decay", self.decay, 0.0, sys.float_info.max, "≥ 0 and finite"
            ),
            "step": check_positive_values("step", check_number("step", self.step)),
            "boundary": canonical_boundary(self.boundary),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        shapes = {np.shape(part) for part in (*self.diffusivities, self.decay)} - {()}
        if len(shapes) > 1:
            raise PhysicsError(
                "arrays of diffusivity and decay have one shape, not "
                + " and ".join(map(str, sorted(shapes)))
            )
        if len(counts := self._axes_of_parts()) > 1:
            each = ", ".join(f"{name} for {axes} axes" for axes, name in counts.items())
            raise PhysicsError(f"the parts of a medium are for one number of axes, not {each}")
        _check_contrast(self)
        _check_speed_of_decay(self)

    @classmethod
    def of(cls, medium: "Medium | None", parts: Mapping[str, Any]) -> "Medium":
        """The medium of a function that takes either `medium=` or its parts as keywords.

        Raises:
            TypeError: a part that no medium has.
            PhysicsError: both, or something else than a Medium, or values as for `Medium`.
        """
        if medium is None and not parts:
            return DEFAULT
        names = {field.name for field in fields(cls)}
        if unknown := sorted(set(parts) - names):
            raise unknown_keyword(unknown[0])
        if medium is None:
            return cls(**parts)
        if not isinstance(medium, Medium):
            raise PhysicsError(f"medium must be a Medium, not a {type(medium).__name__}")
        if parts:
            raise PhysicsError(
                f"give either medium or {', '.join(parts)}: a medium holds its own "
                f"{next(iter(parts))}"
            )
        return medium

    def _axes_of_parts(self) -> dict[int, str]:
        """How many axes the parts are for that have axes, each number with such a part."""
        counts: dict[int, str] = {}
        for name in ("boundary", "decay", "diffusivity"):
            part = getattr(self, name)
            if isinstance(part, tuple):
                counts[len(part)] = name
            for each in part if isinstance(part, tuple) else (part,):
                if isinstance(each, np.ndarray):
                    counts[each.ndim] = name
        return counts

    @cached_property
    def dimensions(self) -> int:
        """The number of axes that its parts are for; 2 if they are for any number."""
        return next(iter(self._axes_of_parts()), PLANE)

    def on(self, lattice: tuple[int, ...]) -> "Medium":
        """This medium on a lattice, with a boundary for each of three axes.

        Raises:
            PhysicsError: arrays of another shape, or parts for another number of axes.
        """
        if self.lattice not in (None, lattice):
            raise PhysicsError(
                f"the medium has arrays of shape {self.lattice}, and the lattice is {lattice}"
            )
        axes = len(lattice)
        if self._axes_of_parts().keys() - {axes}:
            raise PhysicsError(
                f"the medium is one of {self.dimensions} axes, and the lattice {lattice} has {axes}"
            )
        if axes == PLANE or isinstance(self.boundary, tuple):
            return self
        return self._with("boundary", sides_of_axes(self.boundary, axes))

    @property
    def is_uniform(self) -> bool:
        """Whether diffusivity and decay are the same on all nodes."""
        return self.lattice is None

    @cached_property
    def lattice(self) -> tuple[int, ...] | None:
        """The sides of the lattice of a medium that varies; None for a uniform one."""
        for part in (*self.diffusivities, self.decay):
            if isinstance(part, np.ndarray):
                return part.shape
        return None

    @cached_property
    def diffusivities(self) -> tuple[NodeValues, ...]:
        """Diffusivity along each axis."""
        each = self.diffusivity
        return each if isinstance(each, tuple) else (each,) * self.dimensions

    @cached_property
    def sides(self) -> tuple[AxisSides, ...]:
        """The boundary of each axis, one for both sides or a pair (low, high)."""
        return sides_of_axes(self.boundary, self.dimensions)

    @cached_property
    def side_kinds(self) -> tuple[AxisBoundary, ...]:
        """What `sides` do apart from their given values, fluxes and coefficients."""
        return tuple(map(kinds_of, self.sides))

    @property
    def is_closed(self) -> bool:
        """Whether no side absorbs or holds a value, so that nothing is lost at the boundary."""
        return not any("absorbing" in boundary for boundary in self.side_kinds)

    @property
    def has_homogeneous_sides(self) -> bool:
        """Whether no side has a given value or flux, so that fields are linear in the sources."""
        return self.sides == self.side_kinds

    @property
    def has_equal_sides(self) -> bool:
        """Whether both sides of each axis absorb, reflect or are periodic, without given values."""
        return all(isinstance(side, str) for side in self.sides)

    @property
    def diffusion_length(self) -> float:
        """l_D = √(D/γ) [length] of a uniform medium, D the larger one; infinite without decay."""
        self.require("the diffusion length", "uniform")
        return math.sqrt(self._largest / float(self.decay)) if self.decay else math.inf

    def with_diffusion_length(self, length: float) -> "Medium":
        """This medium with the decay γ = D/ℓ² that gives it the diffusion length ℓ [length].

        Raises:
            PhysicsError: a length for which no decay is in range, or a medium that varies.

        Example:
            >>> Medium(diffusivity=2.0).with_diffusion_length(10.0).decay
            0.02
        """
        self.require("the diffusion length", "uniform")
        length = check_number("diffusion length", length)
        if not 1e-100 < length < 1e100:
            raise PhysicsError(f"diffusion length must be positive and finite, not {length}")
        return replace(self, decay=self._largest / length**2)

    def with_unchecked_decay(self, decay: NodeValues) -> "Medium":
        """This medium with another decay in its range, which becomes read-only without a copy."""
        if isinstance(decay, np.ndarray):
            decay.setflags(write=False)
        return self._with("decay", decay)

    def _with(self, name: str, part: Any) -> "Medium":
        other = object.__new__(Medium)
        for field in fields(self):  # nothing that was computed from them
            object.__setattr__(other, field.name, getattr(self, field.name))
        object.__setattr__(other, name, part)
        return other

    def require(self, what: str, *wanted: str) -> None:
        """Raise a PhysicsError that names what needs a "uniform", "plane" or "plain" medium.

        A plain one has no side with a given value or flux.
        """
        if "uniform" in wanted and not self.is_uniform:
            needed = "a uniform medium, and diffusivity or decay vary over the lattice here"
        elif "plane" in wanted and self.dimensions != PLANE:
            needed = f"a medium of 2 dimensions, not of {self.dimensions}"
        elif "plain" in wanted and not self.has_homogeneous_sides:
            needed = f"sides without given numbers, and here are {sides_in_words(self.sides)}"
        else:
            return
        raise PhysicsError(f"{what} needs {needed}; `solve` and `certify` take such media")

    def boundary_names(self, what: str) -> tuple[BoundaryName, ...]:
        """The boundary of each axis for `what`, which needs the same one at both sides."""
        self.require(what, "plain")
        names = tuple(name for name in self.side_kinds if isinstance(name, str))
        if len(names) < self.dimensions:
            raise PhysicsError(
                f"{what} needs the same boundary at both sides of an axis, not {self.side_kinds}; "
                "`solve` and `certify` take different ones"
            )
        return names

    def normalised(self) -> "Medium":
        """This medium without given numbers of sides, in units with h and the largest D in [1, 2).

        The units are powers of 2, so that its operator is this one's divided by `unit` to the bit,
        and the field is the same. No unit lets numbers over- or underflow within the solver.
        """
        rate = _power_of_two(self._largest)
        if rate == 1 and _power_of_two(self.step) == 1:
            return self
        diffusivities = tuple(part / rate for part in self.diffusivities)
        step = self.step / _power_of_two(self.step)
        return Medium(diffusivities, self.decay / self.unit, step, self.side_kinds)

    @property
    def unit(self) -> float:
        """The power of 2 [1/time] by which `normalised` divides D/h² and γ."""
        return _power_of_two(self._largest) / _power_of_two(self.step) ** 2

    @cached_property
    def _largest(self) -> float:
        return max(_range_of(part)[1] for part in self.diffusivities)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Medium):
            return NotImplemented
        if (self.step, self.sides) != (other.step, other.sides):
            return False
        if self.is_uniform and other.is_uniform:
            return (self.diffusivities, self.decay) == (other.diffusivities, other.decay)
        pairs = zip(
            (*self.diffusivities, self.decay), (*other.diffusivities, other.decay), strict=True
        )
        return all(np.array_equal(one, two) for one, two in pairs)

    def __hash__(self) -> int:
        if not self.is_uniform:
            raise TypeError("a medium that varies over the lattice can't be hashed")
        return hash((self.diffusivities, self.decay, self.step, self.sides))


class MediumKeywords(TypedDict, total=False):
    """The attributes of a `Medium` as keyword arguments: `solve(image, decay=0.1)`."""

    diffusivity: ArrayLike | tuple[ArrayLike, ...]
    decay: ArrayLike
    step: float
    boundary: BoundarySpec


F = TypeVar("F", bound=Callable[..., Any])


def show_keywords(function: F) -> F:
    """Show the names of `**keywords` in a function's signature, for `help` and notebooks.

    Its last parameter is `**name: Unpack[…]` of a TypedDict. The shown signature has no types,
    which are pages long for arrays.
    """
    signature = inspect.signature(function)
    *named, keywords = signature.parameters.values()
    (taken,) = get_args(keywords.annotation)
    defaults = {field.name: field.default for field in fields(Medium)}
    named += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults.get(name))
        for name in taken.__annotations__
        if name not in signature.parameters and name != "source_image"
    ]
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in named]
    function.__signature__ = inspect.Signature(plain)  # type: ignore[attr-defined]  # `inspect` reads it
    return function


def _check_contrast(medium: Medium) -> None:
    """Raise an error for diffusivities that differ too much for transforms or multigrid."""
    lowest, largest = zip(*map(_range_of, medium.diffusivities), strict=True)
    low, high = min(lowest), max(largest)
    limit = MOST_ANISOTROPIC if medium.is_uniform else MOST_CONTRAST
    if high > limit * low:
        raise PhysicsError(
            f"the diffusivities go from {low:.9g} to {high:.9g}; they may differ by a factor of "
            f"{limit:g} at most"
        )


def _check_speed_of_decay(medium: Medium) -> None:
    """Raise an error for a decay that isn't 0, and too slow or too fast beside the diffusion."""
    decay = medium.decay[medium.decay > 0] if isinstance(medium.decay, np.ndarray) else medium.decay
    if not (np.size(decay) and np.any(decay)):
        return
    # no array, so that it is infinite without a warning where it is too fast
    slow, fast = (each / medium._largest * medium.step * medium.step for each in _range_of(decay))
    if not (slow >= SLOWEST and fast <= FASTEST):
        given = " to ".join(dict.fromkeys(f"{rate:.0e}" for rate in (slow, fast)))
        raise PhysicsError(
            f"must be 0, or {SLOWEST:g} to {FASTEST:g} times D/h², the rate of diffusion over one "
            f"lattice step; here it is {given} times that",
            "decay",
        )


def _range_of(values: NodeValues) -> tuple[float, float]:
    """The least and the largest value."""
    if isinstance(values, np.ndarray):
        return float(values.min()), float(values.max())
    return values, values


def _power_of_two(value: float) -> float:
    """The largest power of 2 that is not above a value."""
    return math.ldexp(1.0, math.frexp(value)[1] - 1)


DEFAULT = Medium()
