"""The problem around which a family's parameters vary, from its parts and regions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.families.family.parameters import (
    check_overlaps,
    mask_of,
    middle_of,
    nodes_of,
    part_and_region,
)
from diffkeras.physics.problem.maps import MAPS, problem_of_maps
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.parts import with_parts
from diffkeras.physics.problem.problem import Problem

ON_FREE_NODES = ("production", "uptake.maximum")  # maps that have no effect on the fixed nodes

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
    middles = {name: _middle(value, name in linear) for name, value in parts.items()}
    maps, fixed = _maps_and_fixed(middles, masks, medium)
    kinds = {part_and_region(name)[0] for name in parts}
    _check_uptake(kinds)
    try:
        problem = problem_of_maps(
            np.where(fixed, maps["values"], 0.0),
            medium,
            {
                name: np.where(fixed, 0.0, maps[part]) if part in ON_FREE_NODES else maps[part]
                for name, part in MAPS.items()
                if part in kinds
            },
            fixed,
        )
    except PhysicsError as error:
        ranges = [name for name, value in parts.items() if isinstance(value, tuple)]
        numbers = ", ".join(f"{name} {middles[name]:g}" for name in ranges)
        raise PhysicsError(f"with the middles of the ranges, {numbers}: {error}") from None
    for name in parts:
        nodes_of(name, problem, masks)  # or an error
    others = {name: middles[name] for name in parts if part_and_region(name)[0] not in maps}
    return with_parts(problem, others) if others else problem


def _maps_and_fixed(
    numbers: Mapping[str, float], masks: Masks, medium: Medium
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.bool_]]:
    """All maps on the lattice, by the names of their parts, and which nodes are fixed."""
    lattice = next(iter(masks.values())).shape
    fixed = np.zeros(lattice, bool)
    maps = {
        "values": np.zeros(lattice),
        "production": np.zeros(lattice),
        "diffusivity": np.full(lattice, float(medium.diffusivities[0])),
        "decay": np.full(lattice, float(medium.decay)),
        "uptake.maximum": np.zeros(lattice),
        "uptake.constant": np.ones(lattice),
    }
    nodes = {}
    for name in sorted(numbers, key=lambda name: "[" in name):  # regions win
        (part, _), mask = part_and_region(name), mask_of(name, masks)
        if part == "values":
            if mask is None:
                raise PhysicsError(
                    "the part 'values' needs a region, whose nodes it fixes: 'values[vessels]'"
                )
            fixed |= mask
        if part in maps:
            maps[part][... if mask is None else mask] = numbers[name]
        nodes[name] = None if mask is None else np.flatnonzero(mask)
    check_overlaps(nodes)
    return maps, fixed


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


def _middle(value: float | tuple[float, float], is_linear: bool) -> float:
    """A part's number, or the middle of its range, with which a problem exists."""
    if not isinstance(value, tuple):
        return float(value)
    low, high = value
    return middle_of(low, high, low > 0 and not is_linear)
