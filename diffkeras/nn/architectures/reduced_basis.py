"""A basis of fields of one geometry, whose coefficients follow from the family's parameters."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from diffkeras.nn.architectures.architecture import DEPTH, MODES, WIDTH, Architecture, Parameter
from diffkeras.physics.arguments import check_whole

if TYPE_CHECKING:
    import keras

REGRESSION = Parameter("regression", Literal["network", "kernel"], "network")


def untrained_basis(
    width: int,
    depth: int,
    modes: int,
    regression: str = "network",
    *,
    family: Any,
    examples: int = 0,
    name: str = "reduced_basis",
) -> "keras.Model":
    """Surrogate of one geometry: parameters, dimensionless inputs, coefficients, basis, field.

    Without production, fields are in proportion to the value of the fixed nodes if the
    concentrations of uptake are, too. So where that value is a parameter, inputs are the others
    relative to it, in logarithms where ranges are. A network of dense layers, or a Gaussian kernel,
    turns them into the coefficients of the modes; their sum has the fixed values on the fixed
    nodes. The basis, its mean and the scales of inputs and coefficients are weights that are not
    trained; they follow from the training fields (`training.start`), as does a kernel.

    Args:
        width: units of each dense layer.
        depth: number of dense layers.
        modes: of the basis.
        regression: "network" or "kernel".
        family: a `physics.Family` of two dimensions.
        examples: number of training examples, of which a kernel is one each.
        name: of the model.

    Returns:
        A functional model, "parameters" (batch, p) in the order of `family.names` → field (batch,
        rows, columns, 1), both on the linear scale.

    Raises:
        ValueError: an argument is out of range.

    Source: Hesthaven & Ubbiali (2018).
    """
    from keras import layers

    from diffkeras.nn.families import (
        DimensionlessInputs,
        KernelCoefficients,
        ModeFactors,
        check_double_precision,
        model_of_factors,
        scaling_arguments,
    )
    from diffkeras.nn.fourier import gelu

    width, depth, modes = (
        check_whole(key, value, 1)
        for key, value in (("width", width), ("depth", depth), ("modes", modes))
    )
    scaling = scaling_arguments(family.scaling)

    def network(parameters: Any) -> Any:
        features = DimensionlessInputs(**scaling, dtype="float32", name="inputs")(parameters)
        for number in range(depth):
            features = layers.Dense(width, gelu, name=f"dense_{number}")(features)
        features = layers.Dense(modes, dtype="float32", name="coefficients")(features)
        return ModeFactors(**scaling, dtype="float32", name="factors")([features, parameters])

    factors: Callable[[Any], Any] = network
    if regression == "kernel":
        check_double_precision()
        examples = check_whole("examples", examples, 1)
        factors = KernelCoefficients(
            examples, modes, **scaling, dtype="float64", trainable=False, name="coefficients"
        )
    return model_of_factors(family, factors, (*family.problem.lattice, 1), name, trainable=False)


REDUCED_BASIS = Architecture(
    "reduced_basis",
    "a basis of fields, with coefficients by a small network or a kernel, for data.family",
    untrained_basis,
    {
        WIDTH: "units of the dense layers",
        DEPTH: "number of dense layers",
        MODES: "fields in the basis",
        REGRESSION: (
            "what gives the coefficients. network: dense layers, trained by gradients. kernel: a "
            "Gaussian kernel around each training example, fitted once, so training.epochs is 1"
        ),
    },
    needs=("family", "examples"),
)
