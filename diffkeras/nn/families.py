"""The reduced basis of a family as a Keras model: from parameters to fields, without a proof.

It computes what `physics.ReducedBasis.fields` does, in a graph, with gradients with respect to the
parameters, and can be exported. The kernel's weights cancel each other, so its coefficients are
computed in double precision; the product with the basis is in single precision.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from diffkeras.physics.families.family.rows import rows_of_values
from diffkeras.physics.families.family.scaling import Scaling
from diffkeras.physics.families.reduced_basis.reduced_basis import ReducedBasis


def reduced_basis(basis: ReducedBasis) -> keras.Model:
    """A functional model of a trained basis: "parameters" (batch, p) to "field" (batch, …).

    Layers: the dimensionless inputs and the kernel regression ("coefficients"), and the basis, with
    the fixed values ("basis"). Their weights can be trained further, such as on measured fields.

    Args:
        basis: what `ReducedBasis.train` makes. Parameters are in the order of `basis.family.names`;
            they are not checked.

    Raises:
        ValueError: no basis, or the backend has no double precision (JAX needs `jax_enable_x64`).

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> family = dk.Family(dk.Problem(np.eye(8)), {"decay": (0.01, 0.1)})
        >>> model = dk.nn.reduced_basis(dk.ReducedBasis.train(family, 8))
        >>> model(np.array([[0.02], [0.05]])).shape
        (2, 8, 8)
    """
    if not isinstance(basis, ReducedBasis):
        raise ValueError(
            f"a model is one of a ReducedBasis, not of {basis!r:.60}: train one by "
            "ReducedBasis.train(family)"
        )
    check_double_precision()
    points, modes = basis.regression.weights.shape
    coefficients = KernelCoefficients(
        points,
        modes,
        **scaling_arguments(basis.family.scaling),
        dtype="float64",
        name="coefficients",
    )
    lattice = basis.family.problem.lattice
    model = model_of_factors(basis.family, coefficients, lattice, "reduced_basis")
    set_weights(model, basis)
    return model


def model_of_factors(
    family: Any, factors: Callable[[Any], Any], shape: tuple[int, ...], name: str, **options: Any
) -> keras.Model:
    """The model "parameters" → factors of the rows → their weighted sum ("basis") → "field".

    Args:
        family: a `physics.Family`.
        factors: from parameters (batch, p) to the factors of the rows.
        shape: of a field.
        name: of the model.
        **options: of the layer of the rows.
    """
    parameters = keras.Input((len(family.names),), name="parameters")
    nodes = family.problem.values.size
    product = layers.Dense(nodes, use_bias=False, dtype="float32", name="basis", **options)
    field = layers.Reshape(shape, dtype="float32", name="field")(product(factors(parameters)))
    return keras.Model(parameters, field, name=name)


def set_weights(model: keras.Model, basis: ReducedBasis) -> None:
    """Give a model of `model_of_factors` the weights that follow from a basis without gradients.

    These are the rows, and the whole regression of a kernel. Of a network, they are the mean and
    the spread of the inputs, and the sizes of the coefficients. Modes that the basis lacks are 0.
    """
    rows, coefficients = model.get_layer("basis"), model.get_layer("coefficients")
    modes, mean = basis.rows[:-1], basis.rows[-1:]
    others = np.concatenate([mean, rows_of_values(basis.family)])
    lacking = rows.kernel.shape[0] - len(modes) - len(others)
    rows.set_weights([np.concatenate([np.pad(modes, ((0, lacking), (0, 0))), others])])
    regression = basis.regression
    if isinstance(coefficients, KernelCoefficients):
        weights = np.pad(regression.weights, ((0, 0), (0, lacking)))
        lengths = regression.spread * regression.lengths
        coefficients.set_weights([regression.centre, lengths, regression.points, weights])
        return
    model.get_layer("inputs").set_weights([regression.centre, regression.spread])
    sizes = regression.fitted.std(axis=0)
    model.get_layer("factors").set_weights([np.pad(sizes, (0, lacking))])


def check_double_precision() -> None:
    """Raise a ValueError if the backend has no double precision."""
    if "float64" not in str(ops.zeros((), "float64").dtype):
        raise ValueError(
            "a reduced basis needs double precision; in JAX call "
            'jax.config.update("jax_enable_x64", True) before'
        )


class _FamilyLayer(layers.Layer):
    """A layer that knows which numbers of a family have a unit.

    Args:
        scale: the number of the parameter that fields are in proportion to; None for none.
        divided: for each parameter, whether it is divided by that.
        kept: numbers of the parameters that are inputs.
        logarithmic: for each parameter, whether its logarithm is the input.
    """

    def __init__(
        self,
        *,
        scale: int | None,
        divided: list[bool],
        kept: list[int],
        logarithmic: list[bool],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        is_kept = np.isin(np.arange(len(divided)), kept)
        self.scaling = Scaling(scale, np.array(divided), is_kept, np.array(logarithmic))

    def factors(self, coefficients: Any, parameters: Any) -> Any:
        """Factors of the rows: of modes, their mean, fixed values; (batch, r + p + 2)."""
        scale, ones = self.scaling.scales(parameters, ops), ops.ones_like(parameters[:, :1])
        return ops.concatenate([scale * coefficients, scale, parameters, ones], axis=1)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), **scaling_arguments(self.scaling)}


def scaling_arguments(scaling: Scaling) -> dict[str, Any]:
    """The arguments of the layers of a family with this scaling."""
    return {
        "scale": scaling.scale,
        "divided": scaling.divided.tolist(),
        "kept": np.flatnonzero(scaling.kept).tolist(),
        "logarithmic": scaling.is_logarithmic.tolist(),
    }


@keras.saving.register_keras_serializable(package="diffkeras")
class DimensionlessInputs(_FamilyLayer):
    """Parameters (batch, p) to inputs of a network, (batch, k): without units, of mean 0.

    Its weights, which are not trained, are the mean and the standard deviation of the inputs.

    Args:
        scale, divided, kept, logarithmic: as of `KernelCoefficients`.
    """

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        inputs = (int(np.count_nonzero(self.scaling.kept)),)
        self.centre, self.spread = (
            self.add_weight(shape=inputs, name=name, initializer=first, trainable=False)
            for name, first in (("centre", "zeros"), ("spread", "ones"))
        )
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """See the class."""
        features = self.scaling.inputs(ops.cast(inputs, self.compute_dtype), ops)
        return (features - self.centre) / self.spread

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        """(batch, k)."""
        return input_shape[0], int(np.count_nonzero(self.scaling.kept))


@keras.saving.register_keras_serializable(package="diffkeras")
class ModeFactors(_FamilyLayer):
    """Coefficients (batch, r) and parameters (batch, p) to factors of the rows.

    These are (batch, r + p + 2): of the modes, their mean, the fixed values. Coefficients are in
    units of the sizes of the modes, a weight that is not trained.

    Args:
        scale, divided, kept, logarithmic: as of `KernelCoefficients`.
    """

    def build(self, input_shape: Any) -> None:
        """Make the weight."""
        size = input_shape[0][-1]
        self.sizes = self.add_weight(
            shape=(size,), name="sizes", initializer="ones", trainable=False
        )
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """See the class."""
        coefficients, parameters = (ops.cast(x, self.compute_dtype) for x in inputs)
        return self.factors(coefficients * self.sizes, parameters)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        """(batch, r + p + 2)."""
        (batch, modes), (_, parameters) = input_shape
        return batch, modes + parameters + 2


@keras.saving.register_keras_serializable(package="diffkeras")
class KernelCoefficients(_FamilyLayer):
    """Parameters (batch, p) to factors of the rows: of the modes, their mean, fixed values.

    The last p + 1 are the parameters and 1.

    Args:
        points: of the regression, their number m.
        modes: r.
        scale: the number of the parameter that fields are in proportion to; None for none.
        divided: for each parameter, whether it is divided by that.
        kept: numbers of the parameters that are inputs.
        logarithmic: for each parameter, whether its logarithm is the input.
    """

    def __init__(self, points: int, modes: int, **options: Any) -> None:
        super().__init__(**options)
        self.points, self.modes = points, modes

    def build(self, input_shape: Any) -> None:
        """Make the weights of the regression."""
        inputs = int(np.count_nonzero(self.scaling.kept))
        shapes = {
            "centre": (inputs,),
            "lengths": (inputs,),
            "centres": (self.points, inputs),
            "kernel": (self.points, self.modes),
        }
        self.arrays = [
            self.add_weight(shape=shape, name=name, initializer="ones")
            for name, shape in shapes.items()
        ]
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """See the class."""
        parameters = ops.cast(inputs, self.compute_dtype)
        centre, lengths, centres, kernel = self.arrays
        normal = (self.scaling.inputs(parameters, ops) - centre) / lengths
        squares = ops.sum(ops.square(normal[:, None] - centres[None]), axis=-1)
        return self.factors(ops.matmul(ops.exp(-0.5 * squares), kernel), parameters)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        """(batch, r + 1 + p + 1)."""
        return input_shape[0], self.modes + 1 + len(self.scaling.divided) + 1

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "points": self.points, "modes": self.modes}
