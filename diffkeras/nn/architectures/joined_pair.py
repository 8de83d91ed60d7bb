"""An encoder-decoder and a plain convolutional network, joined by learned weights."""

from typing import Any

import keras
from keras import layers

from diffkeras.nn.architectures.convolutions import NEGATIVE_SLOPE, NORM_EPSILON, NORM_MOMENTUM
from diffkeras.nn.architectures.encoder_decoder import encoder_decoder
from diffkeras.nn.convolution import Conv3x3
from diffkeras.nn.initializers import initializers_of_layer
from diffkeras.nn.normalization import NormalizedConv3x3

PLAIN_CHANNELS = (4, 8, 16, 8, 4, 1)


def joined_pair(
    width: int = 64,
    depth: int = 5,
    *,
    channels: int = 1,
    kernel_initializer: Any = "he_normal",
    name: str = "joined_pair",
) -> keras.Model:
    """Two networks on the same source image whose fields are added with learned weights.

    field = w₁ · encoder-decoder(x) + w₂ · plain network(x), where w₁ and w₂ are trained with the
    networks and are 1/2 at the start. The first network is `encoder_decoder` and covers long
    distances. The second has six 3×3 convolutions at the resolution of the lattice, with 4, 8, 16,
    8, 4 and 1 channels, for what is lost by pooling.

    The prior work (Front. Physiol. 12:667828, 2021) joins two such networks by a weighted sum. The
    channels of the plain network are those of its program, and so are those of the encoder with the
    default `width` and `depth`. The rest is our reading:

    - There the user sets the two weights, and a batch normalisation at the end of each network
      learns a gain. Here the two weights are learned instead.
    - There the decoder has transposed convolutions with stride 2. Here it is that of
      arXiv 2302.03786.
    - There both networks have dropout, and the plain one has batch normalisation after each
      convolution. Here there is no dropout, and only the first convolution of each network is
      normalised.

    Args:
        width: channels of the encoder-decoder's first convolution, even and at least 2.
        depth: number of its poolings, at least 1.
        channels: of the input (see `encoder_decoder`).
        kernel_initializer: of all convolutions (see `encoder_decoder`).
        name: of the model.

    Returns:
        A functional model with the input and output of `encoder_decoder`, for the same lattices.

    Raises:
        ValueError: `width`, `depth` or `channels` is out of range.

    Example:

    ```python
    model = joined_pair(width=8, depth=2)
    model.predict(np.zeros((1, 32, 64, 1))).shape  # (1, 32, 64, 1)
    ```

    Source: Front. Physiol. 12:667828 (2021).
    """
    first = encoder_decoder(width, depth, channels=channels, kernel_initializer=kernel_initializer)
    # seeds follow those of the encoder-decoder
    second = _plain_network(channels, kernel_initializer, number=2 * depth + 3)
    source_image = keras.Input((None, None, channels), name="source_image")
    fields = [first(source_image), second(source_image)]
    return keras.Model(source_image, WeightedSum(name="field", dtype="float32")(fields), name=name)


def _plain_network(channels: int, kernel_initializer: Any, number: int) -> keras.Model:
    """Convolutions without pooling; `number` is added to the seed of the initializer."""
    source_image = features = keras.Input((None, None, channels), name="source_image")
    for k, filters in enumerate(PLAIN_CHANNELS):
        last = k == len(PLAIN_CHANNELS) - 1
        weights = initializers_of_layer(kernel_initializer, number + k, 9 * features.shape[-1])
        if k == 0:
            norm = {"momentum": NORM_MOMENTUM, "epsilon": NORM_EPSILON}
            convolution = NormalizedConv3x3(filters, **norm, **weights, name="plain_conv_0")
        else:
            layer_name = "plain_field_conv" if last else f"plain_conv_{k}"
            convolution = Conv3x3(filters, **weights, name=layer_name)
        features = convolution(features)
        features = layers.LeakyReLU(
            NEGATIVE_SLOPE,
            name="plain_field" if last else f"plain_activation_{k}",
            dtype="float32" if last else None,
        )(features)
    return keras.Model(source_image, features, name="plain_network")


@keras.saving.register_keras_serializable(package="diffkeras")
class WeightedSum(layers.Layer):
    """Sum of several inputs of one shape, each times a learned number.

    The numbers are 1/n at the start, for n inputs.

    Shape: a list of n arrays of the same shape → that shape.

    Example:

    ```python
    WeightedSum()([np.ones((1, 4, 4, 1)), np.zeros((1, 4, 4, 1))])  # 1/2 everywhere
    ```
    """

    def build(self, input_shape: list[tuple[int | None, ...]]) -> None:
        """Create the weights."""
        count = len(input_shape)
        start = keras.initializers.Constant(1 / count)
        self.factors = self.add_weight(shape=(count,), initializer=start, name="factors")

    def call(self, inputs: list[Any]) -> Any:
        """The sum."""
        first, *others = (self.factors[k] * each for k, each in enumerate(inputs))
        return sum(others, start=first)

    def compute_output_shape(
        self, input_shape: list[tuple[int | None, ...]]
    ) -> tuple[int | None, ...]:
        """The shape of each input."""
        return input_shape[0]
