"""The medium: diffusivity, decay, lattice step and boundaries, uniform over the lattice."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_number
from diffkeras.physics.operators.axis import BOUNDARIES, BoundaryName

# of D/h²: beyond, no double-precision number of the solver would hold both
SLOWEST, FASTEST = 1e-30, 1e30
MOST_ANISOTROPIC = 1e24

BoundarySpec = BoundaryName | tuple[BoundaryName, BoundaryName]


@dataclass(frozen=True)
class Medium:
    """A uniform medium, in which the steady state solves D∇²u − γu = 0 outside the sources.

    Attributes:
        diffusivity: D > 0 [length²/time]; a pair where it differs along rows' and columns' axes.
        decay: γ ≥ 0 [1/time].
        step: lattice step h > 0 [length].
        boundary: absorbing, reflecting or periodic; a pair (axis 0, axis 1) where they differ.

    Raises:
        PhysicsError: a value out of its range or not finite, or an unknown boundary.
    """

    diffusivity: float | tuple[float, float] = 1.0
    decay: float = 1 / 400
    step: float = 1.0
    boundary: BoundarySpec = "absorbing"

    def __post_init__(self) -> None:
        object.__setattr__(self, "diffusivity", _checked(self.diffusivity, "diffusivity", _number))
        object.__setattr__(self, "decay", _number("decay", self.decay))
        object.__setattr__(self, "step", _number("step", self.step))
        object.__setattr__(self, "boundary", _checked(self.boundary, "boundary", _boundary))
        for name, value in (
            ("diffusivity", self.diffusivities[0]),
            ("diffusivity", self.diffusivities[1]),
            ("step", self.step),
        ):
            if not (math.isfinite(value) and value > 0):
                raise PhysicsError(f"{name} must be positive and finite, not {value}")
            if not 1e-30 <= value <= 1e30:
                raise PhysicsError(
                    f"{name} must lie between 1e-30 and 1e30, not {value}; choose other units"
                )
        along, across = self.diffusivities
        if max(along, across) > MOST_ANISOTROPIC * min(along, across):
            raise PhysicsError(
                f"the diffusivities along the axes, {along:g} and {across:g}, may differ by a "
                f"factor of {MOST_ANISOTROPIC:g} at most"
            )
        if not (math.isfinite(self.decay) and self.decay >= 0):
            raise PhysicsError(f"decay must be zero or positive and finite, not {self.decay}")
        share = self.decay / max(self.diffusivities) * self.step * self.step
        if self.decay and not SLOWEST <= share <= FASTEST:
            raise PhysicsError(
                f"decay {self.decay:g} is {share:.0e} D/h², the rate of diffusion over one lattice "
                f"step; it must be 0 or {SLOWEST:g} to {FASTEST:g} of that"
            )

    @cached_property
    def diffusivities(self) -> tuple[float, float]:
        """Diffusivity along axis 0 and along axis 1."""
        return _pair(self.diffusivity)

    @cached_property
    def boundaries(self) -> tuple[BoundaryName, BoundaryName]:
        """Boundary of axis 0 and of axis 1."""
        return _pair(self.boundary)

    @property
    def diffusion_length(self) -> float:
        """l_D = √(D/γ) [length], with the larger diffusivity; infinite without decay."""
        return math.sqrt(max(self.diffusivities) / self.decay) if self.decay else math.inf

    def normalised(self) -> "Medium":
        """This medium in units in which h and the larger D lie in [1, 2), by powers of 2.

        Its operator is this one's times a power of 2, to the bit, so that no unit lets numbers
        over- or underflow within the solver. The field is the same.
        """
        length, rate = _power(self.step), _power(max(self.diffusivities))
        along, across = (math.ldexp(value, -rate) for value in self.diffusivities)
        return Medium(
            (along, across) if isinstance(self.diffusivity, tuple) else along,
            math.ldexp(self.decay, 2 * length - rate),
            math.ldexp(self.step, -length),
            self.boundary,
        )

    def with_diffusion_length(self, length: float) -> "Medium":
        """This medium with the decay γ = D/ℓ² that gives it the diffusion length ℓ [length].

        Raises:
            PhysicsError: a length that is not positive, or for which no decay is in range.

        Example:
            >>> Medium(diffusivity=2.0).with_diffusion_length(10.0).decay
            0.02
        """
        length = check_number("diffusion length", length)
        if not 1e-100 < length < 1e100:
            raise PhysicsError(f"diffusion length must be positive and finite, not {length}")
        return replace(self, decay=max(self.diffusivities) / length**2)


def _checked(value: Any, name: str, check: Callable[[str, Any], Any]) -> Any:
    """One value, or a pair as a tuple, so that media can be told apart and kept by their values."""
    if name == "boundary" and isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, tuple | list):
        return check(name, value)
    if len(value) != 2:
        raise PhysicsError(f"{name} must be one value or a pair (axis 0, axis 1), not {value}")
    return tuple(check(name, part) for part in value)


def _number(name: str, value: Any) -> float:
    if isinstance(value, tuple | list) or np.ndim(value):
        raise PhysicsError(
            f"{name} must be a number where the medium is uniform, not {type(value).__name__}; "
            "only `solve` takes media that vary over the lattice"
        )
    return check_number(name, value)


def _power(value: float) -> int:
    """The power of 2 by which a value lies in [1, 2)."""
    return math.frexp(value)[1] - 1


def _boundary(name: str, value: Any) -> Any:
    if not isinstance(value, str) or value not in BOUNDARIES:
        raise PhysicsError(f"{name} {value!r} is unknown; choose one of {', '.join(BOUNDARIES)}")
    return value


def _pair(value: Any) -> Any:
    return value if isinstance(value, tuple) else (value, value)
