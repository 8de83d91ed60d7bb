"""An encoder-decoder and a plain convolutional network, joined by learned weights."""

from typing import TYPE_CHECKING, Any

from diffkeras.nn.architectures.encoder_decoder import encoder_decoder, pooling_architecture

if TYPE_CHECKING:
    import keras

PLAIN_CHANNELS = (4, 8, 16, 8, 4, 1)


def joined_pair(
    width: int = 64,
    depth: int = 5,
    *,
    channels: int = 1,
    kernel_initializer: Any = "he_normal",
    name: str = "joined_pair",
) -> "keras.Model":
    """Two networks on the same source image whose fields are added with learned weights.

    field = w₁ · encoder-decoder(x) + w₂ · plain network(x), where w₁ and w₂ are trained with the
    networks and are 1/2 at the start. The first network is `encoder_decoder` and covers long
    distances. The second has six 3×3 convolutions at the resolution of the lattice, with 4, 8, 16,
    8, 4 and 1 channels, for what is lost by pooling.

    The prior work has the same channels. There, the user sets the two weights, the decoder has
    transposed convolutions with stride 2, and dropout and further batch normalisations follow the
    convolutions.

    Args:
        width, depth, channels, kernel_initializer, name: as for `encoder_decoder`.

    Returns:
        A functional model with the input and output of `encoder_decoder`, for the same lattices.

    Raises:
        ValueError: `width`, `depth` or `channels` is out of range.

    Example:
        >>> joined_pair(width=8, depth=2).compute_output_shape((1, 32, 64, 1))
        (1, 32, 64, 1)

    Source: Front. Physiol. 12:667828 (2021).
    """
    import keras
    from keras import layers

    from diffkeras.nn.convolution import Convolutions

    first = encoder_decoder(width, depth, channels=channels, kernel_initializer=kernel_initializer)
    # seeds follow the encoder-decoder's
    convolutions = Convolutions(kernel_initializer, first_number=2 * depth + 3)
    source_image = keras.Input((None, None, channels), name="source_image")
    fields = [first(source_image), _plain_network(channels, convolutions)(source_image)]
    weighted_sum = layers.Dense(
        1,
        use_bias=False,
        kernel_initializer=keras.initializers.Constant(1 / len(fields)),
        name="field",
        dtype="float32",
    )
    field = weighted_sum(layers.Concatenate(name="fields", dtype="float32")(fields))
    return keras.Model(source_image, field, name=name)


def _plain_network(channels: int, convolutions: Any) -> "keras.Model":
    """Convolutions without pooling."""
    import keras

    from diffkeras.nn.convolution import activation

    source_image = features = keras.Input((None, None, channels), name="source_image")
    for k, filters in enumerate(PLAIN_CHANNELS[:-1]):
        apply = convolutions.apply_normalized if k == 0 else convolutions.apply
        features = apply(features, filters, f"plain_conv_{k}")
        features = activation(features, f"plain_activation_{k}")
    features = convolutions.apply(features, PLAIN_CHANNELS[-1], "plain_field_conv")
    features = activation(features, "plain_field", dtype="float32")
    return keras.Model(source_image, features, name="plain_network")


JOINED_PAIR = pooling_architecture(
    "joined_pair",
    "as in the prior work, an encoder-decoder and a plain convolutional network, joined by learned "
    "weights",
    joined_pair,
)
