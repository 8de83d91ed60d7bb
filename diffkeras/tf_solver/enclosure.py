"""Proven bounds of the error of any field û in a medium that varies, or where uptake saturates.

The mathematics is that of `physics.solvers.enclosure`. Let û hold the fixed values, b ≥ 0 be 0 on
the fixed nodes, and d be at most the slopes of φ between û − b and û + b. A + d of the free nodes
is an M-matrix, and the comparison principle (Varga 2000, §3.5; Ciarlet 1970; Rheinboldt 1970) gives
|û − u| ≤ b if (A + d) b > |F(û)| on the free nodes.

Conjugate gradients in float32 solve (A + d) b = |F(û)| + ε, with a small ε > 0, until their
residual is below ε everywhere. Whatever they return, the inequality is then checked on every node
in float64, with an allowance for rounding (`equations`). So the bound is about the equations of the
medium as it is, without any rounding.

Without φ, d = 0. With φ, d is taken at û + radius, and the bound holds where no b is above the
radius. If one is, a larger radius follows, at last an infinite one: then d = 0, and b holds in any
case.
"""

import numpy as np
import tensorflow as tf

from diffkeras.physics.equations.finite_volumes import SLACK
from diffkeras.tf_solver.checks import LATTICE
from diffkeras.tf_solver.conjugate_gradients import TensorLinearSteps
from diffkeras.tf_solver.equations import TensorEquations
from diffkeras.tf_solver.problem import FixedNodes, all_finite, largest_of_each

# ε is the mean |F|, but at least this share of the largest, and NEGLIGIBLE where F is 0
LEAST_SURPLUS = 1e-3
NEGLIGIBLE = 1e-250
RESIDUAL_SHARE = 0.7  # of ε, at which conjugate gradients end
ATTEMPTS = 6
# the first radius is ENCLOSED times the estimated error, and each of RADII is WIDER than the last
ENCLOSED, WIDER, RADII = 16.0, 8.0, 4


class TensorEnclosure:
    """The proofs for a batch of problems."""

    def __init__(
        self, equations: TensorEquations, nodes: FixedNodes, steps: TensorLinearSteps
    ) -> None:
        self._equations, self._nodes, self._steps = equations, nodes, steps

    def bound(self, field: tf.Tensor) -> tf.Tensor:
        """b, (batch, rows, columns), at least |field − u| on the free nodes; infinite if none."""
        equations = self._equations
        residual, rounding = equations.residual(field)
        residual = (tf.abs(residual) + rounding) * SLACK
        mean = tf.reduce_mean(residual, LATTICE, keepdims=True)
        surplus = tf.maximum(
            tf.maximum(mean, LEAST_SURPLUS * largest_of_each(residual)), NEGLIGIBLE
        )
        wanted = tf.where(self._nodes.free, residual + surplus, 0.0)

        def attempt(
            barrier: tf.Tensor, radius: tf.Tensor, number: tf.Tensor, bound: tf.Tensor
        ) -> list[tf.Tensor]:
            slope = equations.least_slope(field + radius)
            remainder = wanted - equations.apply(barrier, slope)[0]
            levels = equations.levels(slope)
            barrier += self._steps.solve(levels, remainder, RESIDUAL_SHARE * surplus)
            barrier = tf.maximum(barrier, 0.0)
            applied, rounding = equations.apply(barrier, slope)
            # comparisons with NaN are false
            holds = (applied - rounding > residual) | ~self._nodes.free
            holds = tf.reduce_all(holds, LATTICE, keepdims=True) & all_finite(barrier)
            inside = largest_of_each(barrier) * SLACK <= radius
            bound = tf.where(tf.math.is_inf(bound) & holds & inside, barrier * SLACK, bound)
            number += tf.cast(holds & ~inside, number.dtype)
            radius = tf.where(holds & ~inside, WIDER * radius, radius)
            return [barrier, tf.where(number < RADII, radius, np.inf), number, bound]

        zeros = tf.zeros_like(residual)
        *_, bound = tf.while_loop(
            lambda *state: tf.reduce_any(tf.math.is_inf(state[-1])),
            attempt,
            [zeros, self._radius(field, residual), tf.zeros_like(surplus), zeros + np.inf],
            maximum_iterations=ATTEMPTS,
        )
        return tf.stop_gradient(bound)

    def _radius(self, field: tf.Tensor, residual: tf.Tensor) -> tf.Tensor:
        """The first radius, (batch, 1, 1)."""
        if not self._equations.saturates:
            return tf.zeros_like(largest_of_each(residual)) + np.inf
        levels = self._equations.levels(self._equations.slope(field))
        return ENCLOSED * largest_of_each(self._steps.cycle(levels, residual))
