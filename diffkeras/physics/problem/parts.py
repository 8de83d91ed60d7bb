"""The parts of a problem by name: what can be replaced in it, and differentiated."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.problem.given_sides import GivenSide
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.problem.sides import with_sides
from diffkeras.physics.problem.uptake import SaturatingUptake
from diffkeras.physics.real_arrays import real_array

ON_LATTICE = ("values", "production")


def parts_of(problem: Problem) -> dict[str, Any]:
    """The parts by name: numbers, or arrays of the lattice's or a side's shape.

    The names are

    - "values" c of the fixed nodes and "production" s, each of the lattice's shape,
    - "diffusivity" D, or "diffusivity.0", "diffusivity.1", … where each axis has its own,
    - "decay" γ, which includes an uptake in proportion, and "step" h,
    - "uptake.maximum" and so on: the numbers of a saturating uptake,
    - "boundary.left.flux" and so on: the numbers of a side that has some.

    Of a batch they are those that all images have, with the batch as first axis where the images
    differ; and always of values and production.
    """
    if not isinstance(problem, Problem):
        raise PhysicsError(f"parts are those of a Problem, not of {problem!r:.60}")
    each = [parts_of_image(image) for image in problem.images]
    if not problem.is_batch:
        none_given = problem.production is None
        return each[0] | ({"production": np.zeros(problem.lattice)} if none_given else {})
    names = [name for name in each[0] if all(name in parts for parts in each)]
    parts = {name: [image[name] for image in each] for name in names}
    return {
        name: values[0]
        if name not in ON_LATTICE and _all_equal(values)
        else np.stack(np.broadcast_arrays(*values))
        for name, values in parts.items()
    }


def names_of(problem: Problem) -> list[str]:
    """The names of the parts that all images have."""
    first, *others = problem.images
    names = list(parts_of_image(first))
    for image in others:
        if image.medium is not first.medium or image.uptake is not first.uptake:
            known = parts_of_image(image)
            names = [name for name in names if name in known]
    return names


def _all_equal(values: list[Any]) -> bool:
    return all(value is values[0] or np.array_equal(value, values[0]) for value in values)


def parts_of_image(problem: Problem) -> dict[str, Any]:
    """The parts of one image; a missing production is a read-only array of 0."""
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
    """Raise an error for a name that is not a part of all images of the problem."""
    if not isinstance(names, Mapping):
        raise PhysicsError(f"give parts by name, such as {{'decay': 0.1}}, not {names!r:.60}")
    known = names_of(problem)
    for name in names:
        if name not in known:
            hint = "; an uptake in proportion is part of the decay" * (name == "uptake")
            raise PhysicsError(
                f"this problem has no part {name!r:.60}; its parts are {', '.join(known)}{hint}"
            )


def is_per_image(name: str, shape: tuple[int, ...], problem: Problem) -> bool:
    """Whether a part of this shape has the batch as its first axis.

    Raises:
        PhysicsError: a shape that is neither the part's nor, in a batch, one entry for each image.
    """
    lattice, count = problem.lattice, len(problem.images)
    if name.startswith("boundary"):
        return False  # sides are checked with their problem
    if shape == lattice or (shape == () and name not in ON_LATTICE):
        return False
    wanted = f"{lattice}" if name in ON_LATTICE else f"a number or {lattice}"
    if problem.is_batch:
        if shape in ((count, *lattice), (count,)) and (shape != (count,) or name not in ON_LATTICE):
            return True
        raise PhysicsError(
            f"{name} has shape {shape}; give {wanted} for all {count} images of the batch, or one "
            "for each along a first axis"
        )
    raise PhysicsError(
        f"{name} has shape {shape}; give {wanted}, or a batch of problems (`Problem.batch`)"
    )


def with_parts(problem: Problem, parts: Mapping[str, ArrayLike]) -> Problem:
    """The problem with some of its parts replaced, checked as a new one is.

    Args:
        problem: one image or a batch.
        parts: numbers or arrays by the names of `parts_of`. In a batch they are the same for all
            images, or have the batch as their first axis (but for those of sides).

    Raises:
        PhysicsError: a name that is no part, or a value that makes no problem (see `Problem`).

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> problem = dk.Problem(np.eye(8), decay=0.1)
        >>> dk.with_parts(problem, {"decay": 0.2}).medium.decay
        0.2
    """
    if not isinstance(problem, Problem):
        raise PhysicsError(f"parts are those of a Problem, not of {problem!r:.60}")
    each = parts_of_images(problem, parts)
    images = [_image_with_parts(*one) for one in zip(problem.images, each, strict=True)]
    return Problem.batch(images) if problem.is_batch else images[0]


def parts_of_images(problem: Problem, parts: Mapping[str, ArrayLike]) -> list[dict[str, Any]]:
    """The parts of each image, from those of `with_parts`."""
    check_names(parts, problem)
    each = [dict(parts) for _ in problem.images]
    for name, part in parts.items():
        values = real_array(name, part)
        if values.shape and is_per_image(name, values.shape, problem):
            for image, value in zip(each, values, strict=True):
                image[name] = value
    return each


def _image_with_parts(problem: Problem, parts: Mapping[str, ArrayLike]) -> Problem:
    medium, values, production, uptake = _changed(problem, parts)
    numbers = _numbers_of_uptake(parts)
    if uptake is not None and numbers:
        uptake = type(uptake)(**(uptake.parts | numbers))
    return Problem(values, fixed=problem.fixed, production=production, uptake=uptake, medium=medium)


def with_unchecked_parts(problem: Problem, parts: Mapping[str, ArrayLike]) -> Problem:
    """What `with_parts` gives for one image, without its checks: the parts must be valid.

    Args:
        problem: one image.
        parts: of the lattice's shape where they are arrays; "values" only differ on fixed nodes.
    """
    others = {name: part for name, part in parts.items() if name != "decay"}
    medium, values, production, uptake = _changed(problem, others)
    if "decay" in parts:
        medium = medium.with_unchecked_decay(_plain("decay", parts["decay"]))
    if uptake is not None:
        uptake = uptake.with_unchecked_parts(_numbers_of_uptake(parts))
    return Problem.unchecked(medium, values, problem.fixed, production, uptake)


def _changed(
    problem: Problem, parts: Mapping[str, ArrayLike]
) -> tuple[Medium, NDArray[np.float64], NDArray[np.float64] | None, SaturatingUptake | None]:
    """Medium, values and production of one image with some parts replaced, and its own uptake."""
    values, production = problem.values, problem.production
    if "values" in parts:
        values = real_array("values", parts["values"])
    if "production" in parts:
        production = real_array("production", parts["production"])
        production = production if production.any() else None
    kinds = {name.partition(".")[0] for name in parts}
    medium = problem.medium
    if kinds - {"values", "production", "uptake"}:
        medium = _changed_medium(problem, parts_of_image(problem) | dict(parts))
    return medium, values, production, problem.uptake


def _numbers_of_uptake(parts: Mapping[str, ArrayLike]) -> dict[str, Any]:
    """Those of the parts that are uptake's, by their names there."""
    prefix = "uptake."
    return {
        name.removeprefix(prefix): _plain(name, part)
        for name, part in parts.items()
        if name.startswith(prefix)
    }


def _changed_medium(problem: Problem, parts: Mapping[str, ArrayLike]) -> Medium:
    medium = problem.medium
    changed: dict[str, Any] = {name: _plain(name, parts[name]) for name in ("decay", "step")}
    changed["diffusivity"] = (
        tuple(
            _plain(name, parts[name])
            for name in (f"diffusivity.{axis}" for axis in range(medium.dimensions))
        )
        if isinstance(medium.diffusivity, tuple)
        else _plain("diffusivity", parts["diffusivity"])
    )
    if given := given_sides(problem):
        changed["boundary"] = with_sides(
            medium.sides,
            {
                side: type(old)(**{n: _plain(n, parts[f"boundary.{side}.{n}"]) for n in old.parts})
                for side, old in given.items()
            },
        )
    return replace(medium, **changed)


def _plain(name: str, value: ArrayLike) -> float | NDArray:
    """A number, also of an array of no axes, or an array."""
    values = real_array(name, value)
    return float(values) if values.ndim == 0 else values
