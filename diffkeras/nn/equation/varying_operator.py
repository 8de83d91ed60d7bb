"""The lattice operator of media that vary from node to node, on every backend.

The equations are those of `physics.operators.finite_volumes`, to the rounding of float32. Fields of
fixed values depend only on ratios, so everything is in units of D₀/h², with the diffusivity D₀ of
the uniform medium that the maps vary around.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from keras import ops

from diffkeras.nn.arguments import one_of
from diffkeras.nn.equation.operator import BOUNDARIES, Operator, neighbours
from diffkeras.representation.network_input import MAPS, maps_of_channels


class Equations(NamedTuple):
    """(A u)_i = σ_i u_i + Σ_k κ_ik (u_i − u_k) of a batch of media.

    Attributes:
        couplings: κ ≥ 0 between each node and the next along the rows and along the columns,
            (batch, rows, columns) each; 0 beyond a wall.
        drain: σ ≥ 0, (batch, rows, columns).
    """

    couplings: tuple[Any, Any]
    drain: Any

    def apply(self, field: Any) -> Any:
        """A u of fields (batch, rows, columns), by differences, which lose no digits."""
        result = self.drain * field
        for axis, coupling in enumerate(self.couplings, 1):
            flow = coupling * (field - following(field, axis))
            result = result + flow - previous(flow, axis)
        return result

    def magnitude(self, field: Any) -> Any:
        """σ |u_i| + Σ κ |u_i − u_k| of fields, to which the rounding of A u is relative."""
        result = self.drain * ops.abs(field)
        for axis, coupling in enumerate(self.couplings, 1):
            flow = coupling * ops.abs(field - following(field, axis))
            result = result + flow + previous(flow, axis)
        return result

    def diagonal(self) -> Any:
        """A's diagonal, (batch, rows, columns)."""
        result = self.drain
        for axis, coupling in enumerate(self.couplings, 1):
            result = result + coupling + previous(coupling, axis)
        return result

    def among(self, free: Any) -> "Equations":
        """The equations of the free nodes alone, with all coefficients 0 on the others.

        What flows to a node that isn't free is a drain of its neighbour. `free` is 1 or 0,
        (batch, rows, columns).
        """
        drain, couplings = self.drain, []
        for axis, coupling in enumerate(self.couplings, 1):
            beyond = following(free, axis)
            drain = drain + coupling * (1 - beyond) + previous(coupling * (1 - free), axis)
            couplings.append(coupling * free * beyond)
        return Equations((couplings[0], couplings[1]), drain * free)


class Uptake(NamedTuple):
    """φ(u) = v u/(K + u), with its tangent at 0 below; v and K of (batch, rows, columns)."""

    maximum: Any
    constant: Any

    def rate(self, field: Any) -> Any:
        """φ(u)."""
        return self.maximum * field / (self.constant + ops.maximum(field, 0.0))

    def slope(self, field: Any) -> Any:
        """dφ/du."""
        return self.maximum * self.constant / (self.constant + ops.maximum(field, 0.0)) ** 2


@dataclass(frozen=True)
class VaryingOperator(Operator):
    """A in media whose maps are channels of the network's input, and what cells do there.

    Attributes:
        maps: which of `network_input.MAPS` follow the source image in the input, in this order.
        decay: γh²/D₀ of all nodes where the decay is no channel.
        boundaries: of axis 0 and of axis 1, one for both sides or a pair (low, high). Each is
            absorbing, reflecting or periodic; or {"value": v} for ghost nodes that hold v
            [concentration], or {"flux": j h/D₀} for a flux j that comes in.

    Raises:
        ValueError: an unknown map or boundary, no map, or a decay below 0.
    """

    maps: Sequence[str] = MAPS[:2]
    decay: float = 1 / 400
    boundaries: Sequence[Any] = ("absorbing", "absorbing")

    def __post_init__(self) -> None:
        maps = tuple(one_of("map", name, MAPS) for name in self.maps)
        if ("uptake" in maps) != ("saturation" in maps):
            raise ValueError(f"uptake needs saturation, and the other way round, got {list(maps)}")
        if not maps or maps != tuple(name for name in MAPS if name in maps):
            raise ValueError(
                f"maps must be some of {', '.join(MAPS)}, in this order, got {list(maps)}"
            )
        boundaries = tuple(map(_checked, self.boundaries))
        if len(boundaries) != 2:
            raise ValueError(f"boundaries must be two values, one for each axis, got {boundaries}")
        if not 0 <= self.decay < float("inf"):
            raise ValueError(f"decay must be a finite number from 0 on, got {self.decay!r}")
        object.__setattr__(self, "maps", maps)
        object.__setattr__(self, "boundaries", boundaries)

    def uptake(self, network_input: Any) -> Uptake | None:
        """The saturating uptake of cells; None if it is no channel."""
        maps = maps_of_channels(network_input, self.maps, ops)
        return Uptake(maps["uptake"], maps["saturation"]) if "uptake" in maps else None

    def production(self, network_input: Any) -> Any:
        """What cells release and sides add, (batch, rows, columns); 0 where neither is."""
        maps = maps_of_channels(network_input, self.maps, ops)
        ones, total = ops.ones_like(network_input[..., 0]), maps.get("production", 0.0)
        for axis, boundary in enumerate(self.boundaries, 1):
            for side, edge in zip(_both(boundary), _edges(ones, axis), strict=True):
                if isinstance(side, Mapping) and "value" in side:
                    total = total + side["value"] * edge * maps.get("diffusivity", ones)
                elif isinstance(side, Mapping):
                    total = total + side["flux"] * edge
        return total

    def equations(self, network_input: Any) -> Equations:
        """The equations of all nodes, from the input of the network, (batch, rows, columns, …)."""
        maps = maps_of_channels(network_input, self.maps, ops)
        ones = ops.ones_like(network_input[..., 0])
        diffusivity = maps.get("diffusivity", ones)
        decay = maps.get("decay", self.decay * ones)
        return equations_of(diffusivity, decay, self.boundaries)


def equations_of(diffusivity: Any, decay: Any, boundaries: Sequence[Any]) -> Equations:
    """The equations of maps (batch, rows, columns) of D/D₀ and γh²/D₀, in their precision.

    Across the face between two nodes flows the harmonic mean of their diffusivities, and at a wall
    that absorbs or holds a value the node's own (Patankar 1980, §4.2-3). `boundaries` are those of
    `VaryingOperator`; their values and fluxes belong to the right-hand side.
    """
    ones, drain, couplings = ops.ones_like(diffusivity), decay, []
    for axis, boundary in enumerate(boundaries, 1):
        low, high = _edges(ones, axis)
        beyond = following(diffusivity, axis)
        inner = ones if boundary == "periodic" else 1 - high
        couplings.append(2 * diffusivity * beyond / (diffusivity + beyond) * inner)
        absorbing = [
            edge
            for side, edge in zip(_both(boundary), (low, high), strict=True)
            if side == "absorbing" or (isinstance(side, Mapping) and "value" in side)
        ]
        if absorbing:
            drain = drain + diffusivity * sum(absorbing)
    return Equations((couplings[0], couplings[1]), drain)


def _checked(boundary: Any) -> Any:
    """The boundary of an axis: a side for both ends, or a pair of sides."""
    if isinstance(boundary, list | tuple) and len(boundary) == 2:
        pair = tuple(map(_checked, boundary))
        if "periodic" in pair and pair[0] != pair[1]:
            raise ValueError(f"an axis is periodic at both sides or at none, got {pair}")
        return pair
    if isinstance(boundary, Mapping) and list(boundary) in (["value"], ["flux"]):
        [(name, number)] = boundary.items()
        if not isinstance(number, int | float) or not math.isfinite(number):
            raise ValueError(f"{name} must be a finite number, got {number!r}")
        return {name: float(number)}
    return one_of("boundary", boundary, BOUNDARIES)


def _both(boundary: Any) -> tuple[Any, Any]:
    return boundary if isinstance(boundary, tuple) else (boundary, boundary)


def _edges(ones: Any, axis: int) -> tuple[Any, Any]:
    """1 on the first nodes along an axis and on the last ones, else 0."""
    before, after = neighbours(ones, axis, "absorbing")
    return 1 - before, 1 - after


def following(values: Any, axis: int) -> Any:
    """The values of the next nodes along axis 1 or 2; the first follows the last."""
    cut = (slice(None),) * axis
    return ops.concatenate([values[(*cut, slice(1, None))], values[(*cut, slice(None, 1))]], axis)


def previous(values: Any, axis: int) -> Any:
    """The values of the previous nodes along axis 1 or 2; the last precedes the first."""
    cut = (slice(None),) * axis
    return ops.concatenate([values[(*cut, slice(-1, None))], values[(*cut, slice(None, -1))]], axis)
