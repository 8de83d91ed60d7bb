"""U-Net that maps a source image to a field."""

from typing import TYPE_CHECKING, Any

from diffkeras.nn.architectures.encoder_decoder import pooling_architecture
from diffkeras.physics.arguments import check_whole

if TYPE_CHECKING:
    import keras


def u_net(
    width: int = 16,
    depth: int = 4,
    *,
    channels: int = 1,
    kernel_initializer: Any = "he_normal",
    name: str = "u_net",
) -> "keras.Model":
    """U-Net surrogate of a steady-state diffusion solver.

    The encoder is `encoder_decoder`'s. The decoder goes back level by level. On each, it
    doubles the lattice by an upsampled convolution and adds a convolution of the encoder's features
    of that level (skip connection), all with `width`·2^k channels. A last convolution gives the
    field. LeakyReLU with slope 0.02 follows each level. So details of the size of a node, such as
    the rims of sources, bypass the pooling.

    Args:
        width: channels of the first convolution, at least 1.
        depth, channels, kernel_initializer, name: as for `encoder_decoder`.

    Returns:
        A functional model with the input and output of `encoder_decoder`, for the same lattices.

    Raises:
        ValueError: `width`, `depth` or `channels` is out of range.

    Example:
        >>> u_net(width=8, depth=2).compute_output_shape((1, 32, 64, 1))
        (1, 32, 64, 1)

    Source: arXiv 1505.04597.
    """
    import keras
    from keras import layers

    from diffkeras.nn.convolution import Convolutions, UpsampledConv3x3, activation
    from diffkeras.nn.layers import LatticeCheck

    width, depth = check_whole("width", width, 1), check_whole("depth", depth, 1)
    channels = check_whole("channels", channels, 1)
    convolutions = Convolutions(kernel_initializer)
    source_image = keras.Input((None, None, channels), name="source_image")
    checked = LatticeCheck(depth, name="lattice_check")(source_image)
    levels = convolutions.encode(checked, width, depth)
    features = levels.pop()
    for k in reversed(range(depth)):
        filters = width * 2**k
        parts = [
            convolutions.apply(features, filters, f"decoder_up_{k}", UpsampledConv3x3),
            convolutions.apply(levels.pop(), filters, f"decoder_skip_{k}", use_bias=False),
        ]
        features = activation(layers.Add(name=f"decoder_sum_{k}")(parts), f"decoder_activation_{k}")
    field = convolutions.apply(features, 1, "field_conv")
    field = activation(field, "field", dtype="float32")
    return keras.Model(source_image, field, name=name)


U_NET = pooling_architecture("u_net", "an encoder-decoder with skip connections", u_net)
