"""Lattices that an encoder-decoder accepts."""

from collections.abc import Sequence
from typing import Any

import keras

from diffkeras.nn.arguments import integer


def check_lattice(lattice: Sequence[int | None], depth: int) -> None:
    """Check that an encoder-decoder of a depth runs on a lattice.

    Args:
        lattice: height and width, in nodes. None for a side that is not known yet.
        depth: number of poolings of the model.

    Raises:
        ValueError: a side is not a multiple of 2^`depth`; the message names the nearest multiples.

    Example:

    ```python
    check_lattice((512, 512), depth=5)
    check_lattice((512, 100), depth=5)  # ValueError: ... 96 and 128
    ```
    """
    factor = 2 ** integer("depth", depth, 1)
    for axis, side in zip(("height", "width"), lattice, strict=True):
        if side is None:
            continue
        nodes = integer(f"{axis} of the lattice", side, 1)
        if nodes % factor:
            below = nodes // factor * factor
            nearest = f"{below} and {below + factor}" if below else f"{factor}"
            raise ValueError(
                f"{axis} of the lattice is {nodes}, not a multiple of 2**{depth} = {factor}; "
                f"nearest that works: {nearest}"
            )


@keras.saving.register_keras_serializable(package="diffkeras")
class LatticeCheck(keras.layers.Layer):
    """Return the input unchanged, or raise an error if the network does not accept its lattice.

    Without the check, pooling drops the last row or column of an odd side, and the field becomes
    smaller than the source image. The layer checks sides when the graph is built; a side that is
    unknown then is not checked.

    Shape: (batch, height, width, channels) → the same.

    Args:
        depth: number of poolings of the network.
        **options: those of `keras.layers.Layer`.

    Example:

    ```python
    LatticeCheck(depth=5)(np.zeros((1, 60, 60, 1)))  # ValueError: ... 32 and 64
    ```
    """

    def __init__(self, depth: int, **options: Any) -> None:
        super().__init__(**options)
        self.depth = integer("depth", depth, 1)

    def call(self, inputs: Any) -> Any:
        """The inputs."""
        check_lattice(inputs.shape[1:3], self.depth)
        return inputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        return {**super().get_config(), "depth": self.depth}
