"""U-Net that predicts ring densities, from which the field follows exactly."""

from typing import Any

import keras

from diffkeras.nn.architectures.u_net import u_net
from diffkeras.nn.equation.heads import with_ring_densities
from diffkeras.nn.equation.operator import UniformOperator
from diffkeras.nn.lattice import padded


def ring_density_network(
    width: int = 16,
    depth: int = 4,
    *,
    operator: UniformOperator,
    rounds: int = 0,
    channels: int = 1,
    kernel_initializer: Any = "he_normal",
    pad: bool = False,
    name: str = "ring_density_network",
) -> keras.Model:
    """Surrogate whose U-Net predicts ring densities instead of the field.

    The field of sources with fixed values is A⁻¹q, with densities q that are 0 except on the ring,
    the source nodes that have a free neighbour. The network predicts q on some hundred nodes, and a
    transform pair gives the field on all nodes. So it solves the equation exactly on each free
    node for any prediction, and the sources hold their values.

    Args:
        width, depth, channels, kernel_initializer: as for `u_net`.
        operator: of the medium.
        rounds: of corrections (see `FieldOfDensities`).
        pad: whether to pad the image with zeros where 2^`depth` does not divide a side.
        name: of the model.

    Returns:
        A functional model, source image (batch, height, width, `channels`) → field (batch, height,
        width, 1), both on the linear scale.

    Raises:
        ValueError: an argument is out of range.

    Example:

    ```python
    model = ring_density_network(width=8, depth=2, operator=UniformOperator(decay=0.01))
    model.predict(np.zeros((1, 32, 64, 1))).shape  # (1, 32, 64, 1)
    ```
    """
    densities = u_net(
        width,
        depth,
        channels=channels,
        kernel_initializer=kernel_initializer,
        signed=True,
        name=name,
    )
    if pad:
        densities = padded(densities, 2**depth)
    return with_ring_densities(densities, operator, rounds)
