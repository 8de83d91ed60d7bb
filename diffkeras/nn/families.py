"""The reduced basis of a family as a Keras model: from parameters to fields, without a proof.

It computes what `physics.ReducedBasis.fields` does, in a graph, with gradients with respect to the
parameters, and can be exported. The kernel's weights cancel each other, so its coefficients are
computed in double precision; the product with the basis is in single precision.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops


def reduced_basis(basis: Any) -> keras.Model:
    """A functional model of a trained basis: "parameters" (batch, p) to "field" (batch, …).

    Layers: the dimensionless inputs and the kernel regression ("coefficients"), and the basis, with
    the fixed values ("basis"). Their weights can be trained further, such as on measured fields.

    Args:
        basis: a `ReducedBasis`. Parameters are in the order of `basis.family.names`; they are not
            checked.

    Raises:
        ValueError: the backend has no double precision (JAX needs `jax_enable_x64`).

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> family = dk.Family(dk.Problem(np.eye(8)), {"decay": (0.01, 0.1)})
        >>> model = dk.nn.reduced_basis(dk.ReducedBasis.train(family, 8))
        >>> model(np.array([[0.02], [0.05]])).shape
        (2, 8, 8)
    """
    if "float64" not in str(ops.zeros((), "float64").dtype):
        raise ValueError(
            "a reduced basis needs double precision; in JAX call "
            'jax.config.update("jax_enable_x64", True) before'
        )
    family, regression = basis.family, basis.regression
    parameters = keras.Input((len(family.names),), name="parameters")
    scaling = family.scaling
    coefficients = KernelCoefficients(
        *regression.weights.shape,
        scale=scaling.scale,
        divided=scaling.divided.tolist(),
        kept=np.flatnonzero(scaling.kept).tolist(),
        logarithmic=scaling.is_logarithmic.tolist(),
        dtype="float64",
        name="coefficients",
    )
    rows = np.concatenate([basis.rows, family.rows_of_values()]).astype(np.float32)
    product = layers.Dense(rows.shape[1], use_bias=False, dtype="float32", name="basis")
    field = product(coefficients(parameters))
    field = layers.Reshape(family.problem.lattice, dtype="float32", name="field")(field)
    model = keras.Model(parameters, field, name="reduced_basis")
    coefficients.set_weights(
        [
            regression.centre,
            regression.spread * regression.lengths,
            regression.points,
            regression.weights,
        ]
    )
    product.set_weights([rows])
    return model


@keras.saving.register_keras_serializable(package="diffkeras")
class KernelCoefficients(layers.Layer):
    """Parameters (batch, p) to what rows are multiplied by: of the modes, their mean, fixed values.

    The last p + 1 are the parameters and 1.

    Args:
        points: of the regression, their number m.
        modes: r.
        scale: the number of the parameter that fields are in proportion to; None for none.
        divided: for each parameter, whether it is divided by that.
        kept: numbers of the parameters that are inputs.
        logarithmic: for each parameter, whether its logarithm is the input.
    """

    def __init__(
        self,
        points: int,
        modes: int,
        *,
        scale: int | None,
        divided: list[bool],
        kept: list[int],
        logarithmic: list[bool],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.points, self.modes, self.scale = points, modes, scale
        self.divided, self.kept, self.logarithmic = divided, kept, logarithmic

    def build(self, input_shape: Any) -> None:
        """Make the weights of the regression."""
        inputs = len(self.kept)
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
        ones = ops.ones_like(parameters[:, :1])
        scale = ones if self.scale is None else parameters[:, self.scale : self.scale + 1]
        columns = []
        for number in self.kept:
            column = parameters[:, number : number + 1]
            column = column / scale if self.divided[number] else column
            columns.append(ops.log(column) if self.logarithmic[number] else column)
        centre, lengths, centres, kernel = self.arrays
        normal = (ops.concatenate(columns, axis=1) - centre) / lengths
        squares = ops.sum(ops.square(normal[:, None] - centres[None]), axis=-1)
        coefficients = ops.matmul(ops.exp(-0.5 * squares), kernel)
        return ops.concatenate([scale * coefficients, scale, parameters, ones], axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        """(batch, r + 1 + p + 1)."""
        return input_shape[0], self.modes + 1 + len(self.divided) + 1

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        names = ("points", "modes", "scale", "divided", "kept", "logarithmic")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
