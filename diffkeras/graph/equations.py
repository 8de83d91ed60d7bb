"""The lattice equations F(u) = A u − s = 0 of a batch in a uniform medium, with their rounding.

A is that of finite volumes (`physics.equations.finite_volumes`),
(A u)_i = σ_i u_i + Σ κ_ik (u_i − u_k), in float64. s is the production, which is optional.
Everything is divided by the medium's `unit`, a power of 2 near the largest D/h².

The result is wrong by at most `ROUNDINGS` unit roundoffs times
m = σ |u_i| + Σ κ |u_i − u_k| + |s_i| (Higham 2002, §3.1).
"""

import numpy as np
import tensorflow as tf

from diffkeras.graph.problem import ProblemTensors
from diffkeras.nn.equation.equations import equations_of, following, previous
from diffkeras.physics import Medium
from diffkeras.physics.equations.finite_volumes import rounding_of

# As `EQUATION` there, but coefficients are computed from the medium and its sides: each of the at
# most seven terms goes through at most eight roundings (a difference, a product and six sums), each
# coefficient through twelve, and four more cover the computed sizes and the sum of |F| and its
# rounding.
ROUNDINGS = 24
ROUNDING = rounding_of(ROUNDINGS, np.float64)


class TensorEquations:
    """F of the free nodes of each image.

    Attributes:
        production: s, (batch, rows, columns) or None.
    """

    def __init__(self, lattice: tuple[int, int], medium: Medium, problem: ProblemTensors) -> None:
        rate = 1 / (medium.step * medium.step * medium.unit)
        rates = [
            tf.constant(float(part) * rate, tf.float64, shape=(1, 1, 1))
            for part in medium.diffusivities
        ]
        ones = tf.ones((1, *lattice), tf.float64)
        self._all = equations_of(rates, problem.decay, medium.side_kinds, ones)
        self.production = problem.production
        if problem.fixed is None:
            self._free = tf.ones_like(problem.production)
        else:
            self._free = tf.cast(~problem.fixed, tf.float64)

    def residual(self, field: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """F(u), 0 on the fixed nodes, and the bound of its rounding."""
        result, magnitude = self._apply_with_sizes(field)
        if self.production is not None:
            result, magnitude = result - self.production, magnitude + tf.abs(self.production)
        return self._on_free(result, magnitude)

    def apply(self, field: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A u, 0 on the fixed nodes, and the bound of its rounding."""
        return self._on_free(*self._apply_with_sizes(field))

    def _apply_with_sizes(self, field: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A u by differences, which lose no digits, and the sum of the sizes of its terms."""
        result = self._all.row_sums * field
        magnitude = tf.abs(result)
        for axis, coupling in enumerate(self._all.couplings, 1):
            flow = coupling * (field - following(field, axis))
            back = previous(flow, axis)
            result += flow - back
            magnitude += tf.abs(flow) + tf.abs(back)
        return result, magnitude

    def _on_free(self, values: tf.Tensor, magnitude: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self._free * values, ROUNDING * self._free * magnitude
