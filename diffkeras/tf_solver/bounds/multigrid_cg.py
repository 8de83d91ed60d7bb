"""Solutions in media that vary, by conjugate gradients with multigrid, in float32 in a graph.

How good they are is for their callers to check.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from diffkeras.nn.equation.equations import Equations
from diffkeras.nn.equation.multigrid import DAMPING, FACTOR, Level, cycle, hierarchy
from diffkeras.tf_solver.bounds.held_nodes import largest
from diffkeras.tf_solver.images import LATTICE

MOST_STEPS = 60  # of one solution


class _Iterate(NamedTuple):
    """Of conjugate gradients: about A⁻¹b, its residual, the last direction, and ⟨r, M⁻¹r⟩."""

    solution: tf.Tensor
    residual: tf.Tensor
    direction: tf.Tensor
    product: tf.Tensor


def solve(levels: list[Level], right: tf.Tensor, aim: tf.Tensor) -> tf.Tensor:
    """About A⁻¹b on the free nodes, by conjugate gradients with a multigrid cycle, in float32.

    The residual of b (batch, rows, columns) float64 falls to about `aim`, (batch, 1, 1), where
    MOST_STEPS steps suffice.
    """
    solve = _function_of(tuple(right.shape[1:]))
    return tf.ensure_shape(solve(levels, right, aim), right.shape)


@cache
def _function_of(lattice: tuple[int, int]) -> Callable[..., tf.Tensor]:
    """One function that is not inlined, so that graphs hold it once and start fast.

    Each lattice has its own, because TensorFlow would open the sides of one that has seen several,
    and a cycle needs them.
    """
    attributes = {"_noinline": True}
    return tf.function(
        _solve, autograph=False, reduce_retracing=True, experimental_attributes=attributes
    )


def _solve(levels: list[Level], right: tf.Tensor, aim: tf.Tensor) -> tf.Tensor:
    size = largest(right)
    size = tf.where(size > 0, size, 1.0)
    least = tf.cast(aim / size, tf.float32)
    damping = np.full((len(levels), 2), DAMPING, np.float32)

    def unfinished(at: _Iterate) -> tf.Tensor:
        return largest(at.residual) > least

    def step(*parts: Any) -> _Iterate:
        at = _Iterate(*parts)
        towards = cycle(levels, damping, at.residual)
        product = _inner(at.residual, towards)
        direction = towards + tf.math.divide_no_nan(product, at.product) * at.direction
        applied = levels[0].equations.apply(direction)
        length = tf.math.divide_no_nan(product, _inner(direction, applied))
        length = tf.where(unfinished(at), length, 0.0)
        solution, residual = at.solution + length * direction, at.residual - length * applied
        return _Iterate(solution, residual, direction, product)

    residual = tf.cast(right / size, tf.float32)
    zeros = tf.zeros_like(residual)
    start = _Iterate(zeros, residual, zeros, tf.zeros_like(largest(residual)))
    found = tf.while_loop(
        lambda *parts: tf.reduce_any(unfinished(_Iterate(*parts))),
        step,
        start,
        maximum_iterations=MOST_STEPS,
    )
    return size * tf.cast(found.solution, tf.float64)


def levels_of(equations: Equations, free: tf.Tensor) -> list[Level]:
    """The levels of multigrid for the equations of the free nodes, in float32."""
    single = Equations(
        tuple(tf.cast(coupling, tf.float32) for coupling in equations.couplings),
        tf.cast(equations.drain, tf.float32),
    )
    count = max(max(free.shape[1:]).bit_length() - 1, 1)  # the coarsest have at most 3 nodes a side
    factors = [FACTOR] * (count - 1)
    return hierarchy(single.among(tf.cast(free, tf.float32)), factors, count)


def _inner(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(a * b, LATTICE, keepdims=True)
