"""From any field to a better one in media that vary: conjugate gradients with multigrid."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from diffkeras.nn.arguments import integer
from diffkeras.nn.equation.corrections import TINY, inner_product
from diffkeras.nn.equation.multigrid import DAMPING, FACTOR, cycle, hierarchy
from diffkeras.nn.equation.varying_operator import VaryingOperator

LEVELS = 5  # the coarsest nodes are blocks of 16×16


@keras.saving.register_keras_serializable(package="diffkeras")
class MultigridCorrections(layers.Layer):
    """A field corrected towards the solution in a medium that varies from node to node.

    The fixed values are written into the field. Each round then adds a direction p on the free
    nodes, û ← û + αp: a multigrid cycle (see `multigrid`) of the residual r = −Aû there, made
    conjugate to the directions of earlier rounds:

    p = cycle(r), minus its projections on earlier p; α = ⟨r, p⟩ / ⟨p, Ap⟩.

    α is the exact line search, so no round, whatever its cycle, makes the energy ⟨e, Ae⟩ of the
    error e larger. The damping of each level before and after the coarser ones is learned, for each
    round of its own, and so are the factors of coarser couplings, for all rounds together: 10
    numbers a round and 4 more.

    It runs in float32, also in mixed precision, on any lattice.

    Shape: [field (batch, rows, columns, 1), network input (batch, rows, columns, channels)] → the
    first, on the linear scale.

    Args:
        operator: of the media.
        rounds: at least 0.
        **options: those of `keras.layers.Layer`.

    Raises:
        ValueError: `rounds` is out of range.

    Source: Notay (2000) for conjugate gradients with a preconditioner that varies.
    """

    def __init__(
        self,
        operator: VaryingOperator | Mapping[str, Any] | None = None,
        rounds: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **options})
        self.operator = VaryingOperator.of({} if operator is None else operator)
        self.rounds = integer("rounds", rounds, 0)

    def build(self, input_shape: Any) -> None:
        """Create dampings and factors, with the values of a multigrid cycle that isn't learned."""
        self.dampings = [
            self.add_weight(
                shape=(LEVELS, 2),
                initializer=keras.initializers.Constant(np.full((LEVELS, 2), DAMPING, np.float32)),
                name=f"damping_{k}",
            )
            for k in range(self.rounds)
        ]
        self.factors = self.add_weight(
            shape=(LEVELS - 1,), initializer=keras.initializers.Constant(FACTOR), name="factors"
        )

    def call(self, inputs: list[Any]) -> Any:
        """The field."""
        field, network_input = inputs
        source_image = network_input[..., 0]
        fixed = source_image != 0
        free = ops.cast(ops.logical_not(fixed), self.compute_dtype)
        equations = self.operator.equations(network_input)
        levels = hierarchy(equations.among(free), self.factors, LEVELS)
        field = ops.where(fixed, source_image, field[..., 0])
        earlier: list[tuple[Any, Any, Any]] = []  # p, Ap and ⟨p, Ap⟩ of each round
        for damping in self.dampings:
            residual = -free * equations.apply(field)
            direction = cycle(levels, damping, residual)
            for other, of_other, curvature in earlier:
                direction = direction - other * (inner_product(direction, of_other) / curvature)
            of_direction = levels[0].equations.apply(direction)
            curvature = ops.maximum(inner_product(direction, of_direction), TINY)
            field = field + direction * (inner_product(residual, direction) / curvature)
            earlier.append((direction, of_direction, curvature))
        return field[..., None]

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the field."""
        return (*input_shape[0][:3], 1)

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        return {
            **super().get_config(),
            "operator": self.operator.get_config(),
            "rounds": self.rounds,
        }
