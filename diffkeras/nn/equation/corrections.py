"""Layers that correct a network's field by the equation, and networks that end with them."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from diffkeras.nn.equation.equations import LatticeOperator
from diffkeras.nn.equation.multigrid import DAMPING, FACTOR, cycle, hierarchy
from diffkeras.nn.equation.transforms import convolve, inverse, ring_of
from diffkeras.physics.arguments import check_whole

REACH = 6  # windows have 2 · 6 + 1 nodes a side, so that a disc of radius 5 fits
LEVELS = 5  # nodes of the coarsest level are blocks of 16×16
TINY = 1e-30  # makes 0/0 a 0, where the error is 0


def with_fixed_values(model: keras.Model) -> keras.Model:
    """The network, with the values of the source image on the sources of its field.

    Args:
        model: functional, source image → field on the same scale.

    Example:
        >>> model = with_fixed_values(u_net(width=8, depth=2))
        >>> bool((model.predict(np.ones((1, 8, 8, 1)), verbose=0) == 1).all())
        True
    """
    field = FixedValues(name="fixed_values", dtype="float32")([model.output, model.input])
    return keras.Model(model.input, field, name=model.name)


def with_corrections(model: keras.Model, operator: LatticeOperator, rounds: int) -> keras.Model:
    """The network, followed by corrections by the equation.

    They are `RingCorrections` in a uniform medium, and `MultigridCorrections` in media that vary.

    Args:
        model: functional, source image → field, both on the linear scale.
        operator: of the media.
        rounds: at least 0.

    Raises:
        ValueError: `rounds` is out of range.

    Example:
        >>> model = with_corrections(u_net(width=8, depth=2), LatticeOperator(decay=0.01), rounds=2)
        >>> model.layers[-1].rounds
        2
    """
    field = correction_layer(operator, rounds)([model.output, model.input])
    return keras.Model(model.input, field, name=model.name)


def correction_layer(operator: LatticeOperator, rounds: int) -> "Corrections":
    """The layer for a uniform medium, or for media that vary."""
    kind = MultigridCorrections if operator.maps else RingCorrections
    return kind(operator, rounds, name="corrections")


@keras.saving.register_keras_serializable(package="diffkeras")
class FixedValues(layers.Layer):
    """Replace a field by the value of the source image on its sources, on the same scale.

    Shape: [field (batch, rows, columns, 1), network input (batch, rows, columns, channels)] → the
    first.
    """

    def call(self, inputs: list[Any]) -> Any:
        """The field with the fixed values."""
        field, network_input = inputs
        source_image = ops.cast(network_input[..., :1], field.dtype)
        return ops.where(source_image != 0, source_image, field)


class Corrections(layers.Layer):
    """Base class of corrections, on any lattice, in float32 even under mixed precision.

    Shape: [field (batch, rows, columns, 1), network input (batch, rows, columns, channels)], or
    the network input alone, to start from zeros → corrected field (batch, rows, columns, 1), on the
    linear scale. `operator` of the media may be its saved configuration; `rounds` is at least 0.
    """

    def __init__(self, operator: Any = None, rounds: int = 0, **options: Any) -> None:
        super().__init__(**{"dtype": "float32", **options})
        self.operator = LatticeOperator.of({} if operator is None else operator)
        self.rounds = check_whole("rounds", rounds, 0)

    def call(self, inputs: Any) -> Any:
        """The corrected field."""
        field, network_input = inputs if isinstance(inputs, list | tuple) else (None, inputs)
        first = None if field is None else field[..., 0]
        return self.corrected(first, network_input)[..., None]

    def corrected(self, field: Any, network_input: Any) -> Any:
        """The field (batch, rows, columns) after all rounds, from a field or, if None, zeros."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the field."""
        first = input_shape[0] if isinstance(input_shape[0], list | tuple) else input_shape
        return (*first[:3], 1)

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        own = {"operator": self.operator.get_config(), "rounds": self.rounds}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="diffkeras")
class RingCorrections(Corrections):
    """A field corrected towards the solution in a uniform medium.

    First, û = A⁻¹q with the densities q = Aû of the field, with the fixed values c in it, on the
    sources; so û solves the equation on the free nodes. Each round then adds the field of densities
    p on the ring, û ← û + αA⁻¹p. They are a learned preconditioner of the mismatch m = c − û there,
    made conjugate to the densities of earlier rounds:

    p = K ∗ m on the ring, minus its projections on earlier p; α = ⟨m, p⟩ / ⟨p, A⁻¹p⟩.

    K is a window of 13×13 numbers per round with the symmetries of the square (28 numbers). α is
    the exact line search, so for any K no round makes the energy ⟨e, G⁻¹e⟩ of the error e on the
    ring larger (G is A⁻¹ restricted to the ring). A round costs two transform pairs.

    Source: Notay (2000) for conjugate gradients with a preconditioner that varies.
    """

    def build(self, input_shape: Any) -> None:
        """Create the windows: at the start 1 in the middle, which is no preconditioner."""
        self._places = _places(REACH)
        start = np.zeros(self._places.max() + 1, np.float32)
        start[0] = 1.0
        self.windows = [
            self.add_weight(
                shape=start.shape,
                initializer=keras.initializers.Constant(start),
                name=f"window_{k}",
            )
            for k in range(self.rounds)
        ]

    def corrected(self, field: Any, network_input: Any) -> Any:
        """The field after all rounds, with the fixed values."""
        source_image, decay = network_input[..., 0], self.operator.uniform_decay(network_input)
        if field is None:
            field = ops.zeros_like(source_image)
        else:
            field = self.without_residual(field, network_input)
        field = self.closer_on_ring(field, source_image, decay)
        return ops.where(source_image != 0, source_image, field)

    def without_residual(self, field: Any, network_input: Any) -> Any:
        """A⁻¹q of the densities q that a field has on the sources."""
        source_image, operator = network_input[..., 0], self.operator
        fixed = source_image != 0
        field = ops.where(fixed, source_image, field)
        balance = operator.equations(network_input).apply(field)
        density = ops.where(fixed, balance, ops.zeros_like(balance))
        return inverse(density, operator.uniform_decay(network_input), operator.boundaries)

    def closer_on_ring(self, field: Any, source_image: Any, decay: Any) -> Any:
        """The field after all rounds, before the fixed values are written into it."""
        boundaries = self.operator.boundaries
        ring = ring_of(ops.cast(source_image != 0, self.compute_dtype), boundaries)
        earlier: list[tuple[Any, Any, Any]] = []  # p, A⁻¹p and ⟨p, A⁻¹p⟩ of each round
        for window in self.windows:
            mismatch = ring * (source_image - field)
            window = ops.take(window, self._places)
            spread = ring * convolve(mismatch, window, boundaries)
            for other, of_other, curvature in earlier:
                spread = spread - other * (inner_product(spread, of_other) / curvature)
            of_spread = inverse(spread, decay, boundaries)
            curvature = ops.maximum(inner_product(spread, of_spread), TINY)
            field = field + of_spread * (inner_product(mismatch, spread) / curvature)
            earlier.append((spread, of_spread, curvature))
        return field


@keras.saving.register_keras_serializable(package="diffkeras")
class MultigridCorrections(Corrections):
    """A field corrected towards the solution in a medium that varies from node to node.

    The fixed values are written into the field. Each round then adds a direction p on the free
    nodes, û ← û + αp: a multigrid cycle (see `multigrid`) of the residual r = −Aû there, made
    conjugate to the directions of earlier rounds:

    p = cycle(r), minus its projections on earlier p; α = ⟨r, p⟩ / ⟨p, Ap⟩.

    α is the exact line search, so with any cycle no round makes the energy ⟨e, Ae⟩ of the error e
    larger. r includes what cells release. Where uptake φ saturates, each round is an inexact step
    of Newton's method: r = s − Aû − φ(û), A + φ'(û) stands for A, and p is conjugate to the last
    direction only. Learned are the damping of each level before and after the coarser ones (10
    numbers per round) and the factors of coarser couplings (4, for all rounds). Rounds are one loop
    of the graph, which takes as long to trace for many rounds as for one.

    Source: Notay (2000) for conjugate gradients with a preconditioner that varies.
    """

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

    def corrected(self, field: Any, network_input: Any) -> Any:
        """The field after all rounds, with the fixed values."""
        source_image = network_input[..., 0]
        fixed = source_image != 0
        free = ops.cast(ops.logical_not(fixed), self.compute_dtype)
        equations = self.operator.equations(network_input)
        production = self.operator.production(network_input)
        uptake = self.operator.uptake(network_input)
        among = equations.among(free)
        levels = hierarchy(among, self.factors, LEVELS)
        field = ops.where(fixed, source_image, 0.0 if field is None else field)
        if not self.rounds:
            return field
        dampings = ops.stack([damping[...] for damping in self.dampings])
        # where slopes change, those before the last one are conjugate to others and would disturb
        kept = self.rounds if uptake is None else 1
        nothing = ops.stack([ops.zeros_like(field)] * kept)

        def one_round(k: Any, field: Any, earlier: Any, of_earlier: Any) -> tuple[Any, ...]:
            residual, slope = free * (production - equations.apply(field)), 0.0
            own = levels
            if uptake is not None:
                residual, slope = residual - free * uptake.rate(field), free * uptake.slope(field)
                own = hierarchy(
                    among._replace(row_sums=among.row_sums + slope), self.factors, LEVELS
                )
            direction = cycle(own, dampings[k], residual)
            applied = of_earlier + slope * earlier
            shares = inner_product(direction, applied) / ops.maximum(
                inner_product(earlier, applied), TINY
            )
            direction = direction - ops.sum(shares * earlier, axis=0)
            of_direction = among.apply(direction)
            curvature = inner_product(direction, of_direction + slope * direction)
            step = inner_product(residual, direction) / ops.maximum(curvature, TINY)
            return (
                field + direction * step,
                ops.concatenate([direction[None], earlier[:-1]]),
                ops.concatenate([of_direction[None], of_earlier[:-1]]),
            )

        field, *_ = repeat(one_round, self.rounds, (field, nothing, nothing))
        return field


def repeat(step: Callable[..., tuple[Any, ...]], times: int, state: tuple[Any, ...]) -> Any:
    """The state after `step(k, *state)` for k = 0 … times − 1, as one loop of a graph."""
    if keras.config.backend() == "tensorflow":  # XLA has no gradient of its loops without a limit

        def following_state(k: Any, *state: Any) -> tuple[Any, ...]:
            # of a lattice whose sides only the run has, padding forgets that a batch has one image
            pairs = zip(step(k, *state), state, strict=True)
            return (k + 1, *(ops.reshape(new, ops.shape(old)) for new, old in pairs))

        _, *state = ops.while_loop(
            lambda k, *_: k < times, following_state, (0, *state), maximum_iterations=times
        )
        return state
    return ops.fori_loop(0, times, lambda k, state: step(k, *state), state)


def inner_product(a: Any, b: Any) -> Any:
    """⟨a, b⟩ of each image, (…, 1, 1)."""
    return ops.sum(a * b, axis=(-2, -1), keepdims=True)


def _places(reach: int) -> np.ndarray:
    """Which number of a symmetric window stands where, for offsets 0 … reach along both axes."""
    offset = np.arange(reach + 1)
    low, high = np.minimum.outer(offset, offset), np.maximum.outer(offset, offset)
    return high * (high + 1) // 2 + low
