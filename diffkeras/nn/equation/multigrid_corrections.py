"""From any field to a better one in media that vary: conjugate gradients with multigrid."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from diffkeras.nn.arguments import integer
from diffkeras.nn.equation.corrections import TINY, inner_product
from diffkeras.nn.equation.layers import EquationLayer
from diffkeras.nn.equation.multigrid import DAMPING, FACTOR, cycle, hierarchy
from diffkeras.nn.equation.varying_operator import VaryingOperator

LEVELS = 5  # the coarsest nodes are blocks of 16×16


@keras.saving.register_keras_serializable(package="diffkeras")
class MultigridCorrections(EquationLayer):
    """A field corrected towards the solution in a medium that varies from node to node.

    The fixed values are written into the field. Each round then adds a direction p on the free
    nodes, û ← û + αp: a multigrid cycle (see `multigrid`) of the residual r = −Aû there, made
    conjugate to the directions of earlier rounds:

    p = cycle(r), minus its projections on earlier p; α = ⟨r, p⟩ / ⟨p, Ap⟩.

    α is the exact line search, so with any cycle no round makes the energy ⟨e, Ae⟩ of the
    error e larger. What cells release is part of r. Where uptake φ saturates, each round is an
    inexact step of Newton's method: r = s − Aû − φ(û), A + φ'(û) stands for A, and p is conjugate
    to the last direction only. The damping of each level before and after the coarser ones is
    learned, for each round of its own, and so are the factors of coarser couplings, for all rounds
    together: 10 numbers a round and 4 more.

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

    operator_type = VaryingOperator

    def __init__(
        self,
        operator: VaryingOperator | Mapping[str, Any] | None = None,
        rounds: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(operator, **options)
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
        production = self.operator.production(network_input)
        uptake = self.operator.uptake(network_input)
        among = equations.among(free)
        levels = hierarchy(among, self.factors, LEVELS)
        field = ops.where(fixed, source_image, field[..., 0])
        earlier: list[tuple[Any, Any]] = []  # p and Ap of each round
        slope: Any = 0.0
        for damping in self.dampings:
            residual = free * (production - equations.apply(field))
            if uptake is not None:
                residual, slope = residual - free * uptake.rate(field), free * uptake.slope(field)
                levels = hierarchy(among._replace(drain=among.drain + slope), self.factors, LEVELS)
            direction = cycle(levels, damping, residual)
            # those before the last one are conjugate to other slopes, and would only disturb
            for other, of_other in earlier if uptake is None else earlier[-1:]:
                steeper = of_other + slope * other
                share = inner_product(direction, steeper) / ops.maximum(
                    inner_product(other, steeper), TINY
                )
                direction = direction - other * share
            of_direction = among.apply(direction)
            curvature = inner_product(direction, of_direction + slope * direction)
            step = inner_product(residual, direction) / ops.maximum(curvature, TINY)
            field = field + direction * step
            earlier.append((direction, of_direction))
        return field[..., None]

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        return {**super().get_config(), "rounds": self.rounds}
