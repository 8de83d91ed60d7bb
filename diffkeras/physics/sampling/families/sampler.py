"""Families as data: which regions one geometry has, which parts are numbers, and which vary."""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_choice, check_number, check_within
from diffkeras.physics.families.family.family import Family
from diffkeras.physics.families.family.parameters import (
    Parameter,
    check_all_named,
    checked_mask,
    checked_range,
    part_and_region,
)
from diffkeras.physics.families.family.ranges import METHODS
from diffkeras.physics.lattice import check_lattice
from diffkeras.physics.problem.maps import MAPS
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.sampling.families.masks import mask_of_text, text_of_mask
from diffkeras.physics.sampling.families.middle_problem import middle_problem
from diffkeras.physics.sampling.families.random_regions import RandomRegions

MOST_BEYOND = 10.0
FAMILIES_IN_MEMORY = 8  # each as large as its lattice


@dataclass(frozen=True)
class FamilySampler:
    """How the problems of one geometry are distributed.

    Parts that are numbers are the same in all problems; those that are ranges are the parameters of
    the family, from which each problem draws. Fixed nodes are those of the regions in "values[…]".

    Attributes:
        parts: a number or a range (low, high) of each part, by name, such as "decay" or
            "uptake.maximum[tumour]", see `Family`. Uptake is Michaelis–Menten's.
        regions: masks (rows, columns) by name: arrays, or texts of them. In a configuration they
            are the names of image files, in place of which it keeps the texts.
        random: random regions in place of these masks.
        linear: the parameters whose draws are even in the number itself, see `Family`.
        draws: "sobol", Sobol' points with Owen's scrambling, or "latin_hypercube".
        beyond: 0 for problems within the ranges. Otherwise the share of its width, in logarithms
            where draws are, by which each range is widened at both ends; each problem then has a
            parameter out of its range.

    Raises:
        PhysicsError: a value of a wrong type or out of its range.

    Example:
        >>> import numpy as np
        >>> vessels = np.zeros((32, 32))
        >>> vessels[4:8, 4:8] = 1
        >>> sampler = FamilySampler({"values[vessels]": 1.0, "decay": (0.001, 0.01)},
        ...                         regions={"vessels": vessels})
        >>> sampler.family((32, 32), Medium()).names
        ('decay',)
    """

    parts: Mapping[str, Any] = field(default_factory=dict)
    regions: Mapping[str, str] | None = None
    random: RandomRegions | None = None
    linear: tuple[str, ...] = ()
    draws: str = METHODS[0]
    beyond: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.parts, Mapping) or not self.parts:
            raise PhysicsError(
                "must name at least one part, such as {'decay': [0.001, 0.01]}, not "
                f"{self.parts!r:.60}",
                "parts",
            )
        given = {str(name): value for name, value in self.parts.items()}
        parts = {name: _number_or_range(name, value) for name, value in given.items()}
        if not any(isinstance(value, tuple) for value in parts.values()):
            raise PhysicsError(
                "must have at least one range [low, high], which makes a parameter, and here are "
                f"only numbers: {self.parts!r:.60}",
                "parts",
            )
        linear = (self.linear,) if isinstance(self.linear, str) else self.linear
        if not isinstance(linear, list | tuple):
            raise PhysicsError(f"must be a list of parameters, not {linear!r:.60}", "linear")
        for name in linear:
            if not isinstance(parts.get(name), tuple):
                ranges = ", ".join(n for n, value in parts.items() if isinstance(value, tuple))
                raise PhysicsError(f"names {name!r:.60}; the ranges are {ranges}", "linear")
        check_choice("draws", self.draws, METHODS)
        beyond = check_within("beyond", self.beyond, 0, MOST_BEYOND)
        checked = {"parts": parts, "linear": tuple(linear), "beyond": beyond}
        for name, value in {**checked, **self._geometry()}.items():
            object.__setattr__(self, name, value)

    def _geometry(self) -> dict[str, Any]:
        """The regions and the sampler of regions, checked; one of them."""
        if (self.regions is None) == (self.random is None):
            raise PhysicsError("must be given, or random, and not both", "regions")
        if self.random is not None:
            return {"random": _random_regions(self.random)}
        if not isinstance(self.regions, Mapping) or not self.regions:
            raise PhysicsError(
                f"must be masks by name, such as {{'vessels': mask}}, not {self.regions!r:.60}",
                "regions",
            )
        texts = {}
        for name, mask in self.regions.items():
            if isinstance(mask, str):
                mask_of_text(name, mask)
                texts[str(name)] = mask
            else:
                texts[str(name)] = text_of_mask(name, mask)
        return {"regions": texts}

    def __eq__(self, other: object) -> bool:
        # the order of the parts is that of the parameters, which a mapping's equality overlooks
        return isinstance(other, FamilySampler) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[str, str, float]:
        return self.fingerprint, self.draws, self.beyond

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """The ranges of the parameters, by name."""
        return {name: value for name, value in self.parts.items() if isinstance(value, tuple)}

    @property
    def place(self) -> str:
        """Where problems lie, in words."""
        return "with a parameter out of its range" if self.beyond else "within its ranges"

    @property
    def maps(self) -> tuple[str, ...]:
        """Which maps of problems a network may see, in the order of `physics.maps_of`."""
        kinds = {part_and_region(name)[0] for name in self.parts}
        return tuple(name for name, part in MAPS.items() if part in kinds)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the geometry, the parts and the ranges."""
        digest = hashlib.sha256(repr((self.parts, self.random, self.linear)).encode())
        for name, text in (self.regions or {}).items():  # texts differ between zlib's versions
            mask = mask_of_text(name, text)
            digest.update(repr((name, mask.shape)).encode() + np.packbits(mask).tobytes())
        return digest.hexdigest()

    @property
    def unseen(self) -> tuple[str, ...]:
        """The parameters that no map shows, such as the value of a side."""
        seen = (*MAPS.values(), "values")
        return tuple(name for name in self.ranges if part_and_region(name)[0] not in seen)

    @cached_property
    def of_whole_family(self) -> "FamilySampler":
        """The same family, whatever is drawn from it."""
        return replace(self, draws=METHODS[0], beyond=0.0)

    def family(self, lattice: Any, medium: Medium) -> Family:
        """The family on a lattice, around a uniform medium.

        Args:
            lattice: (rows, columns), or a side.
            medium: its step and sides, and the diffusivity and decay of nodes that no part names.

        Raises:
            PhysicsError: masks of another shape than the lattice, and what `Family` raises: unknown
                names of parts or regions, ranges that are reversed or not finite, ends that make no
                problem, regions on fixed nodes where a part has no effect.
            PackingError: random vessels that don't fit.
        """
        return _family(self.of_whole_family, check_lattice(lattice), medium)

    def wider(self, family: Family) -> Family:
        """The family from whose ranges problems are drawn: `family`, or a wider one (`beyond`)."""
        if not self.beyond:
            return family
        ranges = {p.name: _widened(p, self.beyond) for p in family.parameters}
        masks = self._masks(check_lattice(family.problem.lattice))
        regions = _masks_of(ranges, masks)
        linear = [p.name for p in family.parameters if not p.is_logarithmic]
        try:
            return Family(family.problem, ranges, regions, linear)
        except PhysicsError as error:
            raise PhysicsError(f"beyond {self.beyond:g} is too much: {error}") from None

    def _masks(self, lattice: tuple[int, int]) -> dict[str, NDArray[np.bool_]]:
        if self.random is not None:
            return self.random.masks(lattice)
        assert self.regions is not None
        return {
            name: checked_mask(name, mask_of_text(name, text), lattice)
            for name, text in self.regions.items()
        }


def _number_or_range(name: str, value: Any) -> float | tuple[float, float]:
    """A part's number, or its range, without −0."""
    part_and_region(name)
    if isinstance(value, list | tuple):
        low, high = checked_range(name, value)
        return low + 0.0, high + 0.0
    number = check_number(f"parts.{name:.60}", value)
    if not math.isfinite(number):
        raise PhysicsError(f"must be finite, not {number:g}", f"parts.{name:.60}")
    return number + 0.0


def _random_regions(value: Any) -> RandomRegions:
    if isinstance(value, RandomRegions):
        return value
    known = [field.name for field in fields(RandomRegions)]
    if not isinstance(value, Mapping) or not {*known}.issuperset(value):
        raise PhysicsError(f"must have the keys {', '.join(known)}, not {value!r:.60}", "random")
    try:
        return RandomRegions(**value)
    except PhysicsError as error:
        raise PhysicsError(error.problem, f"random.{error.argument}") from None


def _widened(parameter: Parameter, share: float) -> tuple[float, float]:
    """The range of a parameter, wider by a share at both ends."""
    low, high = parameter.low, parameter.high
    if parameter.is_logarithmic:
        factor = (high / low) ** share
        return low / factor, high * factor
    return low - share * (high - low), high + share * (high - low)


@lru_cache(FAMILIES_IN_MEMORY)
def _family(sampler: FamilySampler, lattice: tuple[int, int], medium: Medium) -> Family:
    medium.require_uniform("a family")
    medium.require_plane("a family")
    masks = sampler._masks(lattice)
    problem = middle_problem(sampler.parts, sampler.linear, masks, medium)
    check_all_named(sampler.regions or (), sampler.parts)
    regions = _masks_of(sampler.ranges, masks)
    return Family(problem, sampler.ranges, regions, sampler.linear)


def _masks_of(
    names: Iterable[str], masks: Mapping[str, NDArray[np.bool_]]
) -> dict[str, NDArray[np.bool_]]:
    """The masks of the regions that parameters name."""
    used = {part_and_region(name)[1] for name in names}
    return {name: mask for name, mask in masks.items() if name in used}
