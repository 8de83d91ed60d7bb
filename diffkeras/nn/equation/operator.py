"""The lattice operator of a network's input, uniform or varying from node to node.

Fields of fixed values depend only on ratios, so everything is in units of D₀/h², with the
diffusivity D₀ of the uniform medium, or of the one from which maps differ.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from keras import ops

from diffkeras.nn.arguments import one_of, positive
from diffkeras.nn.equation.equations import LinearEquations, Uptake, equations_of, given_terms
from diffkeras.physics.problem.given_sides import GIVEN, GivenSide
from diffkeras.physics.problem.sides import homogeneous
from diffkeras.representation.network_input import MAPS, maps_of_channels

BOUNDARIES = ("absorbing", "reflecting", "periodic")


@dataclass(frozen=True)
class LatticeOperator:
    """A of the media that a network sees, and what cells and sides do there.

    Attributes:
        decay: γh²/D₀ of all nodes, where the decay is no channel of the network's input.
        boundaries: of axis 0 and of axis 1: absorbing, reflecting or periodic. Where maps vary,
            also {"value": v} for ghost nodes of the value v [concentration], {"flux": j h/D₀} for a
            flux j that comes in, {"coefficient": α h/D₀, "value": v} for a flux α (u − v) that goes
            out, and a pair (low, high) where sides differ.
        lengths: shortest and longest diffusion length in lattice steps, if that of each image is in
            the second channel of the network's input (see `representation.network_input`). Then
            `decay` is not used.
        maps: which of `network_input.MAPS` follow the source image in the input, in this order;
            none in a uniform medium.

    Raises:
        ValueError: an unknown map or boundary, or a decay or length that is out of range.
    """

    decay: float = 1 / 400
    boundaries: Sequence[Any] = ("absorbing", "absorbing")
    lengths: Sequence[float] | None = None
    maps: Sequence[str] = ()

    def __post_init__(self) -> None:
        maps = [one_of("map", name, MAPS) for name in self.maps]
        if ("uptake" in maps) != ("saturation" in maps) or maps != sorted(maps, key=MAPS.index):
            raise ValueError(
                f"maps must be some of {', '.join(MAPS)}, in this order, and uptake together with "
                f"saturation, got {maps}"
            )
        rows, columns = map(_checked, self.boundaries)
        object.__setattr__(self, "maps", tuple(maps))
        object.__setattr__(self, "boundaries", (rows, columns))
        if self.lengths is not None:
            shortest, longest = (positive("length", value) for value in self.lengths)
            object.__setattr__(self, "lengths", (shortest, longest))
        if self.decay or not (maps or "absorbing" in self.boundaries):
            positive("decay", self.decay)

    @classmethod
    def of(cls, values: "LatticeOperator | Mapping[str, Any]") -> "LatticeOperator":
        """The operator itself, or the one of a layer's saved configuration."""
        return cls(**values) if isinstance(values, Mapping) else values

    def get_config(self) -> dict[str, Any]:
        """The attributes, with lists for tuples, as a layer saves them."""
        return {name: _as_lists(value) for name, value in asdict(self).items()}

    def equations(self, network_input: Any) -> LinearEquations:
        """The equations of all nodes, from the input of the network, (batch, rows, columns, …)."""
        ones, diffusivity = self._diffusivity(network_input)
        decay = maps_of_channels(network_input, self.maps, ops).get("decay")
        if decay is None:
            decay = self.uniform_decay(network_input) * ones
        for drained, _ in given_terms(self.boundaries, [diffusivity] * 2, 1.0, ones):
            decay = decay + drained
        kinds = [homogeneous(sides) for sides in self.boundaries]
        return equations_of([diffusivity] * 2, decay, kinds, ones)

    def uniform_decay(self, network_input: Any) -> Any:
        """γh²/D of each image (batch, 1, 1), or the number that all have.

        `network_input` is (batch, rows, columns, channels).
        """
        if self.lengths is None:
            return self.decay
        shortest, longest = self.lengths
        share = (network_input[:, :1, :1, 1] + 1) / 2
        return ops.exp(-2 * (math.log(shortest) + share * math.log(longest / shortest)))

    def uptake(self, network_input: Any) -> Uptake | None:
        """The saturating uptake of cells; None if it is no channel."""
        maps = maps_of_channels(network_input, self.maps, ops)
        return Uptake(maps["uptake"], maps["saturation"]) if "uptake" in maps else None

    def production(self, network_input: Any) -> Any:
        """What cells release and sides add, of a shape that (batch, rows, columns) broadcasts."""
        ones, diffusivity = self._diffusivity(network_input)
        total = maps_of_channels(network_input, self.maps, ops).get("production", 0.0)
        for _, supplied in given_terms(self.boundaries, [diffusivity] * 2, 1.0, ones):
            total = total + supplied
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
        if frozenset(boundary) not in GIVEN:
            known = "; ".join(" and ".join(sorted(names)) for names in GIVEN)
            raise ValueError(f"a side has numbers of these names: {known}; got {dict(boundary)}")
        return GIVEN[frozenset(boundary)](**boundary)
    if isinstance(boundary, GivenSide):
        return boundary
    return one_of("boundary", boundary, BOUNDARIES)


def _as_lists(value: Any) -> Any:
    return list(map(_as_lists, value)) if isinstance(value, tuple) else value
