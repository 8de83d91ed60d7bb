"""Transformer that maps a source image to a field."""

import keras
from keras import layers

from benchmarks.own_architectures.positions import AddPositions
from diffkeras.nn.layers import LatticeCheck, gelu

HEADS, WAVES = 4, 8


def build(channels: int = 1, width: int = 64, depth: int = 4, patch: int = 8) -> keras.Model:
    """Transformer of patches, a vision transformer whose output is a field.

    The lattice is cut into patches of `patch` × `patch` nodes. A matrix maps each patch to a token
    of `width` features, to which its position is added (`AddPositions`). Then `depth` times
    x ← x + attention(norm(x)) and x ← x + MLP(norm(x)), with attention of four heads between all
    patches, and a hidden layer of 2·`width` units with GELU. A matrix maps each token to the nodes
    of its patch, so edges of patches can be seen in the field.

    Args:
        channels: of the input.
        width: features of a token.
        depth: number of attentions.
        patch: nodes of a side of a patch, a power of two.

    Returns:
        A functional model. The sides of the lattice must be multiples of `patch`. Time and memory
        grow with the square of the number of patches.

    Raises:
        ValueError: an argument is out of range.

    Source: Dosovitskiy et al., arXiv 2010.11929.
    """
    if patch < 2 or patch & (patch - 1):
        raise ValueError(f"patch must be a power of two from 2 on, not {patch}")
    source_image = keras.Input((None, None, channels), name="source_image")
    checked = LatticeCheck(patch.bit_length() - 1, name="lattice_check")(source_image)
    tokens = layers.Conv2D(width, patch, patch, name="patches")(checked)
    tokens = AddPositions(WAVES, name="positions")(tokens)
    for k in range(depth):
        normed = layers.LayerNormalization(name=f"attention_norm_{k}")(tokens)
        attention = layers.MultiHeadAttention(
            HEADS, -(-width // HEADS), attention_axes=(1, 2), name=f"attention_{k}"
        )
        tokens = layers.Add(name=f"attention_sum_{k}")([tokens, attention(normed, normed)])
        normed = layers.LayerNormalization(name=f"mlp_norm_{k}")(tokens)
        hidden = layers.Dense(2 * width, gelu, name=f"hidden_{k}")(normed)
        hidden = layers.Dense(width, name=f"mlp_{k}")(hidden)
        tokens = layers.Add(name=f"mlp_sum_{k}")([tokens, hidden])
    tokens = layers.LayerNormalization(name="norm")(tokens)
    field = layers.Conv2DTranspose(1, patch, patch, name="field", dtype="float32")(tokens)
    return keras.Model(source_image, field, name="transformer")
