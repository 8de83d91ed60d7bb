"""Conjugate gradients with a learned preconditioner, and no network."""

from typing import TYPE_CHECKING

from diffkeras.nn.architectures.architecture import Architecture
from diffkeras.physics.arguments import check_whole

if TYPE_CHECKING:
    import keras

    from diffkeras.nn.equation.equations import LatticeOperator


def unrolled_cg(
    *,
    operator: "LatticeOperator",
    rounds: int,
    channels: int = 1,
    name: str = "unrolled_cg",
) -> "keras.Model":
    """Surrogate of a few learned numbers: rounds of conjugate gradients from a field of zeros.

    They are the rounds of `RingCorrections` or, in media that vary, of `MultigridCorrections`. The
    model is the baseline that a network with corrections has to beat.

    Args:
        operator: of the media.
        rounds: at least 1. Each costs two transform pairs, or a multigrid cycle.
        channels: of the input (see `encoder_decoder`).
        name: of the model.

    Returns:
        A functional model, source image (batch, height, width, `channels`) → field (batch, height,
        width, 1), both on the linear scale, on any lattice.

    Raises:
        ValueError: `rounds` or `channels` is out of range.

    Example:
        >>> model = unrolled_cg(operator=LatticeOperator(decay=0.01), rounds=3)
        >>> model.predict(np.zeros((1, 30, 50, 1)), verbose=0).shape
        (1, 30, 50, 1)

    Source: Notay (2000).
    """
    import keras

    from diffkeras.nn.equation.corrections import correction_layer

    rounds, channels = check_whole("rounds", rounds, 1), check_whole("channels", channels, 1)
    source_image = keras.Input((None, None, channels), name="source_image")
    return keras.Model(source_image, correction_layer(operator, rounds)(source_image), name=name)


UNROLLED_CG = Architecture(
    "unrolled_cg",
    "corrections alone, with a few learned numbers",
    unrolled_cg,
    parameters={},
    needs=("operator", "rounds", "channels"),
)
