"""What architectures with pooling have in common: their parameters and their lattices."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from diffkeras.nn.architectures.architecture import (
    DEPTH,
    WIDTH,
    Architecture,
    LatticeRule,
    Parameter,
)

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


def pooling_architecture(name: str, summary: str, network: Callable[..., Any]) -> Architecture:
    """The architecture of networks that halve the lattice `depth` times.

    Args:
        name, summary: see `Architecture`.
        network: of width, depth, channels and kernel_initializer.
    """

    def build(width: int, depth: int, pad: bool, initial_weights: str, channels: int) -> Any:
        from diffkeras.nn.lattice import padded

        initializer = INITIALIZERS[initial_weights]
        model = network(width, depth, channels=channels, kernel_initializer=initializer)
        return padded(model, 2**depth) if pad else model

    return Architecture(name, summary, build, PARAMETERS, lattices=_lattices)


def _lattices(parameters: Mapping[str, Any]) -> LatticeRule:
    if parameters["pad"]:
        return LatticeRule()
    return LatticeRule(2 ** parameters["depth"], remedy="a smaller model.depth, or model.pad: true")
