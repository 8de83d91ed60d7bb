"""Fourier neural operator that maps a source image to a field."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from diffkeras.nn.architectures.architecture import DEPTH, MODES, WIDTH, Architecture, LatticeRule
from diffkeras.physics.arguments import check_whole

if TYPE_CHECKING:
    import keras


def fourier_neural_operator(
    width: int = 32,
    depth: int = 4,
    *,
    modes: int = 12,
    channels: int = 1,
    name: str = "fourier_neural_operator",
) -> "keras.Model":
    """Fourier neural operator (FNO), the reference network for fields of differential equations.

    The coordinates of the nodes are appended to the source image, and a dense layer makes `width`
    channels of both (lifting). Then `depth` times v ← GELU(K v + W v + b), with a convolution K
    given by its lowest Fourier coefficients (`SpectralConvolution`) and a matrix W that acts on
    each node. The last of these has no GELU. Two dense layers, with 2·`width` channels between
    them, make the field (projection).

    The original program for two dimensions has 128 channels in the projection, pads the lattice
    once, before the first K, has one frequency more along rows, −`modes`, and the exact GELU.

    Args:
        width: channels, at least 1.
        depth: number of K, at least 1.
        modes: frequencies along each axis, zero included, at least 1.
        channels: of the input (see `encoder_decoder`).
        name: of the model.

    Returns:
        A functional model with the input and output of `encoder_decoder`, for all lattices whose
        sides are at least 2·`modes` − 1.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = fourier_neural_operator(width=8, depth=2, modes=6)
        >>> model.predict(np.zeros((1, 30, 50, 1)), verbose=0).shape
        (1, 30, 50, 1)

    Source: Li et al., arXiv 2010.08895; https://github.com/neuraloperator/neuraloperator.
    """
    import keras
    from keras import layers

    from diffkeras.nn.fourier import AppendCoordinates, SpectralConvolution, gelu

    width, depth = check_whole("width", width, 1), check_whole("depth", depth, 1)
    channels = check_whole("channels", channels, 1)
    source_image = keras.Input((None, None, channels), name="source_image")
    features = AppendCoordinates(name="coordinates")(source_image)
    features = layers.Dense(width, name="lifting")(features)
    for k in range(depth):
        parts = [
            SpectralConvolution(width, modes, name=f"spectral_convolution_{k}")(features),
            layers.Dense(width, name=f"pointwise_{k}")(features),
        ]
        features = layers.Add(name=f"sum_{k}")(parts)
        if k < depth - 1:
            features = layers.Activation(gelu, name=f"activation_{k}")(features)
    features = layers.Dense(2 * width, gelu, name="projection")(features)
    field = layers.Dense(1, name="field", dtype="float32")(features)
    return keras.Model(source_image, field, name=name)


def _lattices(parameters: Mapping[str, Any]) -> LatticeRule:
    return LatticeRule(shortest=2 * parameters["modes"] - 1, remedy="or fewer model.modes")


FOURIER_NEURAL_OPERATOR = Architecture(
    "fourier_neural_operator",
    "convolutions by learned Fourier coefficients",
    fourier_neural_operator,
    {
        WIDTH: "channels of all convolutions",
        DEPTH: "number of spectral convolutions",
        MODES: "frequencies along each axis that the convolutions keep, zero included",
    },
    lattices=_lattices,
)
