"""Transformer that maps a source image to a field."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from diffkeras.nn.architectures.architecture import (
    DEPTH,
    WIDTH,
    Architecture,
    LatticeRule,
    Parameter,
)
from diffkeras.physics.arguments import check_whole

if TYPE_CHECKING:
    import keras

PATCH = Parameter("patch", Literal[2, 4, 8, 16, 32], 8)
HEADS, WAVES = 4, 8


def transformer(
    width: int = 64,
    depth: int = 4,
    *,
    patch: int = 8,
    channels: int = 1,
    name: str = "transformer",
) -> "keras.Model":
    """Transformer of patches, a vision transformer whose output is a field.

    The lattice is cut into patches of `patch` × `patch` nodes, and a matrix makes a token of
    `width` features of each, to which its position is added (`AddPositions`). Then `depth` times
    x ← x + attention(norm(x)) and x ← x + MLP(norm(x)), with attention of four heads between all
    patches, and a hidden layer of 2·`width` units with GELU. A matrix makes the nodes of each patch
    of its token.

    Args:
        width: features of a token, at least 1.
        depth: number of attentions, at least 1.
        patch: nodes of a side of a patch, a power of two.
        channels: of the input (see `encoder_decoder`).
        name: of the model.

    Returns:
        A functional model with the input and output of `encoder_decoder`. The sides of the lattice
        must be multiples of `patch`. Time and memory grow with the square of the number of patches.

    Raises:
        ValueError: an argument is out of range.

    Example:

    ```python
    model = transformer(width=16, depth=2, patch=4)
    model.predict(np.zeros((1, 32, 48, 1))).shape  # (1, 32, 48, 1)
    ```

    Source: Dosovitskiy et al., arXiv 2010.11929.
    """
    import keras
    from keras import layers

    from diffkeras.nn.fourier import gelu
    from diffkeras.nn.lattice import LatticeCheck
    from diffkeras.nn.positions import AddPositions

    width, depth = check_whole("width", width, 1), check_whole("depth", depth, 1)
    channels, patch = check_whole("channels", channels, 1), check_whole("patch", patch, 2)
    if patch & (patch - 1):
        raise ValueError(f"patch must be a power of two, not {patch}")
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
    return keras.Model(source_image, field, name=name)


def _lattices(parameters: Mapping[str, Any]) -> LatticeRule:
    return LatticeRule(parameters["patch"], remedy="a smaller model.patch")


TRANSFORMER = Architecture(
    "transformer",
    "attention between patches of the lattice",
    transformer,
    {
        WIDTH: "features of a token",
        DEPTH: "number of attentions",
        PATCH: "nodes of a side of a patch, which must divide the sides of the lattice",
    },
    lattices=_lattices,
)
