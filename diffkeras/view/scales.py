"""The scales of a network: transforms of images and fields, channels of media, and back.

Steady-state fields decrease exponentially, so arXiv 2302.03786 also trains on compressed scales.
Functions take the array namespace `xp` that they compute with, e.g. `numpy` or `keras.ops`.

All transforms increase and map 0 to 0, so "x > 0" marks the sources on both scales. Roots are
extended as odd functions, because predictions may be slightly negative.

In a uniform medium, a field depends on its sources and on one more number, the diffusion length
ℓ = √(D/γ). If examples differ in it, it becomes a second input channel, constant over the lattice.
Fields fall off with r/ℓ, so ratios of ℓ matter and not differences. The channel is therefore ln ℓ,
shifted and scaled so that the trained range becomes −1 … 1. The diffusion lengths of examples are
log-uniform, so the channel's mean over them is 0, which is also the value that convolutions pad
with outside the lattice.

In a medium that varies around a uniform one of diffusivity D₀ and lattice step h, a field depends
on D/D₀ and γh²/D₀ of each node. Those that vary become channels: ln(D/D₀), because conductances
multiply, and h√(γ/D₀), the inverse of the diffusion length in lattice steps, which may be 0. Both
have no unit and are of the size of 1, and 0 is an ordinary value of both. What cells take up at
most and what they release become channels like the decay, and the constant of saturation becomes
ln K: concentrations are relative to the largest source value, which is 1.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

LN_10 = math.log(10.0)
CONCENTRATIONS = ("uptake", "saturation", "production")  # maps that scale with the field
POSITIVE_MAPS = ("diffusivity", "saturation")  # the others may be 0


class Transform(NamedTuple):
    """A pointwise increasing map from the linear to the network's scale, with its inverse."""

    name: str
    forward: Callable[..., Any]  # both take an array, and its namespace, which is NumPy by default
    inverse: Callable[..., Any]

    def __reduce__(self) -> Any:
        return get_transform, (self.name,)  # functions without a name can't be pickled


def _odd_power(x: Any, exponent: float, xp: Any) -> Any:
    return xp.sign(x) * xp.power(xp.abs(x), exponent)


_PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "linear": (lambda x, xp=np: x, lambda z, xp=np: z),
    "sqrt": (lambda x, xp=np: _odd_power(x, 0.5, xp), lambda z, xp=np: z * xp.abs(z)),
    "log": (lambda x, xp=np: xp.log1p(x) / LN_10, lambda z, xp=np: xp.expm1(z * LN_10)),
    "power": (
        lambda x, xp=np: _odd_power(x, 0.25, xp),
        lambda z, xp=np: xp.sign(z) * xp.square(xp.square(z)),
    ),
}
TRANSFORMS = {name: Transform(name, *pair) for name, pair in _PAIRS.items()}


def get_transform(name: str) -> Transform:
    """The transform with a name: linear, sqrt, log or power; a ValueError for other names."""
    if name not in TRANSFORMS:
        raise ValueError(f"no transform is named {name!r}; choose one of {', '.join(TRANSFORMS)}")
    return TRANSFORMS[name]


def channel_of_length(length: Any, shortest: float, longest: float, xp: Any = np) -> Any:
    """2 ln(ℓ/shortest) / ln(longest/shortest) − 1, which `decay_of_channel` turns back."""
    return xp.log(length / shortest) * (2 / math.log(longest / shortest)) - 1


def decay_of_channel(channel: Any, shortest: float, longest: float, xp: Any = np) -> Any:
    """1/ℓ² of the channel of a diffusion length."""
    share = (channel + 1) / 2
    return xp.exp(-2 * (math.log(shortest) + share * math.log(longest / shortest)))


def channel_of_map(name: str, values: Any, diffusivity: float, step: float, xp: Any = np) -> Any:
    """The channel of a map, which `maps_of_channels` turns back."""
    if name in POSITIVE_MAPS:
        return xp.log(values / diffusivity if name == "diffusivity" else values)
    return xp.sqrt(values * (step**2 / diffusivity))


def maps_of_channels(network_input: Any, maps: Sequence[str], xp: Any = np) -> dict[str, Any]:
    """The maps in a network's input: D/D₀, K, and rates times h²/D₀; (…, rows, columns).

    `maps` names the channels after the first, in their order.
    """
    return {
        name: (xp.exp if name in POSITIVE_MAPS else xp.square)(network_input[..., k])
        for k, name in enumerate(maps, 1)
    }
