"""What may follow a network: fixed values held, or corrections by the equation."""

import keras

from diffkeras.nn.equation.corrections import FieldOfDensities
from diffkeras.nn.equation.layers import FixedValues, ImpliedDensities, RingOnly
from diffkeras.nn.equation.multigrid_corrections import MultigridCorrections
from diffkeras.nn.equation.operator import UniformOperator
from diffkeras.nn.equation.varying_operator import VaryingOperator


def with_fixed_values(model: keras.Model) -> keras.Model:
    """The network, with the values of the source image on the sources of its field.

    Args:
        model: functional, source image → field on the same scale.

    Example:

    ```python
    model = with_fixed_values(encoder_decoder(width=8, depth=2))
    ```
    """
    field = FixedValues(name="fixed_values", dtype="float32")([model.output, model.input])
    return keras.Model(model.input, field, name=model.name)


def with_corrections(
    model: keras.Model, operator: UniformOperator | VaryingOperator, rounds: int
) -> keras.Model:
    """The network, followed by corrections by the equation.

    In a uniform medium, the field û becomes û − A⁻¹r with its residual r on the free nodes, which
    solves the equation there. Rounds of conjugate gradients then bring it closer to the fixed
    values on the rims of the sources (see `FieldOfDensities`). Altogether `rounds` + 1 transform
    pairs. In media that vary, each round is a multigrid cycle (see `MultigridCorrections`).

    Args:
        model: functional, source image → field, both on the linear scale.
        operator: of the medium, or of media that vary.
        rounds: at least 0.

    Example:

    ```python
    model = with_corrections(u_net(width=8, depth=2), UniformOperator(decay=0.01), rounds=2)
    ```
    """
    inputs = [model.output, model.input]
    if isinstance(operator, VaryingOperator):
        layer = MultigridCorrections(operator, rounds, name="corrections")
        return keras.Model(model.input, layer(inputs), name=model.name)
    densities = ImpliedDensities(operator, name="implied_densities")(inputs)
    return _solved(model, densities, operator, rounds)


def with_ring_densities(model: keras.Model, operator: UniformOperator, rounds: int) -> keras.Model:
    """The network, its output read as densities on the ring, of which the field is computed.

    Args:
        model: functional, source image → densities, which may be negative.
        operator, rounds: as for `with_corrections`. There are `rounds` + 1 transform pairs.
    """
    densities = RingOnly(operator, name="ring_densities")([model.output, model.input])
    return _solved(model, densities, operator, rounds)


def _solved(
    model: keras.Model, densities: keras.KerasTensor, operator: UniformOperator, rounds: int
) -> keras.Model:
    layer = FieldOfDensities(operator, rounds, name="corrections")
    return keras.Model(model.input, layer([densities, model.input]), name=model.name)
