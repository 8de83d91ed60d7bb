"""The parts of a problem by name: what can be replaced in it, and differentiated."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import real_array
from diffkeras.physics.problem.given_sides import GivenSide
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.problem.sides import with_sides

ON_LATTICE = ("values", "production")


def parts_of(problem: Problem) -> dict[str, Any]:
    """The parts by name: numbers, or arrays of the lattice's or a side's shape.

    The names are

    - "values" c of the fixed nodes and "production" s, each of the lattice's shape,
    - "diffusivity" D, or "diffusivity.0", "diffusivity.1", … where each axis has its own,
    - "decay" γ, which includes an uptake in proportion, and "step" h,
    - "uptake.maximum" and so on: the numbers of a saturating uptake,
    - "boundary.left.flux" and so on: the numbers of a side that has some.

    A production that isn't given is a read-only array of 0.
    """
    if not isinstance(problem, Problem):
        raise PhysicsError(f"parts_of needs a Problem, not {problem!r:.60}")
    medium, uptake = problem.medium, problem.uptake
    parts: dict[str, Any] = {
        "values": problem.values,
        "production": np.broadcast_to(0.0, problem.lattice)
        if problem.production is None
        else problem.production,
        "decay": medium.decay,
        "step": medium.step,
    }
    if isinstance(medium.diffusivity, tuple):
        parts |= {f"diffusivity.{axis}": part for axis, part in enumerate(medium.diffusivity)}
    else:
        parts["diffusivity"] = medium.diffusivity
    if uptake is not None:
        parts |= {f"uptake.{name}": part for name, part in uptake.parts.items()}
    for side, given in given_sides(problem).items():
        parts |= {f"boundary.{side}.{name}": part for name, part in given.parts.items()}
    return parts


def given_sides(problem: Problem) -> dict[str, GivenSide]:
    """The sides that have given numbers, by name."""
    sides = with_sides(problem.medium.sides, {})
    return {name: side for name, side in sides.items() if isinstance(side, GivenSide)}


def check_names(names: Any, problem: Problem) -> None:
    """Raise an error for a name that isn't a part of the problem."""
    if not isinstance(names, Mapping):
        raise PhysicsError(f"give parts by name, such as {{'decay': 0.1}}, not {names!r:.60}")
    known = list(parts_of(problem))
    for name in names:
        if name not in known:
            hint = "; an uptake in proportion is part of the decay" * (name == "uptake")
            raise PhysicsError(
                f"this problem has no part {name!r:.60}; its parts are {', '.join(known)}{hint}"
            )


def check_parts(parts: Mapping[str, ArrayLike], problem: Problem) -> None:
    """Raise an error for a name that isn't a part of the problem, or a part of another shape."""
    check_names(parts, problem)
    for name, part in parts.items():
        check_shape(name, real_array(name, part).shape, problem)


def check_shape(name: str, shape: tuple[int, ...], problem: Problem) -> None:
    """Raise an error for a part of a shape that it can't have; sides are checked with a medium."""
    lattice, is_number = problem.lattice, not shape and name not in ON_LATTICE
    if not (shape == lattice or is_number or name.startswith("boundary")):
        wanted = f"{lattice}" if name in ON_LATTICE else f"a number or {lattice}"
        raise PhysicsError(f"{name} has shape {shape}; give {wanted}")


def with_parts(problem: Problem, parts: Mapping[str, ArrayLike]) -> Problem:
    """The problem with some of its parts replaced, checked as a new one is.

    Args:
        problem: whose other parts stay.
        parts: numbers or arrays by the names of `parts_of`.

    Raises:
        PhysicsError: a name that isn't a part, or a value that makes no problem (see `Problem`).

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> problem = dk.Problem(np.eye(8), decay=0.1)
        >>> dk.with_parts(problem, {"decay": 0.2}).medium.decay
        0.2
    """
    check_parts(parts, problem)
    medium, values, production, numbers = _changed(problem, parts)
    uptake = problem.uptake
    if uptake is not None and numbers:
        uptake = type(uptake)(**(uptake.parts | numbers))
    return Problem(values, fixed=problem.fixed, production=production, uptake=uptake, medium=medium)


def with_unchecked_parts(problem: Problem, parts: Mapping[str, ArrayLike]) -> Problem:
    """What `with_parts` gives for valid parts, without its checks.

    Arrays are of the lattice's shape, and "values" only differ on fixed nodes.
    """
    others = {name: part for name, part in parts.items() if name != "decay"}
    medium, values, production, numbers = _changed(problem, others)
    if "decay" in parts:
        medium = medium.with_unchecked_decay(_plain("decay", parts["decay"]))
    uptake = None if problem.uptake is None else problem.uptake.with_unchecked_parts(numbers)
    return Problem.unchecked(medium, values, problem.fixed, production, uptake)


def _changed(
    problem: Problem, parts: Mapping[str, ArrayLike]
) -> tuple[Medium, NDArray[np.float64], NDArray[np.float64] | None, dict[str, Any]]:
    """Medium, values and production with some parts replaced, and the new numbers of uptake."""
    values, production, medium = problem.values, problem.production, problem.medium
    if "values" in parts:
        values = real_array("values", parts["values"])
    if "production" in parts:
        production = real_array("production", parts["production"])
        production = production if production.any() else None
    new = {name: _plain(name, part) for name, part in parts.items() if name not in ON_LATTICE}
    own = "uptake."
    numbers = {n.removeprefix(own): part for n, part in new.items() if n.startswith(own)}
    if len(new) > len(numbers):
        medium = _changed_medium(problem, parts_of(problem) | new)
    return medium, values, production, numbers


def _changed_medium(problem: Problem, parts: Mapping[str, Any]) -> Medium:
    medium = problem.medium
    changed: dict[str, Any] = {name: parts[name] for name in ("decay", "step")}
    changed["diffusivity"] = (
        parts["diffusivity"]
        if "diffusivity" in parts
        else tuple(parts[f"diffusivity.{axis}"] for axis in range(medium.dimensions))
    )
    if given := given_sides(problem):
        sides = {
            side: type(old)(**{name: parts[f"boundary.{side}.{name}"] for name in old.parts})
            for side, old in given.items()
        }
        changed["boundary"] = with_sides(medium.sides, sides)
    return replace(medium, **changed)


def _plain(name: str, value: ArrayLike) -> float | NDArray:
    """A number, also of an array of no axes, or an array."""
    values = real_array(name, value)
    return float(values) if values.ndim == 0 else values
