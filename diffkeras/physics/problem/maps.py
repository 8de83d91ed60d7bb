"""The maps of a problem: what may vary from node to node, by the names in data and networks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.problem.uptake import MichaelisMenten


def _of_uptake(part: str) -> Callable[[Problem], Any]:
    """The map of a number of `MichaelisMenten` uptake; without uptake it takes up nothing."""

    def values(problem: Problem) -> Any:
        uptake = problem.uptake
        if uptake is None:
            return {"maximum": 0.0, "constant": 1.0}[part]
        if not isinstance(uptake, MichaelisMenten):
            raise PhysicsError(
                f"maps describe uptake by MichaelisMenten, not by {type(uptake).__name__}"
            )
        return getattr(uptake, part)

    return values


_VALUES: dict[str, Callable[[Problem], Any]] = {
    "diffusivity": lambda problem: problem.medium.diffusivity,
    "decay": lambda problem: problem.medium.decay,
    "uptake": _of_uptake("maximum"),
    "saturation": _of_uptake("constant"),
    "production": lambda problem: 0.0 if problem.production is None else problem.production,
}


def maps_of(problem: Problem, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Maps of a problem by name, (rows, columns) each, or of a batch (batch, rows, columns).

    Args:
        problem: one image or a batch.
        names: "diffusivity" D [length²/time], "decay" γ with what cells take up in
            proportion [1/time], "uptake" v [concentration/time] and "saturation" K [concentration]
            of Michaelis–Menten uptake v u/(K + u), "production" s [concentration/time].

    Raises:
        PhysicsError: a diffusivity for each axis, or another saturating uptake, which no map has.
    """
    maps = {}
    for name in names:
        each = []
        for image in problem.images:
            values = _VALUES[name](image)
            if isinstance(values, tuple):
                raise PhysicsError(f"a map has one {name} for all axes, not {values}")
            each.append(np.broadcast_to(values, problem.lattice))
        maps[name] = np.stack(each) if problem.is_batch else each[0]
    return maps


def problem_of_maps(
    source_image: ArrayLike, medium: Medium, maps: Mapping[str, ArrayLike]
) -> Problem:
    """The problem of one image and its maps; what no map says is that of a medium.

    Args:
        source_image: (rows, columns), the values of the fixed nodes.
        medium: its step and boundary, and its diffusivity and decay where no map has them.
        maps: (rows, columns) or a number each, by the names of `maps_of`.
    """
    parts = {name: np.asarray(values, np.float64) for name, values in maps.items()}
    varying: Any = {name: parts[name] for name in ("diffusivity", "decay") if name in parts}
    uptake = MichaelisMenten(parts["uptake"], parts["saturation"]) if "uptake" in parts else None
    return Problem(
        source_image,
        production=parts.get("production"),
        uptake=uptake,
        medium=replace(medium, **varying),
    )
