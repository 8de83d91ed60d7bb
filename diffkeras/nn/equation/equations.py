"""The five-point equations of batches of media and of a network's input, on every backend.

They equal `physics.linear.finite_volumes` to the rounding of the arrays. Fields of fixed values
depend only on ratios, so the operator of a network's input is in units of D₀/h², with the
diffusivity D₀ of the uniform medium, or of the one from which maps differ.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from keras import ops

from diffkeras.physics.arguments import check_choice, check_positive
from diffkeras.physics.problem.given_sides import GivenSide, plain_sides, side_of
from diffkeras.physics.problem.maps import MAPS
from diffkeras.physics.problem.sides import BOUNDARIES, AxisSides, both_sides, kinds_of
from diffkeras.physics.problem.uptake import michaelis_menten_rate, michaelis_menten_slope
from diffkeras.view.scales import decay_of_channel, maps_of_channels


class LinearEquations(NamedTuple):
    """(A u)_i = σ_i u_i + Σ_k κ_ik (u_i − u_k) of a batch of media.

    Attributes:
        couplings: κ ≥ 0 between each node and the next along the rows and along the columns,
            (batch, rows, columns) each; 0 beyond a wall.
        row_sums: σ ≥ 0, (batch, rows, columns).
    """

    couplings: tuple[Any, Any]
    row_sums: Any

    def apply(self, field: Any) -> Any:
        """A u of fields (batch, rows, columns), by differences, which lose no digits."""
        result = self.row_sums * field
        for flow, before in self._flows(field):
            result = result + flow - before
        return result

    def sizes(self, field: Any) -> Any:
        """The sums of the |terms| of A u, which the rounding of `apply` is proportional to."""
        result = ops.abs(self.row_sums * field)
        for flow, before in self._flows(field):
            result = result + ops.abs(flow) + ops.abs(before)
        return result

    def _flows(self, field: Any) -> Iterator[tuple[Any, Any]]:
        """For each axis, what flows to the next nodes and what comes from the previous ones."""
        for axis, coupling in enumerate(self.couplings, 1):
            flow = coupling * (field - following(field, axis))
            yield flow, previous(flow, axis)

    def diagonal(self) -> Any:
        """A's diagonal, (batch, rows, columns)."""
        result = self.row_sums
        for axis, coupling in enumerate(self.couplings, 1):
            result = result + coupling + previous(coupling, axis)
        return result

    def among(self, free: Any) -> "LinearEquations":
        """The equations of the free nodes alone, with all coefficients 0 on the others.

        `free` is 1 or 0, (batch, rows, columns).
        """
        row_sums, couplings = self.row_sums, []
        for axis, coupling in enumerate(self.couplings, 1):
            beyond = following(free, axis)
            row_sums = row_sums + coupling * (1 - beyond) + previous(coupling * (1 - free), axis)
            couplings.append(coupling * free * beyond)
        return LinearEquations((couplings[0], couplings[1]), row_sums * free)


class Uptake(NamedTuple):
    """φ(u) = v u/(K + u), with its tangent at 0 below; v and K of (batch, rows, columns)."""

    maximum: Any
    constant: Any

    def rate(self, field: Any) -> Any:
        """φ(u)."""
        return michaelis_menten_rate(self.maximum, self.constant, field, ops)

    def slope(self, field: Any) -> Any:
        """dφ/du."""
        return michaelis_menten_slope(self.maximum, self.constant, field, ops)


def equations_of(
    rates: Sequence[Any], decay: Any, boundaries: Sequence[Any], ones: Any
) -> LinearEquations:
    """The equations of media, in the precision and unit of their rates.

    Across the face between two nodes flows the harmonic mean of their diffusivities, and at a wall
    that absorbs or has a value the node's own (Patankar 1980, §4.2-3).

    Args:
        rates: D/h² along the rows and along the columns, each (batch, rows, columns), or with
            sides of 1 where it doesn't vary. So are the couplings.
        decay: γ, likewise.
        boundaries: of both axes: absorbing, reflecting or periodic, or a pair (low, high).
        ones: (batch, rows, columns).
    """
    row_sums, couplings = decay, []
    for axis, (rate, boundary) in enumerate(zip(rates, boundaries, strict=True), 1):
        low, high = edges(ones, axis)
        beyond = following(rate, axis)
        coupling = 2 * rate * beyond / (rate + beyond)
        wraps = boundary == "periodic" and ones.shape[axis] != 1  # no node is next to itself
        couplings.append(coupling if wraps else coupling * (1 - high))
        for side, edge in zip(both_sides(boundary), (low, high), strict=True):
            if side == "absorbing":
                row_sums = row_sums + rate * edge
    return LinearEquations((couplings[0], couplings[1]), row_sums)


def given_terms(
    sides: Sequence[AxisSides], diffusivities: Sequence[Any], step: float, ones: Any
) -> Iterator[tuple[Any, Any]]:
    """What each side with given numbers adds to the decay and the production of all nodes.

    Both are (batch, rows, columns), and 0 on nodes that are not next to the side. `diffusivities`
    are D along the rows and along the columns, of shapes that `ones` (batch, rows, columns)
    broadcasts.
    """
    for axis, (pair, diffusivity) in enumerate(zip(sides, diffusivities, strict=True), 1):
        for side, end, edge in zip(both_sides(pair), (0, -1), edges(ones, axis), strict=True):
            if not isinstance(side, str):
                values = diffusivity * ones
                beside = values[:, end] if axis == 1 else values[:, :, end]
                decay, production = (
                    ops.expand_dims(term + ops.zeros_like(beside), axis) * edge
                    for term in side.terms(beside, step)
                )
                yield decay, production


def edges(ones: Any, axis: int) -> tuple[Any, Any]:
    """1 on the first nodes along an axis and on the last ones, else 0; 1 along the other axis."""
    line = ones[:, :, :1] if axis == 1 else ones[:, :1]
    before, after = neighbours(line, axis, "absorbing")
    return 1 - before, 1 - after


def following(values: Any, axis: int) -> Any:
    """The values of the next nodes along axis 1 or 2; the first follows the last."""
    cut = (slice(None),) * axis
    return ops.concatenate([values[(*cut, slice(1, None))], values[(*cut, slice(None, 1))]], axis)


def previous(values: Any, axis: int) -> Any:
    """The values of the previous nodes along axis 1 or 2; the last precedes the first."""
    cut = (slice(None),) * axis
    return ops.concatenate([values[(*cut, slice(-1, None))], values[(*cut, slice(None, -1))]], axis)


def neighbours(values: Any, axis: int, boundary: str) -> tuple[Any, Any]:
    """The values of the previous and of the next node along axis 1 or 2, ghost nodes included."""
    cut = (slice(None),) * axis
    first, last = values[(*cut, slice(None, 1))], values[(*cut, slice(-1, None))]
    if boundary == "periodic":
        first, last = last, first
    elif boundary == "absorbing":
        first, last = ops.zeros_like(first), ops.zeros_like(last)
    before = ops.concatenate([first, values[(*cut, slice(None, -1))]], axis)
    return before, ops.concatenate([values[(*cut, slice(1, None))], last], axis)


@dataclass(frozen=True)
class LatticeOperator:
    """A of the media that a network sees, and what cells and sides do there.

    Attributes:
        decay: γh²/D₀ of all nodes, where the decay is no channel of the network's input.
        boundaries: of axis 0 and of axis 1: absorbing, reflecting or periodic. Where maps vary,
            also {"value": v} for ghost nodes of the value v [concentration], {"flux": j h/D₀} for a
            flux j that comes in, {"coefficient": α h/D₀, "value": v} for a flux α (u − v) that goes
            out, and a pair (low, high) where sides differ.
        lengths: shortest and longest diffusion length in lattice steps, if the second channel of
            the input has each image's (see `view.scales`). Then `decay` is not used.
        maps: which of `physics.problem.maps.MAPS` follow the source image in the input, in their
            order there; none in a uniform medium.

    Raises:
        ValueError: an unknown map or boundary, or a decay or length that is out of range.
    """

    decay: float = 1 / 400
    boundaries: Sequence[Any] = ("absorbing", "absorbing")
    lengths: Sequence[float] | None = None
    maps: Sequence[str] = ()

    def __post_init__(self) -> None:
        maps = [check_choice("map", name, MAPS) for name in self.maps]
        if ("uptake" in maps) != ("saturation" in maps) or maps != sorted(maps, key=[*MAPS].index):
            raise ValueError(
                f"maps must be some of {', '.join(MAPS)}, in this order, and uptake together with "
                f"saturation, got {maps}"
            )
        rows, columns = map(_checked, self.boundaries)
        object.__setattr__(self, "maps", tuple(maps))
        object.__setattr__(self, "boundaries", (rows, columns))
        if self.lengths is not None:
            shortest, longest = (check_positive("length", value) for value in self.lengths)
            object.__setattr__(self, "lengths", (shortest, longest))
        if self.decay or not (maps or "absorbing" in self.boundaries):
            check_positive("decay", self.decay)

    @classmethod
    def of(cls, values: "LatticeOperator | Mapping[str, Any]") -> "LatticeOperator":
        """The operator itself, or the one of a layer's saved configuration."""
        return cls(**values) if isinstance(values, Mapping) else values

    def get_config(self) -> dict[str, Any]:
        """The attributes, with lists for tuples, as a layer saves them."""
        return {name: plain_sides(value) for name, value in vars(self).items()}

    def equations(self, network_input: Any) -> LinearEquations:
        """The equations of all nodes, from the input of the network, (batch, rows, columns, …)."""
        ones, diffusivity = self._diffusivity(network_input)
        decay = maps_of_channels(network_input, self.maps, ops).get("decay")
        if decay is None:
            decay = self.uniform_decay(network_input) * ones
        for of_side, _ in given_terms(self.boundaries, [diffusivity] * 2, 1.0, ones):
            decay = decay + of_side
        kinds = [kinds_of(sides) for sides in self.boundaries]
        return equations_of([diffusivity] * 2, decay, kinds, ones)

    def uniform_decay(self, network_input: Any) -> Any:
        """γh²/D of each image (batch, 1, 1), or the number that all have."""
        if self.lengths is None:
            return self.decay
        shortest, longest = self.lengths
        return decay_of_channel(network_input[:, :1, :1, 1], shortest, longest, ops)

    def uptake(self, network_input: Any) -> Uptake | None:
        """The saturating uptake of cells; None if it is no channel."""
        maps = maps_of_channels(network_input, self.maps, ops)
        return Uptake(maps["uptake"], maps["saturation"]) if "uptake" in maps else None

    def production(self, network_input: Any) -> Any:
        """What cells release and sides add, of a shape that (batch, rows, columns) broadcasts."""
        ones, diffusivity = self._diffusivity(network_input)
        total = maps_of_channels(network_input, self.maps, ops).get("production", 0.0)
        for _, of_side in given_terms(self.boundaries, [diffusivity] * 2, 1.0, ones):
            total = total + of_side
        return total

    def _diffusivity(self, network_input: Any) -> tuple[Any, Any]:
        """1 on all nodes, (batch, rows, columns), and D/D₀ there."""
        ones = ops.ones_like(network_input[..., 0])
        return ones, maps_of_channels(network_input, self.maps, ops).get("diffusivity", ones)


def _checked(boundary: Any) -> Any:
    """The boundary of an axis: a side for both ends, or a pair of sides."""
    if isinstance(boundary, list | tuple):
        return tuple(map(_checked, boundary))
    if isinstance(boundary, Mapping):
        return side_of(boundary)
    if isinstance(boundary, GivenSide):
        return boundary
    return check_choice("boundary", boundary, BOUNDARIES)
