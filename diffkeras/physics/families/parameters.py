"""The parameters of a family: which part of its problem each one is, where, and its range."""

import math
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_number, real_array
from diffkeras.physics.problem.parts import parts_of
from diffkeras.physics.problem.problem import Problem

# parts that also act on fixed nodes, through their faces, and those that are no maps
ON_ALL_NODES = ("diffusivity", "step", "boundary.")
NEAR_ZERO = 1e-6  # share of a range that includes 0: nearer numbers may be too small for a problem


class Parameter(NamedTuple):
    """One number of a family.

    Attributes:
        name: "part" or "part[region]".
        part: its name, see `parts_of`.
        nodes: the numbers of the lattice's nodes that it sets: those of its region; without one,
            those that no region of its part has, and None for all.
        low, high: its range.
        is_logarithmic: whether draws are even in its logarithm.
    """

    name: str
    part: str
    nodes: NDArray[np.intp] | None
    low: float
    high: float
    is_logarithmic: bool

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

    def number_in(self, parts: Mapping[str, Any], own: Problem) -> float:
        """Its number in the parts of a problem; the middle where none of its nodes has an effect.

        `own` is the problem of the family.
        """
        part = np.asarray(parts[self.part])
        with_effect = np.broadcast_to(nodes_with_effect(self.part, own), own.lattice)
        nodes = np.arange(with_effect.size)[self.where]
        nodes = nodes[with_effect.flat[nodes]]
        if not nodes.size:  # regions have all nodes of the part
            return self.middle
        return float(part.flat[nodes[0] if part.shape == own.lattice else 0])

    def derivative(self, derivatives: Mapping[str, Any]) -> float:
        """The derivative by it: the sum of the derivatives by the part on its nodes (chain rule).

        Raises:
            PhysicsError: derivatives without the part, or by one number for a part of many.
        """
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


def part_and_region(name: str) -> tuple[str, str | None]:
    """The part and the region of a parameter's name; None for the whole part.

    Raises:
        PhysicsError: a name without its closing bracket.
    """
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
    """The checked parameters of a family, in the order of their names.

    Raises:
        PhysicsError: names, regions or ranges that can't be used (see `Family`).
    """
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
    masks = {name: checked_mask(name, mask, problem.lattice) for name, mask in regions.items()}
    parameters = []
    for name, pair in ranges.items():
        nodes, (low, high) = nodes_of(name, problem, masks), checked_range(name, pair)
        part, _ = part_and_region(name)
        parameters.append(Parameter(name, part, nodes, low, high, low > 0 and name not in linear))
    check_overlaps({parameter.name: parameter.nodes for parameter in parameters})
    check_all_named(masks, ranges)
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


def checked_mask(name: str, mask: Any, lattice: tuple[int, ...]) -> NDArray[np.bool_]:
    """The mask of a region, which has the nodes that are not 0 in an array of finite numbers.

    Raises:
        PhysicsError: another shape, numbers that are not finite, or no node in it.
    """
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


def checked_range(name: str, pair: Any) -> tuple[float, float]:
    """(low, high) of a parameter.

    Raises:
        PhysicsError: no pair of finite numbers, or one that doesn't ascend.
    """
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


def nodes_of(
    name: str, problem: Problem, masks: Mapping[str, NDArray[np.bool_]]
) -> NDArray[np.intp] | None:
    """The numbers of the nodes on which a parameter acts; None for the whole part.

    Raises:
        PhysicsError: an unknown part or region, a part that is no map, or one that has no effect on
            some of the region's nodes.
    """
    part, region = part_and_region(name)
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
    wrong = mask & ~nodes_with_effect(part, problem)
    if wrong.any():
        count, where = int(wrong.sum()), tuple(map(int, np.argwhere(wrong)[0]))
        kind, keep = ("free", "fixed") if part == "values" else ("fixed", "free")
        raise PhysicsError(
            f"the region of {name!r:.60} has {count} {kind} node{'s' * (count > 1)}, such as "
            f"{where}, where {part} has no effect: take them out, as in "
            f"mask & {'~' * (keep == 'free')}problem.fixed"
        )
    return np.flatnonzero(mask)


def nodes_with_effect(part: str, problem: Problem) -> NDArray[np.bool_]:
    """The nodes, as a mask, on which a part has an effect; one True for all, and for no map."""
    if part.startswith(ON_ALL_NODES):
        return np.array(True)
    return problem.fixed if part == "values" else ~problem.fixed


def check_overlaps(nodes: Mapping[str, NDArray[np.intp] | None]) -> None:
    """Raise an error where two regions give the same part different numbers on one node.

    `nodes` are those of each parameter by its name, None for a whole part.
    """
    regional = [(name, own) for name, own in nodes.items() if own is not None]
    for (one, first), (other, second) in combinations(regional, 2):
        part, _ = part_and_region(one)
        if part != part_and_region(other)[0]:
            continue
        if shared := np.intersect1d(first, second).size:
            raise PhysicsError(
                f"{one:.60} and {other:.60} overlap on {shared} node{'s' * (shared > 1)}, whose "
                f"{part} would be either: take these out of one of the regions"
            )


def check_all_named(masks: Iterable[str], names: Iterable[str]) -> None:
    """Raise an error for a region that no parameter names."""
    unused = set(masks) - {part_and_region(name)[1] for name in names}
    if unused:
        raise PhysicsError(
            f"no part names the region {min(unused)!r:.60}; name it, as in "
            f"'decay[{min(unused):.40}]', or leave it out"
        )
