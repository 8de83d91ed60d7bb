"""The input of a network: the source image and, if media differ between examples, the medium.

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

The functions work on arrays of NumPy, TensorFlow and Keras (see `transforms`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkeras.representation.transforms import Transform

CONCENTRATIONS = ("uptake", "saturation", "production")  # maps that scale with the field
POSITIVE_MAPS = ("diffusivity", "saturation")  # the others may be 0


@dataclass(frozen=True)
class NetworkInput:
    """What a network sees of a problem, in training and in predictions.

    Attributes:
        names: of the inputs that it takes, in the order of their channels. "source_images"
            (batch, rows, columns, 1), with "diffusion_length" (batch,) [length] or maps of the
            shape of the images, in the units of `physics.maps_of`. A single example has no batch
            axis.
        transform: from the linear to the network's scale, of images.
        diffusivity: D₀ of the uniform medium around which maps vary [length²/time].
        step: h [length].
        lengths: the trained range of diffusion lengths [length]; None if it is no input.
        scales: whether images are divided by their largest value.
    """

    names: tuple[str, ...]
    transform: Transform
    diffusivity: float
    step: float
    lengths: tuple[float, float] | None
    scales: bool

    def scaled(self, inputs: Mapping[str, Any], xp: Any = np) -> tuple[dict[str, Any], Any]:
        """The inputs with images of largest value 1, and the scale by which they were divided.

        The field of source images x is the scale times that of x/scale, if concentrations in the
        medium are divided, too. The scale is (…, 1, 1, 1), or 1 where nothing is divided.
        """
        if not self.scales:
            return dict(inputs), 1.0
        scale = value_scale(inputs["source_images"], xp)
        divided = ("source_images", *CONCENTRATIONS)
        return {name: v / scale if name in divided else v for name, v in inputs.items()}, scale

    def channels(self, inputs: Mapping[str, Any], xp: Any = np) -> Any:
        """The network's input of scaled inputs, (…, rows, columns, channels)."""
        parts = []
        for name in self.names:
            values = inputs[name]
            if name == "source_images":
                values = self.transform.forward(values, xp)
            elif name == "diffusion_length":
                channel = self._channel_of_length(values, xp)[..., None, None, None]
                values = channel * xp.ones_like(inputs["source_images"])
            else:
                values = channel_of_map(name, values, self.diffusivity, self.step, xp)
            parts.append(values)
        return xp.concatenate(parts, axis=-1)

    def _channel_of_length(self, length: Any, xp: Any) -> Any:
        """2 ln(ℓ/shortest) / ln(longest/shortest) − 1."""
        assert self.lengths is not None
        shortest, longest = self.lengths
        return xp.log(length / shortest) * (2 / math.log(longest / shortest)) - 1


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


def value_scale(source_images: Any, xp: Any = np) -> Any:
    """The largest value of images, (…, 1, 1, 1), by which they are divided for a network.

    Images without sources have the scale 1.
    """
    largest = xp.max(source_images, axis=(-3, -2, -1), keepdims=True)
    return xp.where(largest > 0, largest, xp.ones_like(largest))
