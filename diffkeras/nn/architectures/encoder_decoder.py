"""Convolutional encoder-decoder that maps a source image to a field."""

from typing import TYPE_CHECKING, Any

from diffkeras.nn.architectures.pooling import pooling_architecture
from diffkeras.physics.arguments import check_whole

if TYPE_CHECKING:
    import keras


def encoder_decoder(
    width: int = 64,
    depth: int = 5,
    *,
    channels: int = 1,
    kernel_initializer: Any = "he_normal",
    name: str = "encoder_decoder",
) -> "keras.Model":
    """Encoder-decoder surrogate of a steady-state diffusion solver.

    The encoder has `depth` + 1 convolutions (3×3) with `width`·2^k channels, k = 0 … `depth`, and
    2×2 average pooling between them. The decoder has `depth` convolutions with `width`·2^k
    channels, k = `depth` − 1 … 0, then one with `width`/2 channels and one with a single channel.
    Nearest ×2 upsampling follows each of the decoder's convolutions except the first and the last.
    LeakyReLU with slope 0.02 follows every convolution. Batch normalisation comes before the first
    LeakyReLU. Upsampling and the next convolution are one layer (`UpsampledConv3x3`), and so are
    the first convolution and its normalisation (`NormalizedConv3x3`), which is faster.

    With the defaults it is the network of arXiv 2302.03786, with 50,307,969 trainable parameters.
    The paper's decoder uses transposed convolutions. With stride 1 and "same" padding, these are
    ordinary convolutions with flipped kernels, so both networks represent the same functions.

    Args:
        width: channels of the first convolution, even and at least 2.
        depth: number of poolings, at least 1.
        channels: of the input. The first is the source image. Further ones contain what else
            differs between examples, such as the medium.
        kernel_initializer: of all convolutions, a name or a `keras.initializers.Initializer`. Each
            convolution gets a copy; if the initializer has a seed, each copy has the next seed. The
            default preserves the variance of features through LeakyReLU (arXiv 1502.01852).
            "pytorch" is PyTorch's default: kernels and biases uniform on ±1/√fan_in; in the
            decoder it is that of transposed convolutions, as in the paper's program.
        name: of the model.

    Returns:
        A functional model, source image (batch, height, width, `channels`) → field (batch, height,
        width, 1), both on the network's scale. The sides must be multiples of 2^`depth`; other
        lattices raise a ValueError when the graph is built (see `LatticeCheck`). The field is
        float32, also under a mixed-precision policy.

    Raises:
        ValueError: `width`, `depth` or `channels` is out of range.

    Example:

    ```python
    model = encoder_decoder(width=8, depth=2)
    model.predict(np.zeros((1, 32, 64, 1))).shape  # (1, 32, 64, 1)
    ```

    Source: arXiv 2302.03786.
    """
    import keras

    from diffkeras.nn.architectures.convolutions import Convolutions, activation
    from diffkeras.nn.convolution import Conv3x3, UpsampledConv3x3
    from diffkeras.nn.lattice import LatticeCheck

    width, depth = check_whole("width", width, 2), check_whole("depth", depth, 1)
    channels = check_whole("channels", channels, 1)
    if width % 2:
        raise ValueError(f"width must be even, got {width}: the decoder ends on width/2 channels")

    convolutions = Convolutions(kernel_initializer)
    source_image = keras.Input((None, None, channels), name="source_image")
    checked = LatticeCheck(depth, name="lattice_check")(source_image)
    features = convolutions.encode(checked, width, depth)[-1]

    # The decoder's convolutions are not transposed, because Keras' initializers would mistake the
    # output channels of a transposed kernel for its fan-in. PyTorch does the same.
    decoder_filters = [*(width * 2**k for k in reversed(range(depth))), width // 2]
    for k, filters in enumerate(decoder_filters):
        kind = Conv3x3 if k < 2 else UpsampledConv3x3
        features = convolutions.apply(features, filters, f"decoder_conv_{k}", kind, 9 * filters)
        features = activation(features, f"decoder_activation_{k}")

    field = convolutions.apply(features, 1, "field_conv", UpsampledConv3x3, 9)
    field = activation(field, "field", dtype="float32")
    return keras.Model(source_image, field, name=name)


ENCODER_DECODER = pooling_architecture("encoder_decoder", "that of the paper", encoder_decoder)
