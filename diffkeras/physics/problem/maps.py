"""The maps of a problem: what may vary from node to node, by the names in data and networks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_choice
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.parts import parts_of
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.problem.uptake import MichaelisMenten
from diffkeras.physics.real_arrays import real_array

# the part (`parts_of`) that each map shows, in the order of a network's channels
MAPS = {
    "diffusivity": "diffusivity",
    "decay": "decay",
    "uptake": "uptake.maximum",
    "saturation": "uptake.constant",
    "production": "production",
}
WITHOUT_UPTAKE = {"uptake.maximum": 0.0, "uptake.constant": 1.0}


def maps_of(problem: Problem, names: str | Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Maps of a problem by name, on the lattice each.

    Args:
        problem: whose maps.
        names: "diffusivity" D [length²/time], "decay" γ with what cells take up in
            proportion [1/time], "uptake" v [concentration/time] and "saturation" K [concentration]
            of Michaelis–Menten uptake v u/(K + u), "production" s [concentration/time].

    Raises:
        PhysicsError: another name, a diffusivity for each axis, or another saturating uptake, which
            no map has.
    """
    maps = {}
    for name in [names] if isinstance(names, str) else names:
        part = MAPS[check_choice("map", name, MAPS)]
        maps[name] = np.broadcast_to(_value(problem, part), problem.lattice)
    return maps


def _value(problem: Problem, part: str) -> Any:
    """A part, a number or an array, which a map can show."""
    uptake = problem.uptake
    if part in WITHOUT_UPTAKE:
        if uptake is None:
            return WITHOUT_UPTAKE[part]
        if not isinstance(uptake, MichaelisMenten):
            raise PhysicsError(
                f"maps describe uptake by MichaelisMenten, not by {type(uptake).__name__}"
            )
    parts = parts_of(problem)
    if part not in parts:
        raise PhysicsError(f"a map has one {part} for all axes, not {problem.medium.diffusivities}")
    return parts[part]


def problem_of_maps(
    source_image: ArrayLike,
    medium: Medium,
    maps: Mapping[str, ArrayLike],
    fixed: ArrayLike | None = None,
) -> Problem:
    """The problem of a source image and maps; the medium has what no map shows.

    Args:
        source_image: the values of the fixed nodes, on the lattice.
        medium: its step and boundary, and its diffusivity and decay where no map has them.
        maps: on the lattice, or a number each, by the names of `maps_of`.
        fixed: as for `Problem`.

    Raises:
        PhysicsError: another name, uptake without saturation or the other way round, or values that
            make no problem (see `Problem`).
    """
    parts = {
        check_choice("map", name, MAPS): real_array(name, values) for name, values in maps.items()
    }
    if ("uptake" in parts) != ("saturation" in parts):
        raise PhysicsError("give uptake v and saturation K together, as uptake is v u/(K + u)")
    varying: Any = {name: parts[name] for name in ("diffusivity", "decay") if name in parts}
    uptake = MichaelisMenten(parts["uptake"], parts["saturation"]) if "uptake" in parts else None
    return Problem(
        source_image,
        production=parts.get("production"),
        uptake=uptake,
        fixed=fixed,
        medium=replace(medium, **varying),
    )
