"""Deep operator network that maps a source image to a field."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from diffkeras.nn.architectures.architecture import DEPTH, WIDTH, Architecture, Parameter
from diffkeras.physics.arguments import check_whole

if TYPE_CHECKING:
    import keras

SENSORS = Parameter("sensors", Annotated[int, Field(ge=1, le=512)], 32)
WAVES = 8  # along each axis, in the input of the trunk


def deeponet(
    width: int = 256,
    depth: int = 4,
    *,
    sensors: int = 32,
    channels: int = 1,
    name: str = "deeponet",
) -> "keras.Model":
    """Deep operator network (DeepONet): û(x) = Σ_k b_k(s) t_k(x) + c.

    The *branch* makes the coefficients b of an image s from its means over `sensors` × `sensors`
    parts of the lattice. The *trunk* makes the functions t of a node from cosines of its
    coordinates (`Waves`). Both have `depth` dense layers of `width` units with GELU, but the last
    one of the branch, which has none. The trunk is computed once for all images of a batch, so
    predictions take little time.

    The functions are stretched with the lattice, so on a larger one than that of the training the
    predicted fields are stretched, too.

    Args:
        width: units of the dense layers, and number of functions, at least 1.
        depth: dense layers of the branch, and of the trunk, at least 1.
        sensors: parts along each axis of which the branch sees the means, at least 1.
        channels: of the input (see `encoder_decoder`).
        name: of the model.

    Returns:
        A functional model with the input and output of `encoder_decoder`, for all lattices.

    Raises:
        ValueError: an argument is out of range.

    Example:

    ```python
    model = deeponet(width=16, depth=2, sensors=8)
    model.predict(np.zeros((1, 30, 50, 1))).shape  # (1, 30, 50, 1)
    ```

    Source: Lu et al., arXiv 1910.03193; the cosines: Lu et al., arXiv 2111.05512.
    """
    import keras
    from keras import layers

    from diffkeras.nn.fourier import gelu
    from diffkeras.nn.positions import Sensors, Superposition, Waves

    width, depth = check_whole("width", width, 1), check_whole("depth", depth, 1)
    channels = check_whole("channels", channels, 1)
    source_image = keras.Input((None, None, channels), name="source_image")
    branch = Sensors(sensors, name="sensors")(source_image)
    trunk = Waves(WAVES, name="waves")(source_image)
    for k in range(depth):
        activation = gelu if k < depth - 1 else None
        branch = layers.Dense(width, activation, name=f"branch_{k}")(branch)
        trunk = layers.Dense(width, gelu, name=f"trunk_{k}")(trunk)
    field = Superposition(name="field", dtype="float32")([branch, trunk])
    return keras.Model(source_image, field, name=name)


DEEPONET = Architecture(
    "deeponet",
    "sums of learned functions, with coefficients that follow from the image",
    deeponet,
    {
        WIDTH: "units of the dense layers, and number of functions",
        DEPTH: "dense layers of the branch, and of the trunk",
        SENSORS: "parts of each side of which the branch sees the means",
    },
)
