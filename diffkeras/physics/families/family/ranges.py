"""The ranges of a family's parameters: checks of their ends, checks of points, and draws."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import qmc

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_choice, check_whole
from diffkeras.physics.families.family.parameters import Parameter
from diffkeras.physics.families.family.point_parts import parts_at
from diffkeras.physics.problem.parts import parts_of, with_parts
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.real_arrays import real_array

ROUNDING = 1e-12  # of an end of a range, relative to it
METHODS = ("sobol", "latin_hypercube")  # of draws
MOST_DRAWN = 1 << 24
# parts at whose lower ends, with the upper ends of all others, a steady state is least likely, the
# last one being a side's; the constants of an uptake don't matter for that
REMOVING = re.compile(r"decay|uptake\..*|boundary\..*\.coefficient")


class Ranges(NamedTuple):
    """The ranges of p parameters, in their order.

    Attributes:
        names: of the parameters, (p).
        low, high: ends of the ranges, (p,).
    """

    names: tuple[str, ...]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

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
