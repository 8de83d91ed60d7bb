"""The lattice equations F(u) = A u + φ(u) − s = 0 of a batch, in float64, with their rounding.

A is that of finite volumes (`physics.equations.finite_volumes`),
(A u)_i = σ_i u_i + Σ κ_ik (u_i − u_k). φ is a saturating uptake, v u/(K + u), continued by its
tangent below 0, and s the production. Both are optional. Everything is divided by the medium's
`unit`, a power of 2 near the largest D/h².

The result is wrong by at most `ROUNDINGS` unit roundoffs times
m = σ |u_i| + Σ κ |u_i − u_k| + |φ(u_i)| + |s_i| (Higham 2002, §3.1).
"""

import numpy as np
import tensorflow as tf

from diffkeras.nn.equation.equations import (
    LinearEquations,
    Uptake,
    equations_of,
    following,
    given_terms,
    previous,
)
from diffkeras.nn.equation.multigrid import FACTOR, Level, hierarchy
from diffkeras.physics import Medium
from diffkeras.physics.equations.finite_volumes import EPSILON, rounding_of
from diffkeras.tf_solver.problem import ProblemTensors

# As `EQUATION` there, but coefficients are computed from the medium and its sides: each of the at
# most seven terms goes through at most eight roundings (a difference, a product and six sums), each
# coefficient through twelve, and four more cover the denominator, the computed sizes and the sum of
# |F| and its rounding. Slopes of uptake go through at most twelve.
ROUNDINGS = 24
ROUNDING = rounding_of(ROUNDINGS, np.float64)
LEAST_SLOPE = 1 - 16 * EPSILON


class TensorEquations:
    """F of the free nodes of each image.

    The medium is the one as given; the numbers of the problem are divided by its `unit` already.

    Attributes:
        production: s, also that of sides with a value or a flux, (batch, rows, columns) or None.
        saturates: whether there is a φ.
    """

    def __init__(self, lattice: tuple[int, int], medium: Medium, problem: ProblemTensors) -> None:
        media, ones = problem.media, tf.ones((1, *lattice), tf.float64)
        diffusivities = [
            media.get("diffusivity", tf.constant(np.atleast_2d(part)[None], tf.float64))
            for part in medium.diffusivities
        ]
        decay = media.get("decay", tf.constant(medium.decay / medium.unit, tf.float64))
        parts = [] if problem.production is None else [problem.production]
        for drained, supplied in given_terms(medium.sides, diffusivities, medium.step, ones):
            decay += drained / medium.unit
            parts.append(supplied / medium.unit)
        rate = 1 / (medium.step * medium.step * medium.unit)
        rates = [part * rate for part in diffusivities]
        self._all = equations_of(rates, decay, medium.side_kinds, ones)
        self._levels: list[Level] = []
        self.saturates = "uptake" in media
        if self.saturates:
            self._uptake = Uptake(media["uptake"], media["saturation"])
        self.production = sum(parts) if parts else None
        self._production_size = sum(map(tf.abs, parts))
        if problem.fixed is None:
            self._free = tf.ones_like(problem.production)
        else:
            self._free = tf.cast(~problem.fixed, tf.float64)

    def residual(self, field: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """F(u), 0 on the fixed nodes, and the bound of its rounding."""
        result, magnitude = _apply_with_sizes(self._all, field)
        if self.saturates:
            rate = self._uptake.rate(field)
            result, magnitude = result + rate, magnitude + tf.abs(rate)
        if self.production is not None:
            result, magnitude = result - self.production, magnitude + self._production_size
        return self._on_free(result, magnitude)

    def apply(
        self, field: tf.Tensor, slope: tf.Tensor | float = 0.0
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """(A + d) u of slopes d, 0 on the fixed nodes, and the bound of its rounding."""
        return self._on_free(*_apply_with_sizes(self._operator_at(slope), field))

    def slope(self, field: tf.Tensor) -> tf.Tensor | float:
        """dφ/du, (batch, rows, columns); 0 without φ."""
        return self._uptake.slope(field) if self.saturates else 0.0

    def least_slope(self, upper: tf.Tensor) -> tf.Tensor | float:
        """At most the slopes of φ up to `upper`: the last one, as φ is concave."""
        return LEAST_SLOPE * self.slope(upper)

    def levels(self, slope: tf.Tensor | float) -> list[Level]:
        """Of multigrid for A + d on the free nodes, in float32; without φ always the same ones."""
        if self.saturates:
            return self._levels_at(slope)
        self._levels = self._levels or self._levels_at(0.0)
        return self._levels

    def _levels_at(self, slope: tf.Tensor | float) -> list[Level]:
        shape, equations = tf.shape(self._free), self._operator_at(slope)
        parts = [
            tf.broadcast_to(tf.cast(part, tf.float32), shape)
            for part in (*equations.couplings, equations.row_sums)
        ]
        free = tf.cast(self._free, tf.float32)
        # the coarsest have at most 3 nodes a side
        count = max(max(free.shape[1:]).bit_length() - 1, 1)
        own = LinearEquations((parts[0], parts[1]), parts[2]).among(free)
        return hierarchy(own, [FACTOR] * (count - 1), count)

    def _operator_at(self, slope: tf.Tensor | float) -> LinearEquations:
        return self._all._replace(row_sums=self._all.row_sums + slope)

    def _on_free(self, values: tf.Tensor, magnitude: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self._free * values, ROUNDING * self._free * magnitude


def _apply_with_sizes(equations: LinearEquations, field: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A u by differences, which lose no digits, and the sum of the sizes of its terms."""
    result = equations.row_sums * field
    magnitude = tf.abs(result)
    for axis, coupling in enumerate(equations.couplings, 1):
        flow = coupling * (field - following(field, axis))
        back = previous(flow, axis)
        result += flow - back
        magnitude += tf.abs(flow) + tf.abs(back)
    return result, magnitude
