"""From source images through a network to fields, for NumPy and in TensorFlow graphs alike.

A network whose training data were divided by their maximum predicts the shape of a field and not
its size. The size follows from the balance of the steady state: the sources produce as much as
decays and flows out at absorbing sides. With the production s = γx of a source image x, the sum of
the lattice equation Au = s over all nodes, divided by γ, is

    Σx = Σu + (ℓ/h)² Σ u over the nodes next to an absorbing side,

each node once for each such side. The right-hand side is linear in u, so the field û of a network
times Σx / (the right-hand side of û) is in balance.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from diffkeras.config import Config
from diffkeras.representation.network_input import network_input, value_scale

TINY = 1e-30  # instead of 0 in denominators, where the numerator is 0, too


def predicted_fields(
    config: Config,
    network: Callable[[Any], Any],
    source_images: Any,
    diffusion_length: Any = None,
    *,
    divided: bool = False,
    xp: Any = np,
) -> Any:
    """The fields of source images by a network, on the linear scale.

    Args:
        config: the configuration that the network was trained with.
        network: from network input to its field, on the network's scale.
        source_images: (batch, rows, columns, 1) float32.
        diffusion_length: ℓ of each image (batch,) [length], for a network that takes it as input.
        divided: whether to leave fields divided by their maximum, if those of the dataset are.
        xp: array namespace of the arrays.

    Returns:
        (batch, rows, columns, 1) float32.
    """
    transform = config.model.get_transform()
    scale = value_scale(source_images, largest_value(config), xp)
    images = source_images / scale
    x = network_input(images, transform, diffusion_length, config.data.diffusion_length, xp)
    fields = transform.inverse(network(x), xp)
    if not config.data.divide_by_maximum:
        return fields * scale
    if divided:
        return fields
    medium = config.physics.medium
    if diffusion_length is None:
        reach: Any = (medium.diffusion_length / medium.step) ** 2
    else:
        reach = xp.square(diffusion_length / medium.step)[..., None, None, None]
    maximum = balanced_maximum(images, fields, reach, medium.boundaries, xp)
    return fields * (maximum * scale)


def largest_value(config: Config) -> float:
    """The largest value that a source image of the training data can have."""
    if not config.data.placement.overlap:
        return 1.0
    return float(max(config.data.sources))  # all discs on one node


def balanced_maximum(
    images: Any, fields: Any, reach: Any, boundaries: tuple[str, str], xp: Any = np
) -> Any:
    """The maxima of fields, of which only the shapes are known: those that balance production.

    No field exceeds the largest value of its source image, by the maximum principle. A maximum that
    would, because the sum of a bad prediction is near 0 or negative, is set to that value.

    Args:
        images: source images x of the production γx, (batch, rows, columns, 1).
        fields: fields divided by their maximum, of the same shape.
        reach: (ℓ/h)², one number or (batch, 1, 1, 1).
        boundaries: of axis 0 and of axis 1.
        xp: array namespace of the arrays.

    Returns:
        (batch, 1, 1, 1); 0 for images without sources.
    """
    lattice = {"axis": (-3, -2, -1), "keepdims": True}
    at_sides = 0.0
    if boundaries[0] == "absorbing":
        at_sides += xp.sum(fields[:, :1] + fields[:, -1:], **lattice)
    if boundaries[1] == "absorbing":
        at_sides += xp.sum(fields[:, :, :1] + fields[:, :, -1:], **lattice)
    lost = xp.sum(fields, **lattice) + reach * at_sides
    produced = xp.sum(images, **lattice)
    least = produced / xp.maximum(xp.max(images, **lattice), TINY)
    return produced / xp.maximum(xp.maximum(lost, least), TINY)
