"""The parameters of a family: which part of its problem each one is, where, and its range."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_number, real_array
from diffkeras.physics.problem.parts import parts_of
from diffkeras.physics.problem.problem import Problem

ON_ALL_NODES = ("diffusivity",)  # parts that also act on fixed nodes, through their faces


class Parameter(NamedTuple):
    """One number of a family.

    Attributes:
        name: "part" or "part[region]".
        part: its name, see `parts_of`.
        nodes: the numbers of the region's nodes on the lattice; None for the whole part.
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
    def middle(self) -> float:
        """The geometric mean of the ends, or the arithmetic one of a linear range."""
        if self.is_logarithmic:
            return math.sqrt(self.low) * math.sqrt(self.high)
        return (self.low + self.high) / 2


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
    masks = {name: _mask(name, mask, problem) for name, mask in regions.items()}
    parameters = [
        _parameter(name, pair, problem, masks, name in linear) for name, pair in ranges.items()
    ]
    _check_overlaps(parameters)
    unused = set(masks) - {part_and_region(name)[1] for name in ranges}
    if unused:
        raise PhysicsError(
            f"no parameter acts on the region {min(unused)!r:.60}; name it in one, such as "
            f"'decay[{min(unused):.40}]', or leave it out"
        )
    return tuple(parameters)


def _mask(name: str, mask: Any, problem: Problem) -> NDArray[np.bool_]:
    """The mask of a region, on the lattice."""
    values = real_array(f"the region {name!r:.60}", mask)
    if values.shape != problem.lattice:
        raise PhysicsError(
            f"the region {name!r:.60} has shape {values.shape}, the problem {problem.lattice}"
        )
    if not np.isfinite(values).all():
        raise PhysicsError(f"the region {name!r:.60} must hold finite numbers, 0 outside it")
    if not values.any():
        raise PhysicsError(f"the region {name!r:.60} is empty: give the nodes that belong to it")
    return values != 0


def _parameter(
    name: str, pair: Any, problem: Problem, masks: Mapping[str, NDArray[np.bool_]], linear: bool
) -> Parameter:
    part, region = part_and_region(name)
    known = parts_of(problem)
    if part not in known:
        raise PhysicsError(
            f"{name!r:.60} names no part of this problem; its parts are {', '.join(known)}"
        )
    nodes = None
    if region is not None:
        if region not in masks:
            raise PhysicsError(
                f"{name!r:.60} needs the region {region!r:.40}, and the regions are "
                f"{', '.join(masks) or 'none'}: give regions={{{region!r:.40}: mask}}"
            )
        nodes = nodes_of_region(name, part, masks[region], problem)
    low, high = _range(name, pair)
    return Parameter(name, part, nodes, low, high, low > 0 and not linear)


def nodes_of_region(
    name: str, part: str, mask: NDArray[np.bool_], problem: Problem
) -> NDArray[np.intp]:
    """The numbers of a region's nodes.

    Raises:
        PhysicsError: the part is no map, or has no effect on some of the nodes.
    """
    if part == "step" or part.startswith("boundary."):
        raise PhysicsError(
            f"{name!r:.60}: {part} is no map of the lattice, so leave the region out"
        )
    wrong = mask & (~problem.fixed if part == "values" else problem.fixed)
    if part.startswith(ON_ALL_NODES):
        wrong = np.zeros_like(mask)
    if wrong.any():
        count, where = int(wrong.sum()), tuple(map(int, np.argwhere(wrong)[0]))
        kind, keep = ("free", "fixed") if part == "values" else ("fixed", "free")
        raise PhysicsError(
            f"the region of {name!r:.60} has {count} {kind} node{'s' * (count > 1)}, such as "
            f"{where}, where {part} has no effect: take them out, as in "
            f"mask & {'~' * (keep == 'free')}problem.fixed"
        )
    return np.flatnonzero(mask)


def _range(name: str, pair: Any) -> tuple[float, float]:
    try:
        low, high = pair
    except (TypeError, ValueError):
        raise PhysicsError(
            f"the range of {name!r:.60} is a pair (low, high), not {pair!r:.60}"
        ) from None
    low, high = (check_number(f"the range of {name!r:.60}", end) for end in (low, high))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise PhysicsError(f"the range of {name!r:.60} must be finite, not ({low}, {high})")
    if low >= high:
        advice = "swap its ends" if low > high else "with one value it is no parameter"
        raise PhysicsError(f"the range of {name!r:.60} is ({low}, {high}): {advice}")
    return low, high


def _check_overlaps(parameters: list[Parameter]) -> None:
    """Raise an error where two parameters give the same part different values on one node."""
    for number, one in enumerate(parameters):
        for other in parameters[:number]:
            if one.part != other.part or one.nodes is None or other.nodes is None:
                continue
            if shared := np.intersect1d(one.nodes, other.nodes).size:
                raise PhysicsError(
                    f"{other.name!r:.60} and {one.name!r:.60} overlap on {shared} "
                    f"node{'s' * (shared > 1)}, whose value would be either"
                )
