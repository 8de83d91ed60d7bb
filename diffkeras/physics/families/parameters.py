"""The parameters of a family: which part of its problem each one is, where, and its range.

Also the corners of all ranges, in which problems are most at risk, and the dimensionless inputs of
a surrogate: what the field depends on, once its scale is taken out. Without production, a field
whose fixed values are all multiplied by c is c times larger, if the concentrations of saturating
uptake (the maximum, per unit of time, and Michaelis–Menten's constant) are, too. So where the value
of all fixed nodes is one parameter, u/c depends on that parameter only through the others divided
by it.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_number, real_array
from diffkeras.physics.problem.parts import parts_of
from diffkeras.physics.problem.problem import Problem

NEAR_ZERO = 1e-6  # share of a range that includes 0: nearer numbers may be too small for a problem

# parts that take the field away, so that lower ones make a steady state less likely; the constants
# of an uptake don't matter for that
REMOVING = re.compile(r"decay|uptake\..*|boundary\..*\.coefficient")
STEP, PRODUCING = re.compile("step"), re.compile(r"production|boundary\..*\.(flux|value)")
SPREADING = re.compile(r"diffusivity.*")
# parts by which a problem's other rates are divided: D, which comes with 1/h², and K
DIVIDING = re.compile(r"diffusivity.*|uptake\.constant")
MAY_BE_TOO_SMALL = re.compile(r"decay|values|production|boundary\..*")
# parts in proportion to the field's scale
CONCENTRATION_PARTS = ("uptake.maximum", "uptake.constant")


class Parameter(NamedTuple):
    """One number of a family."""

    name: str  # "part" or "part[region]"
    part: str  # its name, see `parts_of`
    # the numbers of the nodes that it sets: its region's nodes; without a region, the nodes that
    # no region of its part has, and None for all
    nodes: NDArray[np.intp] | None
    # low, high: its range
    low: float
    high: float
    is_logarithmic: bool  # whether draws are even in its logarithm

    @property
    def has_region(self) -> bool:
        """Whether its name has a region."""
        return self.name != self.part

    @property
    def where(self) -> NDArray[np.intp] | slice:
        """The index of its nodes in a map that is one row."""
        return slice(None) if self.nodes is None else self.nodes

    @property
    def middle(self) -> float:
        """The geometric mean of the ends of the range, or the arithmetic one of a linear range."""
        if self.is_logarithmic:
            return math.sqrt(self.low) * math.sqrt(self.high)
        return (self.low + self.high) / 2

    @property
    def nearest_to_zero(self) -> float:
        """The number of the range that is nearest to 0, and not 0 itself."""
        if self.low > 0 or self.high < 0:
            return self.low if self.low > 0 else self.high
        return NEAR_ZERO * (self.high if self.high >= -self.low else self.low)

    def derivative(self, derivatives: Mapping[str, Any]) -> float:
        """The derivative by it: the sum of the derivatives by the part on its nodes."""
        if self.part not in derivatives:
            raise PhysicsError(
                f"these derivatives have no {self.part}: take `vjp` of a solution at one of this "
                "family's problems"
            )
        each = np.asarray(derivatives[self.part])
        if self.nodes is None:
            return float(each.sum())
        if not each.ndim:
            raise PhysicsError(
                f"these derivatives are of a problem whose {self.part} is one number for all "
                f"nodes, and {self.name} has nodes of its own: take `vjp` of a solution of this "
                "family's `problem_at`"
            )
        return float(each.flat[self.nodes].sum())


def _part_and_region(name: str) -> tuple[str, str | None]:
    """The part and the region of a parameter's name; None for the whole part."""
    part, bracket, region = name.partition("[")
    if bracket and not region.endswith("]"):
        raise PhysicsError(f"{name!r:.60} has no closing bracket; write {name + ']'!r:.60}")
    return part, region.removesuffix("]") if bracket else None


def parameters_of(
    problem: Problem,
    ranges: Mapping[str, Any],
    regions: Mapping[str, Any],
    linear: Any,
) -> tuple[Parameter, ...]:
    """The checked parameters of a family, in the order of their names (see `Family`)."""
    linear = [linear] if isinstance(linear, str) else linear
    for what, given, kinds, wanted in (
        ("parameters", ranges, Mapping, "(low, high) by name, such as {'decay': (0.001, 0.1)}"),
        ("regions", regions, Mapping, "masks by name, such as {'vessels': mask}"),
        ("linear", linear, Iterable, "names of parameters, such as ['decay']"),
    ):
        if not isinstance(given, kinds):
            raise PhysicsError(f"{what} must be {wanted}, not {given!r:.60}")
    for name in (*ranges, *regions):
        if not isinstance(name, str):
            raise PhysicsError(f"names of parameters and regions are texts, not {name!r:.60}")
    linear = tuple(linear)
    for name in linear:
        if name not in ranges:
            raise PhysicsError(
                f"linear names {name!r:.60}, which is no parameter here; the parameters are "
                f"{', '.join(ranges)}"
            )
    masks = {name: _checked_mask(name, mask, problem.lattice) for name, mask in regions.items()}
    parameters = []
    for name, pair in ranges.items():
        nodes, (low, high) = _nodes_of(name, problem, masks), _checked_range(name, pair)
        part, _ = _part_and_region(name)
        parameters.append(Parameter(name, part, nodes, low, high, low > 0 and name not in linear))
    _check_overlaps(parameters)
    if unused := set(masks) - {_part_and_region(name)[1] for name in ranges}:
        raise PhysicsError(
            f"no part names the region {min(unused)!r:.60}; name it, as in "
            f"'decay[{min(unused):.40}]', or leave it out"
        )
    return tuple(
        each if each.has_region else each._replace(nodes=_others(each.part, parameters, problem))
        for each in parameters
    )


def _others(
    part: str, parameters: Iterable[Parameter], problem: Problem
) -> NDArray[np.intp] | None:
    """The numbers of the nodes of a part that no region has; None for all."""
    # fixed values are read on the fixed nodes only
    left = np.array(problem.fixed if part == "values" else np.ones(problem.lattice, bool)).ravel()
    for parameter in parameters:
        if parameter.part == part and parameter.nodes is not None:
            left[parameter.nodes] = False
    return None if left.all() else np.flatnonzero(left)


def _checked_mask(name: str, mask: Any, lattice: tuple[int, ...]) -> NDArray[np.bool_]:
    """The mask of a region: the nodes that are not 0 in an array of finite numbers."""
    what = f"the region {name!r:.60}"
    values = real_array(what, mask)
    if lattice != values.shape:
        raise PhysicsError(
            f"{what} has shape {values.shape}, and the lattice {lattice}: give a mask of this "
            "shape, or another lattice"
        )
    if not np.isfinite(values).all():
        raise PhysicsError(f"{what} must hold finite numbers, 0 outside it")
    if not values.any():
        raise PhysicsError(f"{what} is empty: give the nodes that belong to it")
    return values != 0


def _checked_range(name: str, pair: Any) -> tuple[float, float]:
    """The finite (low, high) of a parameter, which ascend."""
    what = f"the range of {name!r:.60}"
    try:
        low, high = pair
    except (TypeError, ValueError):
        raise PhysicsError(f"{what} is a pair (low, high), not {pair!r:.60}") from None
    low, high = check_number(what, low), check_number(what, high)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise PhysicsError(f"{what} must be finite, not ({low}, {high})")
    if low >= high:
        advice = "swap its ends" if low > high else "with one value it is no parameter"
        raise PhysicsError(f"{what} is ({low}, {high}): {advice}")
    return low, high


def _nodes_of(
    name: str, problem: Problem, masks: Mapping[str, NDArray[np.bool_]]
) -> NDArray[np.intp] | None:
    """The numbers of the nodes of a parameter's region; None for the whole part."""
    part, region = _part_and_region(name)
    known = parts_of(problem)
    if part not in known:
        raise PhysicsError(
            f"{name!r:.60} names no part of this problem; its parts are {', '.join(known)}"
        )
    if region is None:
        return None
    if region not in masks:
        raise PhysicsError(
            f"{name!r:.60} needs the region {region!r:.40}, and the regions are "
            f"{', '.join(masks) or 'none'}: name one of these, or give its mask"
        )
    mask = masks[region]
    if part == "step" or part.startswith("boundary."):
        raise PhysicsError(
            f"{name!r:.60}: {part} is no map of the lattice, so leave the region out"
        )
    wrong = mask & (~problem.fixed if part == "values" else problem.fixed)
    # diffusivity also acts on fixed nodes, through their faces
    if wrong.any() and not part.startswith("diffusivity"):
        count, where = int(wrong.sum()), tuple(map(int, np.argwhere(wrong)[0]))
        kind, keep = ("free", "fixed") if part == "values" else ("fixed", "free")
        raise PhysicsError(
            f"the region of {name!r:.60} has {count} {kind} node{'s' * (count > 1)}, such as "
            f"{where}, where {part} has no effect: take them out, as in "
            f"mask & {'~' * (keep == 'free')}problem.fixed"
        )
    return np.flatnonzero(mask)


def _check_overlaps(parameters: Iterable[Parameter]) -> None:
    """Raise an error where two regions of one part overlap."""
    for one, other in combinations(parameters, 2):
        if one.nodes is None or other.nodes is None or one.part != other.part:
            continue
        if shared := np.intersect1d(one.nodes, other.nodes).size:
            raise PhysicsError(
                f"{one.name:.60} and {other.name:.60} overlap on {shared} "
                f"node{'s' * (shared > 1)}, whose {one.part} would be either: take these out of "
                "one of the regions"
            )


def corners(parameters: tuple[Parameter, ...]) -> Iterator[list[float]]:
    """The corners of the ranges where the conditions of a problem are most at risk.

    Each condition is monotone in each parameter. So it holds within the ranges if it does in these,
    except for numbers next to 0, which may be too small.
    """

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


class Scaling(NamedTuple):
    """How points of a family become inputs."""

    scale: int | None  # the number of the parameter that all fields are divided by; None for none
    divided: NDArray[np.bool_]  # (p,), the parameters that are divided by it
    kept: NDArray[np.bool_]  # (p,), the parameters that are inputs
    is_logarithmic: NDArray[np.bool_]  # (p,), whose logarithm is the input

    @classmethod
    def of(cls, problem: Problem, parameters: tuple[Parameter, ...]) -> "Scaling":
        """The scaling of a problem's parameters."""
        logarithmic = np.array([parameter.is_logarithmic for parameter in parameters])
        scale = _scale(problem, parameters)
        if scale is None:
            none = np.zeros(len(parameters), bool)
            return cls(None, none, ~none, logarithmic)
        divided = np.array([parameter.part in CONCENTRATION_PARTS for parameter in parameters])
        kept = np.ones(len(parameters), bool)
        kept[scale] = not _covers(problem, parameters)
        if not kept.any():
            kept[scale] = True  # the only parameter
        return cls(scale, divided, kept, logarithmic)

    def scales(self, points: Any, xp: Any = np) -> Any:
        """What the fields of points (n, p) are divided by, (n, 1); `xp`: their array namespace."""
        if self.scale is None:
            return xp.ones_like(points[:, :1])
        return points[:, self.scale : self.scale + 1]

    def inputs(self, points: Any, xp: Any = np) -> Any:
        """Dimensionless inputs (n, k) of points (n, p); infinite where a logarithm has none."""
        scale, columns = self.scales(points, xp), []
        with np.errstate(divide="ignore", invalid="ignore"):
            for number in np.flatnonzero(self.kept):
                column = points[:, number : number + 1]
                column = column / scale if self.divided[number] else column
                columns.append(xp.log(column) if self.is_logarithmic[number] else column)
        return xp.concatenate(columns, axis=1)


def _scale(problem: Problem, parameters: tuple[Parameter, ...]) -> int | None:
    """The number of the only parameter that fields are in proportion to, if there is one."""
    numbers = [n for n, parameter in enumerate(parameters) if parameter.part == "values"]
    produces = problem.reduced.production is not None or any(
        p.part == "production" or p.part.startswith("boundary.") for p in parameters
    )
    if len(numbers) != 1 or produces or not parameters[numbers[0]].is_logarithmic:
        return None
    rest = problem.values * problem.fixed
    rest.flat[parameters[numbers[0]].where] = 0.0
    return None if rest.any() else numbers[0]


def _covers(problem: Problem, parameters: tuple[Parameter, ...]) -> bool:
    """Whether all concentrations of uptake are parameters, wherever anything is taken up."""
    if problem.uptake is None:
        return True
    for part in set(CONCENTRATION_PARTS) & {f"uptake.{name}" for name in problem.uptake.parts}:
        left = np.array(np.broadcast_to(problem.uptake.maximum, problem.lattice)) != 0
        for set_part, is_left in (("uptake.maximum", True), (part, False)):
            for parameter in parameters:
                if parameter.part == set_part:
                    left.flat[parameter.where] = is_left
        if (left & ~problem.fixed).any():
            return False
    return True
