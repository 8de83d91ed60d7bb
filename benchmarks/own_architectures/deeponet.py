"""Deep operator network that maps a source image to a field."""

import keras
from keras import layers

from benchmarks.own_architectures.positions import Sensors, Superposition, Waves
from diffkeras.nn.layers import gelu

WAVES = 8  # along each axis, in the input of the trunk


def build(channels: int = 1, width: int = 64, depth: int = 4, sensors: int = 32) -> keras.Model:
    """Deep operator network (DeepONet): û(x) = Σ_k b_k(s) t_k(x) + c.

    The *branch* computes the coefficients b of an image s from its means over `sensors` × `sensors`
    parts of the lattice. The *trunk* computes the functions t of a node from cosines of its
    coordinates (`Waves`). Both have `depth` dense layers of `width` units with GELU; the last layer
    of the branch has no activation. The trunk is computed once for all images of a batch, so
    predictions take little time.

    The functions are stretched with the lattice. On a lattice larger than in training, so are the
    predicted fields.

    Args:
        channels: of the input.
        width: units of the dense layers, and number of functions.
        depth: dense layers of the branch, and of the trunk.
        sensors: parts along each axis.

    Returns:
        A functional model for all lattices.

    Source: Lu et al., arXiv 1910.03193; the cosines: Lu et al., arXiv 2111.05512.
    """
    source_image = keras.Input((None, None, channels), name="source_image")
    branch = Sensors(sensors, name="sensors")(source_image)
    trunk = Waves(WAVES, name="waves")(source_image)
    for k in range(depth):
        activation = gelu if k < depth - 1 else None
        branch = layers.Dense(width, activation, name=f"branch_{k}")(branch)
        trunk = layers.Dense(width, gelu, name=f"trunk_{k}")(trunk)
    field = Superposition(name="field", dtype="float32")([branch, trunk])
    return keras.Model(source_image, field, name="deeponet")
