"""Convolutional encoder-decoder, and what it has in common with other networks that pool."""

from collections.abc import Callable, Mapping
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

PAD = Parameter("pad", bool, False)
INITIAL_WEIGHTS = Parameter("initial_weights", Literal["keras", "pytorch"], "keras")
INITIALIZERS = {"keras": "he_normal", "pytorch": "pytorch"}
PARAMETERS = {
    WIDTH: "channels of the first convolution",
    DEPTH: "number of pooling and of upsampling layers",
    PAD: "if 2**depth does not divide a side, pad with zeros and crop the prediction",
    INITIAL_WEIGHTS: (
        "initial weights of the convolutions. keras: normal kernels that preserve the variance of "
        "the features (He), biases of 0. pytorch: PyTorch's default, as in the paper's program: "
        "kernels and biases uniform on ±1/√fan_in"
    ),
}


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
    Nearest ×2 upsampling follows each of the decoder's convolutions except the first and the last
    (`UpsampledConv3x3` does both). LeakyReLU with slope 0.02 follows every convolution, and batch
    normalisation the first one (`NormalizedConv3x3`).

    With the defaults it is the network of arXiv 2302.03786, with 50,307,969 trainable parameters.
    The paper's decoder has transposed convolutions, which with stride 1 and "same" padding are
    ordinary ones with flipped kernels.

    Args:
        width: channels of the first convolution, even and at least 2.
        depth: number of poolings, at least 1.
        channels: of the input: the source image, then what else differs between examples, such as
            the medium.
        kernel_initializer: of all convolutions, a name or a `keras.initializers.Initializer`, of
            which each gets a copy with a seed of its own. The default preserves the variance of
            features (arXiv 1502.01852). "pytorch" is PyTorch's default: kernels and biases uniform
            on ±1/√fan_in; in the decoder for transposed convolutions, as in the paper's program.
        name: of the model.

    Returns:
        A functional model, source image (batch, height, width, `channels`) → field (batch, height,
        width, 1), both on the network's scale; the field is float32, also in mixed precision. The
        sides must be multiples of 2^`depth`; other lattices raise a ValueError (`LatticeCheck`).

    Raises:
        ValueError: `width`, `depth` or `channels` is out of range.

    Example:
        >>> encoder_decoder(width=8, depth=2).compute_output_shape((1, 32, 64, 1))
        (1, 32, 64, 1)

    Source: arXiv 2302.03786.
    """
    import keras

    from diffkeras.nn.convolution import Conv3x3, Convolutions, UpsampledConv3x3, activation
    from diffkeras.nn.layers import LatticeCheck

    width, depth = check_whole("width", width, 2), check_whole("depth", depth, 1)
    channels = check_whole("channels", channels, 1)
    if width % 2:
        raise ValueError(f"width must be even, got {width}: the decoder ends on width/2 channels")

    convolutions = Convolutions(kernel_initializer)
    source_image = keras.Input((None, None, channels), name="source_image")
    checked = LatticeCheck(depth, name="lattice_check")(source_image)
    features = convolutions.encode(checked, width, depth)[-1]

    # not transposed: Keras' initializers would mistake a transposed kernel's outputs for its fan-in
    decoder_filters = [*(width * 2**k for k in reversed(range(depth))), width // 2]
    for k, filters in enumerate(decoder_filters):
        kind = Conv3x3 if k < 2 else UpsampledConv3x3
        features = convolutions.apply(features, filters, f"decoder_conv_{k}", kind, 9 * filters)
        features = activation(features, f"decoder_activation_{k}")

    field = convolutions.apply(features, 1, "field_conv", UpsampledConv3x3, 9)
    field = activation(field, "field", dtype="float32")
    return keras.Model(source_image, field, name=name)


def pooling_architecture(name: str, summary: str, network: Callable[..., Any]) -> Architecture:
    """The architecture of networks (width, depth, …) that halve the lattice `depth` times."""

    def build(width: int, depth: int, pad: bool, initial_weights: str, channels: int) -> Any:
        from diffkeras.nn.layers import padded

        initializer = INITIALIZERS[initial_weights]
        model = network(width, depth, channels=channels, kernel_initializer=initializer)
        return padded(model, 2**depth) if pad else model

    return Architecture(name, summary, build, PARAMETERS, lattices=_lattices)


def _lattices(parameters: Mapping[str, Any]) -> LatticeRule:
    if parameters["pad"]:
        return LatticeRule()
    return LatticeRule(2 ** parameters["depth"], remedy="a smaller model.depth, or model.pad: true")


ENCODER_DECODER = pooling_architecture("encoder_decoder", "the paper's", encoder_decoder)
