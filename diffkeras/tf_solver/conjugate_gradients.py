"""Solutions of linear steps by conjugate gradients with multigrid, in float32 in a graph.

The method is that of `physics.solvers.linear_steps` (Hestenes & Stiefel 1952).
The residual that float32 leaves is for the callers to correct, and their proofs don't rest on it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from diffkeras.nn.equation.multigrid import DAMPING, Level, cycle
from diffkeras.tf_solver.checks import LATTICE
from diffkeras.tf_solver.problem import largest_of_each

MOST_ITERATIONS = 60

Levels = Sequence[Level]


class _Iterate(NamedTuple):
    """About A⁻¹b, its residual, the last direction, and ⟨r, M⁻¹r⟩."""

    solution: tf.Tensor
    residual: tf.Tensor
    direction: tf.Tensor
    product: tf.Tensor


class TensorLinearSteps:
    """Solutions of linear steps on one lattice, in two graphs that are traced once.

    Each takes batches of any size. They aren't inlined, so that graphs of a solver hold them once
    and start fast. They go when this object goes, which a solver owns. (Where a solver was traced
    in a `tf.function`, TensorFlow's registry of gradients keeps it.)
    """

    def __init__(self) -> None:
        self._graphs: dict[Callable[..., tf.Tensor], Callable[..., tf.Tensor]] = {}

    def solve(
        self, levels: Levels, right: tf.Tensor, aim: tf.Tensor, *, is_differentiable: bool = False
    ) -> tf.Tensor:
        """About A⁻¹b on the free nodes by conjugate gradients, of b (batch, rows, columns) float64.

        The largest residual falls to about `aim`, (batch, 1, 1), where MOST_ITERATIONS suffice.
        Unless it is differentiable, no gradient flows through it, and no tape traces one.
        """
        if not is_differentiable:
            levels, right, aim = tf.nest.map_structure(tf.stop_gradient, (levels, right, aim))
        return self._call(_conjugate_gradients, levels, right, aim)

    def cycle(self, levels: Levels, right: tf.Tensor) -> tf.Tensor:
        """Roughly A⁻¹b, by one multigrid cycle, without gradients."""
        levels, right = tf.nest.map_structure(tf.stop_gradient, (levels, right))
        return self._call(_one_cycle, levels, right)

    def _call(
        self, function: Callable[..., tf.Tensor], levels: Levels, right: tf.Tensor, *more: tf.Tensor
    ) -> tf.Tensor:
        size = largest_of_each(right)
        size = tf.where(size > 0, size, 1.0)
        inputs = (levels, *(tf.cast(part / size, tf.float32) for part in (right, *more)))
        # levels always have the same shapes
        if function not in self._graphs:
            self._graphs[function] = tf.function(
                function,
                # a cycle needs the sides of the lattice
                tf.nest.map_structure(lambda part: tf.TensorSpec((None, *part.shape[1:])), inputs),
                autograph=False,
                experimental_attributes={"_noinline": True},
            )
        solution = self._graphs[function](*inputs)
        return size * tf.cast(tf.ensure_shape(solution, right.shape), tf.float64)


def _one_cycle(levels: Levels, right: tf.Tensor) -> tf.Tensor:
    return cycle(levels, np.full((len(levels), 2), DAMPING, np.float32), right)


def _conjugate_gradients(levels: Levels, right: tf.Tensor, least: tf.Tensor) -> tf.Tensor:
    def unfinished(at: _Iterate) -> tf.Tensor:
        return largest_of_each(at.residual) > least

    def step(*parts: Any) -> _Iterate:
        at = _Iterate(*parts)
        correction = _one_cycle(levels, at.residual)
        product = _inner(at.residual, correction)
        direction = correction + tf.math.divide_no_nan(product, at.product) * at.direction
        applied = levels[0].equations.apply(direction)
        length = tf.math.divide_no_nan(product, _inner(direction, applied))
        length = tf.where(unfinished(at), length, 0.0)
        solution, residual = at.solution + length * direction, at.residual - length * applied
        return _Iterate(solution, residual, direction, product)

    zeros = tf.zeros_like(right)
    result = tf.while_loop(
        lambda *parts: tf.reduce_any(unfinished(_Iterate(*parts))),
        step,
        _Iterate(zeros, right, zeros, tf.zeros_like(largest_of_each(right))),
        maximum_iterations=MOST_ITERATIONS,
    )
    return result.solution


def _inner(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(a * b, LATTICE, keepdims=True)
