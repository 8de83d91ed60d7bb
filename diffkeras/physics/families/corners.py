"""The corners of a family's ranges: whether all points within them make problems."""

import re
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.families.parameters import Parameter

# parts that take the field away, so that lower ones make a steady state less likely; the constants
# of an uptake don't matter for that
REMOVING = re.compile(r"decay|uptake\..*|boundary\..*\.coefficient")
STEP, PRODUCING = re.compile("step"), re.compile(r"production|boundary\..*\.(flux|value)")
SPREADING = re.compile(r"diffusivity.*")
# parts by which a problem's other rates are divided: D, which comes with 1/h², and K
DIVIDING = re.compile(r"diffusivity.*|uptake\.constant")
MAY_BE_TOO_SMALL = re.compile(r"decay|values|production|boundary\..*")


def lowest_point(parameters: tuple[Parameter, ...]) -> NDArray[np.float64]:
    """The point (p,) of the lower ends of what removes, with all else in the middle."""
    return np.array([p.low if REMOVING.fullmatch(p.part) else p.middle for p in parameters])


def smallest(parameters: tuple[Parameter, ...]) -> NDArray[np.float64]:
    """(p,), below which an absolute value that isn't 0 may be too small for a problem."""
    least = [p.nearest_to_zero if MAY_BE_TOO_SMALL.fullmatch(p.part) else 0.0 for p in parameters]
    return np.abs(least)


def check_corners(
    parameters: tuple[Parameter, ...], problem_at: Callable[[NDArray[np.float64]], object]
) -> None:
    """Raise an error unless all points within the ranges make problems, except for tiny numbers.

    Each condition of a problem is monotone in each parameter. So it holds within the ranges if it
    does in the corner where it is most at risk. The ends, with the middles of all other ranges, are
    tried first, as errors at an end are easier to read. Numbers next to 0, which may be too small,
    are left out (`smallest`).

    Args:
        parameters: of the family, (p).
        problem_at: makes the problem of a point (p,), and raises a PhysicsError if it is none.

    Raises:
        PhysicsError: an end or a corner is no problem.
    """
    middles = np.array([parameter.middle for parameter in parameters])

    def check(point: NDArray[np.float64], what: str) -> None:
        try:
            problem_at(point)
        except PhysicsError as error:
            raise PhysicsError(f"{what}, makes no problem: {error}") from None

    for number, parameter in enumerate(parameters):
        for end, value in (("lower", parameter.low), ("upper", parameter.high)):
            point = middles.copy()
            point[number] = value
            check(point, f"the {end} end of {parameter.name}, {value:g}")
    for corner in _corners(parameters):
        pairs = zip(parameters, corner, strict=True)
        check(np.array(corner), f"the corner {', '.join(f'{p.name} {v:g}' for p, v in pairs)}")


def _corners(parameters: tuple[Parameter, ...]) -> Iterator[list[float]]:
    """The corners where the conditions of a problem are most at risk."""

    def lower(*kinds: re.Pattern[str]) -> list[float]:
        """The lower ends of parts of these kinds, the upper ends of all others."""
        return [p.low if any(k.fullmatch(p.part) for k in kinds) else p.high for p in parameters]

    # a steady state: net production that cells can't take up, or a negative one
    yield lower(REMOVING, STEP)
    yield [p.low for p in parameters]
    # rates that are too fast beside D/h², which lower productions can be, too
    yield lower(DIVIDING)
    yield lower(DIVIDING, PRODUCING)
    # rates that are too slow beside it, and values that are too small
    yield [p.high if DIVIDING.fullmatch(p.part) else p.nearest_to_zero for p in parameters]
    # the contrast of diffusivities, of which each may be the largest
    for largest in parameters:
        if SPREADING.fullmatch(largest.part):
            yield [p.high if p is largest else p.low for p in parameters]
