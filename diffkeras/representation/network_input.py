"""What a network sees: the source image on its scale, and where media differ, the medium.

Fixed values and a uniform medium leave one number that a field depends on besides its sources: the
diffusion length ℓ = √(D/γ). Where examples differ in it, it is a second channel, constant over the
lattice. As fields fall off with r/ℓ, a factor counts, not a difference: the channel is ln ℓ on the
scale where the trained range is −1 … 1. Its mean over the examples, which are log-uniform, is 0,
the value beyond the lattice, which convolutions pad by zeros.

One definition serves NumPy, TensorFlow and Keras (see `transforms`).
"""

import math
from typing import Any

import numpy as np

from diffkeras.representation.transforms import Transform

Range = tuple[float, float]


def on_channel_scale(diffusion_length: Any, limits: Range, xp: Any = np) -> Any:
    """2 ln(ℓ/shortest) / ln(longest/shortest) − 1, of any shape.

    Args:
        diffusion_length: ℓ [length], positive.
        limits: the range (shortest, longest) that the network is trained on [length].
        xp: array namespace.
    """
    shortest, longest = limits
    return xp.log(diffusion_length / shortest) * (2 / math.log(longest / shortest)) - 1


def value_scale(source_images: Any, xp: Any = np) -> Any:
    """What source values are divided by, and fields multiplied by: their maximum, at least 1.

    Networks are trained on values from 0 to 1. The equation is linear in the values, so an image
    with larger ones is brought into that range. An image within it stays as it is.

    Args:
        source_images: (…, rows, columns, 1), not negative.
        xp: array namespace.

    Returns:
        (…, 1, 1, 1).
    """
    return xp.maximum(xp.max(source_images, axis=(-3, -2, -1), keepdims=True), 1.0)


def network_input(
    source_images: Any,
    transform: Transform,
    diffusion_length: Any = None,
    limits: Range | None = None,
    xp: Any = np,
) -> Any:
    """The input of a network.

    Args:
        source_images: (…, rows, columns, 1), linear scale.
        transform: of source images.
        diffusion_length: ℓ of each image (…) [length], where the medium is an input.
        limits: the range of ℓ that the network is trained on, where the medium is an input.
        xp: array namespace.

    Returns:
        (…, rows, columns, 1), or (…, rows, columns, 2) with ℓ as the second channel.
    """
    images = transform.forward(source_images, xp)
    if limits is None:
        return images
    channel = on_channel_scale(diffusion_length, limits, xp)[..., None, None, None]
    return xp.concatenate([images, channel * xp.ones_like(images)], axis=-1)
