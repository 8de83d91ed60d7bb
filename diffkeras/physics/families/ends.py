"""The points of a family at which a steady state is least likely: ends of ranges, and a corner."""

import re

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.families.parameters import Parameter
from diffkeras.physics.families.point_parts import parts_at
from diffkeras.physics.problem.parts import parts_of, with_parts
from diffkeras.physics.problem.problem import Problem

# parts at whose lower ends, with the upper ends of all others, a steady state is least likely, the
# last one being a side's; the constants of an uptake don't matter for that
REMOVING = re.compile(r"decay|uptake\..*|boundary\..*\.coefficient")


def lowest_point(parameters: tuple[Parameter, ...]) -> NDArray[np.float64]:
    """The point (p,) of the lower ends of what removes, with all else in the middle."""
    return np.array([p.low if REMOVING.fullmatch(p.part) else p.middle for p in parameters])


def check_ends(problem: Problem, parameters: tuple[Parameter, ...]) -> None:
    """Make the problems at both ends of each range, and in the corner that removes least.

    Raises:
        PhysicsError: one of them is no problem.
    """
    known, middles = parts_of(problem), np.array([parameter.middle for parameter in parameters])

    def check(point: NDArray[np.float64], what: str) -> None:
        try:
            with_parts(problem, parts_at(known, parameters, point))
        except PhysicsError as error:
            raise PhysicsError(f"{what}, makes no problem: {error}") from None

    for number, parameter in enumerate(parameters):
        for end, value in (("lower", parameter.low), ("upper", parameter.high)):
            point = middles.copy()
            point[number] = value
            check(point, f"the {end} end of {parameter.name}, {value:g}")
    corner = np.array([p.low if REMOVING.fullmatch(p.part) else p.high for p in parameters])
    ends = ", ".join(f"{p.name} {value:g}" for p, value in zip(parameters, corner, strict=True))
    check(corner, f"the corner {ends}")
