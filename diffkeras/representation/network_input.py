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
from typing import Any

import numpy as np

from diffkeras.representation.transforms import Transform

Range = tuple[float, float]
# of tissues, in the order of their channels
MAPS = ("diffusivity", "decay", "uptake", "saturation", "production")
POSITIVE_MAPS = ("diffusivity", "saturation")  # the others may be 0


def on_channel_scale(diffusion_length: Any, limits: Range, xp: Any = np) -> Any:
    """2 ln(ℓ/shortest) / ln(longest/shortest) − 1, where the limits are the trained range."""
    shortest, longest = limits
    return xp.log(diffusion_length / shortest) * (2 / math.log(longest / shortest)) - 1


def map_channels(
    maps: Mapping[str, Any], diffusivity: float, step: float, xp: Any = np
) -> list[Any]:
    """The channels of the maps of media that vary, in the order of `MAPS`.

    Args:
        maps: those of `MAPS` that vary, (…, rows, columns, 1), in the units of
            `physics.maps_of`.
        diffusivity: D₀ of the uniform medium around which they vary [length²/time].
        step: h [length].
        xp: array namespace of the maps.
    """

    def of_rate(values: Any) -> Any:
        return xp.sqrt(values * (step**2 / diffusivity))

    channels = {
        "diffusivity": lambda values: xp.log(values / diffusivity),
        "saturation": xp.log,
    }
    return [channels.get(name, of_rate)(maps[name]) for name in MAPS if name in maps]


def maps_of_channels(network_input: Any, maps: Sequence[str], xp: Any = np) -> dict[str, Any]:
    """What `map_channels` made of maps: D/D₀, K, and rates times h²/D₀; (…, rows, columns).

    `maps` names the channels after the first, in their order.
    """
    values = {"diffusivity": xp.exp, "saturation": xp.exp}
    return {
        name: values.get(name, xp.square)(network_input[..., k]) for k, name in enumerate(maps, 1)
    }


def value_scale(source_images: Any, xp: Any = np) -> Any:
    """The largest value of images, (…, 1, 1, 1), by which they are divided for a network.

    The equation is linear in the values, so fields are multiplied by this scale. Images without
    sources have the scale 1.
    """
    largest = xp.max(source_images, axis=(-3, -2, -1), keepdims=True)
    return xp.where(largest > 0, largest, xp.ones_like(largest))


def network_input(
    source_images: Any,
    transform: Transform,
    diffusion_length: Any = None,
    limits: Range | None = None,
    xp: Any = np,
    *,
    channels: Sequence[Any] = (),
) -> Any:
    """The input of a network.

    Args:
        source_images: (…, rows, columns, 1), linear scale.
        transform: from the linear to the network's scale.
        diffusion_length: ℓ of each image (…) [length], for a network that takes it as input.
        limits: the range of ℓ that such a network is trained on [length]; None for other networks.
        xp: array namespace of the arrays.
        channels: of maps, from `map_channels`.

    Returns:
        (…, rows, columns, 1), or more channels with ℓ or the maps after the image.
    """
    images = transform.forward(source_images, xp)
    if channels:
        return xp.concatenate([images, *channels], axis=-1)
    if limits is None:
        return images
    channel = on_channel_scale(diffusion_length, limits, xp)[..., None, None, None]
    return xp.concatenate([images, channel * xp.ones_like(images)], axis=-1)
