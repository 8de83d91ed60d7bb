"""The problem around which a family's parameters vary, from its parts and regions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.families.parameters import nodes_of_region, part_and_region
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.parts import parts_of, with_parts
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.problem.uptake import MichaelisMenten

Parts = Mapping[str, Any]  # numbers and ranges by name
Masks = Mapping[str, NDArray[np.bool_]]  # of the regions, by name


def middle_problem(parts: Parts, linear: Sequence[str], masks: Masks, medium: Medium) -> Problem:
    """The problem with the parts that are numbers; ranges are in their middles.

    Args:
        parts: as those of a `FamilySampler`.
        linear: parameters whose middle is that of the numbers themselves, not of their logarithms.
        masks: one at least.
        medium: uniform.

    Raises:
        PhysicsError: parts that make no problem.
    """
    lattice = next(iter(masks.values())).shape
    middles = {name: _middle(value, name in linear) for name, value in parts.items()}
    fixed = np.zeros(lattice, bool)
    for name in parts:
        part, region = part_and_region(name)
        if part == "values":
            if not region:
                raise PhysicsError(
                    "the part 'values' needs a region, whose nodes it fixes: 'values[vessels]'"
                )
            fixed |= masks[region]
    maps: dict[str, Any] = {
        "values": np.zeros(lattice),
        "production": np.zeros(lattice),
        "diffusivity": np.full(lattice, float(medium.diffusivities[0])),
        "decay": np.full(lattice, float(medium.decay)),
        "uptake.maximum": np.zeros(lattice),
        "uptake.constant": np.ones(lattice),
    }
    others = {}
    _check_overlaps(parts, masks)
    for name in sorted(parts, key=lambda name: "[" in name):  # regions win
        (part, region), number = part_and_region(name), middles[name]
        if part not in maps:
            others[name] = number
        elif region is not None:
            maps[part][masks[region]] = number
        else:
            maps[part][...] = number
    kinds = {part_and_region(name)[0] for name in parts}
    _check_uptake(kinds)
    try:
        problem = _of_maps(maps, fixed, medium, kinds)
    except PhysicsError as error:
        ranges = [name for name, value in parts.items() if isinstance(value, tuple)]
        numbers = ", ".join(f"{name} {middles[name]:g}" for name in ranges)
        raise PhysicsError(f"with the middles of the ranges, {numbers}: {error}") from None
    known = parts_of(problem)
    for name in parts:
        part, region = part_and_region(name)
        if part not in known:
            raise PhysicsError(
                f"{name!r:.60} names no part of these problems; their parts are {', '.join(known)}"
            )
        if region is not None:
            nodes_of_region(name, part, masks[region], problem)
    return with_parts(problem, others) if others else problem


def _check_overlaps(parts: Parts, masks: Masks) -> None:
    """Raise an error where two regions give the same part different numbers on one node."""
    own: dict[str, list[str]] = {}
    for name in parts:
        part, bracket, region = name.partition("[")
        if bracket:
            own.setdefault(part, []).append(region.removesuffix("]"))
    for part, regions in own.items():
        for one, other in combinations(regions, 2):
            if shared := int((masks[one] & masks[other]).sum()):
                raise PhysicsError(
                    f"{part}[{one:.40}] and {part}[{other:.40}] overlap on {shared} "
                    f"node{'s' * (shared > 1)}, whose {part} would be either: take these out of "
                    "one of the regions"
                )


def _check_uptake(named: set[str]) -> None:
    """Raise an error for one of the two numbers of Michaelis–Menten uptake without the other."""
    if ("uptake.maximum" in named) != ("uptake.constant" in named):
        one, other = (
            ("maximum", "constant") if "uptake.maximum" in named else ("constant", "maximum")
        )
        raise PhysicsError(
            f"parts have uptake.{one}, and no uptake.{other}: give both, v and K of "
            "Michaelis–Menten uptake v u/(K + u)"
        )


def _of_maps(
    maps: dict[str, Any], fixed: NDArray[np.bool_], medium: Medium, named: set[str]
) -> Problem:
    uptake = None
    if "uptake.maximum" in named:
        uptake = MichaelisMenten(
            np.where(fixed, 0.0, maps["uptake.maximum"]), maps["uptake.constant"]
        )
    varying: Any = {name: maps[name] for name in ("diffusivity", "decay") if name in named}
    production = np.where(fixed, 0.0, maps["production"]) if "production" in named else None
    return Problem(
        np.where(fixed, maps["values"], 0.0),
        fixed=fixed,
        production=production,
        uptake=uptake,
        medium=replace(medium, **varying),
    )


def _middle(value: float | tuple[float, float], is_linear: bool) -> float:
    """A part's number, or the middle of its range, with which a problem exists."""
    if not isinstance(value, tuple):
        return float(value)
    low, high = value
    if low > 0 and high > 0 and not is_linear:
        return math.sqrt(low) * math.sqrt(high)
    return (low + high) / 2
