"""The ranges of a family's parameters: checks of their corners, checks of points, and draws."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import qmc

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_choice, check_whole
from diffkeras.physics.families.parameters import Parameter
from diffkeras.physics.families.point_parts import parts_at
from diffkeras.physics.problem.parts import parts_of, with_parts
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.real_arrays import real_array

ROUNDING = 1e-12  # of an end of a range, relative to it
METHODS = ("sobol", "latin_hypercube")  # of draws
MOST_DRAWN = 1 << 24
NEAR_ZERO = 1e-6  # share of a range that includes 0: nearer numbers may be too small for a problem
# parts that take the field away, so that lower ones make a steady state less likely; the constants
# of an uptake don't matter for that
REMOVING = re.compile(r"decay|uptake\..*|boundary\..*\.coefficient")
STEP, PRODUCING = re.compile("step"), re.compile(r"production|boundary\..*\.(flux|value)")
SPREADING = re.compile(r"diffusivity.*")
# parts by which a problem's other rates are divided: D, which comes with 1/h², and K
DIVIDING = re.compile(r"diffusivity.*|uptake\.constant")
MAY_BE_TOO_SMALL = re.compile(r"decay|values|production|boundary\..*")


class Ranges(NamedTuple):
    """The ranges of p parameters, in their order.

    Attributes:
        names: of the parameters, (p).
        low, high: ends of the ranges, (p,).
        least: below which an absolute value that isn't 0 may be too small for a problem, (p,).
    """

    names: tuple[str, ...]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    least: NDArray[np.float64]

    @classmethod
    def of(cls, parameters: Sequence[Parameter]) -> "Ranges":
        """The ranges of the parameters of a family."""
        least = [_least(p) if MAY_BE_TOO_SMALL.fullmatch(p.part) else 0.0 for p in parameters]
        return cls(
            tuple(parameter.name for parameter in parameters),
            np.array([parameter.low for parameter in parameters]),
            np.array([parameter.high for parameter in parameters]),
            np.abs(least),
        )

    def points(
        self, parameters: Mapping[str, ArrayLike] | ArrayLike, extrapolate: bool
    ) -> NDArray[np.float64]:
        """See `Family.points`."""
        values = real_array("parameters", self._in_order(parameters))
        if values.ndim not in (1, 2) or values.shape[-1] != len(self.names) or not values.size:
            raise PhysicsError(
                f"parameters have shape ({len(self.names)},) or (n, {len(self.names)}), in the "
                f"order of {', '.join(self.names)}, not {values.shape}"
            )
        if not np.isfinite(values).all():
            row, number = np.argwhere(~np.isfinite(np.atleast_2d(values)))[0]
            raise PhysicsError(
                f"{self.names[number]} must be finite, not {np.atleast_2d(values)[row, number]}"
            )
        inside = self.contain(values)
        if not (inside.all() or extrapolate):
            row, number = np.argwhere(~np.atleast_2d(inside))[0]
            raise PhysicsError(
                f"{self.names[number]} is {np.atleast_2d(values)[row, number]}, out of its range "
                f"{self.low[number]:g} to {self.high[number]:g}; extrapolate=True computes it all "
                "the same, with its bound"
            )
        return np.where(inside, np.clip(values, self.low, self.high), values)

    def _in_order(self, parameters: Mapping[str, ArrayLike] | ArrayLike) -> ArrayLike:
        """Numbers by name as an array in the order of the names."""
        if not isinstance(parameters, Mapping):
            return parameters
        if set(parameters) != set(self.names):
            wrong = [name for name in parameters if name not in self.names]
            lacking = [name for name in self.names if name not in parameters]
            what = f"has no parameter {wrong[0]!r:.60}" if wrong else f"needs {lacking[0]!r}"
            raise PhysicsError(f"this family {what}; its parameters are {', '.join(self.names)}")
        columns = [real_array(name, parameters[name]) for name in self.names]
        if len({column.shape for column in columns}) > 1:
            shapes = ", ".join(str(column.shape) for column in columns)
            raise PhysicsError(f"give one number or one array (n,) of each, not {shapes}")
        return np.stack(columns, axis=-1)

    def contain(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each number of points (…, p) is in its range, (…, p).

        A rounding beyond an end, such as of a logarithm's exponential, is.
        """
        low = self.low - ROUNDING * np.abs(self.low)
        return (values >= low) & (values <= self.high + ROUNDING * np.abs(self.high))

    def make_problems(self, values: NDArray[np.float64]) -> bool:
        """Whether a point (p,) is known to make a problem, as its family does (`check_corners`)."""
        is_small = (np.abs(values) < self.least) & (values != 0)
        return bool(self.contain(values).all() and not is_small.any())


def lowest_point(parameters: tuple[Parameter, ...]) -> NDArray[np.float64]:
    """The point (p,) of the lower ends of what removes, with all else in the middle."""
    return np.array([p.low if REMOVING.fullmatch(p.part) else p.middle for p in parameters])


def check_corners(problem: Problem, parameters: tuple[Parameter, ...]) -> None:
    """Raise an error unless all points within the ranges make problems, but for tiny numbers.

    Each condition of a problem is monotone in each parameter. So it holds within the ranges if it
    does in the corner where it is most at risk. The ends, with the middles of all other ranges, are
    tried first, as errors at an end are easier to read. Numbers next to 0, which may be too small,
    are left out (`Ranges.make_problems`).

    Raises:
        PhysicsError: an end or a corner is no problem.
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
    yield [p.high if DIVIDING.fullmatch(p.part) else _least(p) for p in parameters]
    # the contrast of diffusivities, of which each may be the largest
    for largest in parameters:
        if SPREADING.fullmatch(largest.part):
            yield [p.high if p is largest else p.low for p in parameters]


def _least(parameter: Parameter) -> float:
    """The number of a range that is nearest to 0, and not 0 itself."""
    low, high = parameter.low, parameter.high
    if low > 0 or high < 0:
        return low if low > 0 else high
    return NEAR_ZERO * (high if high >= -low else low)


def drawn(
    parameters: Sequence[Parameter], count: int, seed: int, method: str
) -> NDArray[np.float64]:
    """See `Family.draw`; parameters (p) are the family's."""
    count, seed = check_whole("count", count, 1, MOST_DRAWN), check_whole("seed", seed, 0)
    check_choice("method", method, METHODS)
    size, rng = len(parameters), np.random.default_rng(seed)
    if method == "latin_hypercube":
        return in_ranges(qmc.LatinHypercube(size, rng=rng).random(count), parameters)
    # a power of 2 keeps the points balanced; the first ones of a sequence are one, too
    unit = qmc.Sobol(size, rng=rng).random_base2((count - 1).bit_length())
    return in_ranges(unit[:count], parameters)


def in_ranges(unit: NDArray[np.float64], parameters: Sequence[Parameter]) -> NDArray[np.float64]:
    """Points (…, p) of a family from points in the unit cube, even in the logarithm or the number.

    Args:
        unit: (…, p).
        parameters: of the family, (p).
    """
    low = np.array([parameter.low for parameter in parameters])
    high = np.array([parameter.high for parameter in parameters])
    is_logarithmic = np.array([parameter.is_logarithmic for parameter in parameters])
    linear = low + unit * (high - low)
    start, end = (np.where(is_logarithmic, each, 1.0) for each in (low, high))
    powers = start * (end / start) ** unit
    return np.clip(np.where(is_logarithmic, powers, linear), low, high)
