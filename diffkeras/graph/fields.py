"""Fields in uniform media by transforms, and bounds of their errors.

A field û of the problem u = c on the fixed nodes, Au = s on the others, gives the corrected field

    f = û − A⁻¹r,    r = Aû − s on the free nodes, 0 on the fixed ones.

It satisfies the equation on the free nodes, up to the rounding of the transforms, which are float32
in general. So its error is largest on the ring, the fixed nodes next to free ones. For any f,
however it was computed, the discrete maximum principle for M-matrices (Varga 2000, §3.5; Ciarlet
1970) bounds its error by its residuals,

    |f − u| ≤ B = max over the ring of |f − c| + ‖A_ff⁻¹‖∞ · max over the free nodes of |Af − s|.

f is a float64 array, the sum of û and float32 corrections. Both maxima are computed from it in
float64, with an allowance for rounding: Af − s is wrong by at most `STENCIL` unit roundoffs times
the sum of the |terms| (Higham 2002, §3.1). Fields of production, and of an operator that is
deflated, are corrected twice.

To meet a tolerance, and for bounds of û that are hardly larger than its error, f also needs the
right values on the ring, where its error is e = c − f. `RingSystems` solve G q = e, and A⁻¹(q − r)
is added to f: iterative refinement (Wilkinson 1963; Higham 2002, §12) with solutions in float32 and
residuals in float64.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from diffkeras.graph.checks import LATTICE
from diffkeras.graph.operator import TensorOperator
from diffkeras.graph.problem import ProblemTensors, all_finite, largest_of_each, power_of_two
from diffkeras.graph.ring import RingSystems
from diffkeras.nn.equation.equations import equations_of
from diffkeras.physics.linear.axis import least_barrier, longest_crossing
from diffkeras.physics.linear.finite_volumes import STENCIL, rounding_of

MOST_PAIRS = 2**25  # of ring nodes in a batch, 40 bytes each, up to which bounds are sharpened
# In two dimensions two sums are fewer than `STENCIL` counts: those with s and of |Af − s| and its
# rounding take their place
ROUNDING = rounding_of(STENCIL, np.float64)


class UniformFields:
    """Fields (batch, rows, columns) in float64 of a batch of problems, and their bounds.

    Attributes:
        produces: whether there is a production.
        ring_size: the largest |value| on the ring, (batch, 1, 1).
    """

    def __init__(self, operator: TensorOperator, problem: ProblemTensors) -> None:
        self._operator, self._problem = operator, problem
        self._singular = operator.is_singular and not problem.has_decays
        self.produces = problem.production is not None
        self._is_proven = problem.is_valid & problem.exact
        self._is_free, self._free = ~problem.fixed, tf.cast(~problem.fixed, tf.float64)
        self._any_ring = tf.reduce_any(problem.ring, LATTICE, keepdims=True)
        self.ring_size = largest_of_each(tf.where(problem.ring, problem.values, 0.0))
        rates = [tf.constant(rate, tf.float64, (1, 1, 1)) for rate in operator.couplings]
        ones = tf.ones((1, *operator.lattice), tf.float64)
        self._equations = equations_of(rates, problem.decay, operator.boundaries, ones)
        any_free = tf.reduce_any(self._is_free, LATTICE, keepdims=True)
        self._inverse_norm = tf.where(any_free, self._bound_inverse(), 0.0)

    @property
    def has_ring_systems(self) -> tf.Tensor:
        """Whether the ring systems of the batch are small enough for a proof."""
        if not self._problem.has_sources:
            return tf.constant(True)
        ring = tf.cast(self._problem.ring, tf.float64)
        most = tf.reduce_max(tf.concat([[0.0], tf.reduce_sum(ring, LATTICE)], 0))
        return tf.cast(tf.shape(ring)[0], tf.float64) * most**2 <= MOST_PAIRS

    def size(self, field: tf.Tensor) -> tf.Tensor:
        """The largest |value| of a field on the ring and the free nodes, (batch, 1, 1)."""
        return tf.maximum(self.ring_size, largest_of_each(tf.where(self._is_free, field, 0.0)))

    def change(self, initial: tf.Tensor, field: tf.Tensor) -> tf.Tensor:
        """The largest finite |initial − field|, and at most the largest |field|, (batch, 1, 1)."""
        change = tf.where(self._is_free & tf.math.is_finite(initial), initial - field, 0.0)
        return tf.stop_gradient(tf.minimum(largest_of_each(change), self.size(field)))

    def insert(self, field: tf.Tensor) -> tf.Tensor:
        """The field with the fixed nodes at their values; NaN where an image isn't valid."""
        return tf.where(self._is_free & self._problem.is_valid, field, self._problem.values)

    def direct(self) -> tf.Tensor:
        """The fields, as precise as the transforms' type."""
        production = self._problem.production
        if not self._problem.has_sources:
            return self._response(production)
        correction = self._ring_correction()
        if production is None:
            return correction(None, None)
        # If many nodes are fixed, the field of the production alone is far larger, so its density
        # and the ring's are inverted together. The ring, whose mismatch weighs most, is last.
        field = correction(self._response(production), -production)
        return field + correction(field, None)

    def corrected(self, initial: tf.Tensor) -> tf.Tensor:
        """The corrected field f of an initial one û, which may hold any numbers, also NaN.

        Without a ring f doesn't depend on û.
        """
        field = tf.where(self._any_ring, self._plausible(initial), 0.0)
        for _ in range(2 if self.produces or self._operator.is_deflated else 1):
            field = self._without_residual(self._centred(field))
        return self._centred(field) if self._singular else field

    def improver(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """A function from a field to a better one, whose ring systems are factorised once, here."""
        if not self._problem.has_sources:
            return self._without_residual
        correction = self._ring_correction()
        return lambda field: field + correction(field, self._residual(field))

    def _ring_correction(self) -> Callable[[tf.Tensor | None, tf.Tensor | None], tf.Tensor]:
        """What removes a field's mismatch on the ring, and a residual; None for 0 of either."""
        systems = RingSystems(self._operator, self._problem)

        def correction(field: tf.Tensor | None, residual: tf.Tensor | None) -> tf.Tensor:
            density, constant = systems.densities(field)
            if residual is not None:
                balanced, of_residual = self._balanced(residual)
                density, constant = density - balanced, constant - of_residual
            return self._inverse(density, constant)

        return correction

    def node_bound(self, field: tf.Tensor) -> tf.Tensor:
        """At least |field − u| of a field with the fixed values in it, (batch, rows, columns)."""
        residual, sizes = self._residual(field), self._equations.sizes(field)
        if self.produces:
            sizes += tf.abs(self._problem.production)
        bound = largest_of_each(self._mismatch(field))
        bound += tf.math.multiply_no_nan(
            self._inverse_norm, largest_of_each(tf.abs(residual) + ROUNDING * self._free * sizes)
        )
        # maxima may ignore NaN; on the ring and free nodes f is finite where the residual is
        bound = tf.where(all_finite(residual) & (bound >= 0), bound, np.inf)
        return tf.where(self._is_proven, tf.where(self._is_free, bound, 0.0), np.inf)

    def _plausible(self, initial: tf.Tensor) -> tf.Tensor:
        """A field of any numbers with 0 in place of those that are NaN or far from u.

        By the maximum principle |u| is at most the largest on the ring plus the production's.
        """
        most = self.ring_size
        if self.produces:
            most += tf.math.multiply_no_nan(
                self._inverse_norm, largest_of_each(self._problem.production)
            )
        return tf.where(tf.abs(initial) <= 3 * most, initial, 0.0)  # comparisons with NaN are false

    def _residual(self, field: tf.Tensor) -> tf.Tensor:
        """Af − s on the free nodes, 0 on the fixed ones."""
        result = self._equations.apply(field)
        return self._free * (result - self._problem.production if self.produces else result)

    def _mismatch(self, field: tf.Tensor) -> tf.Tensor:
        """c − f on the ring, 0 elsewhere."""
        return tf.where(self._problem.ring, self._problem.values - field, 0.0)

    def _without_residual(self, field: tf.Tensor) -> tf.Tensor:
        return field - self._response(self._residual(field))

    def _response(self, density: tf.Tensor) -> tf.Tensor:
        return self._inverse(*self._balanced(density))

    def _balanced(self, density: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A density of the free nodes to be inverted, and a constant to be added to its field.

        Where the operator is deflated, a density on the ring makes the sum 0, so that the constant
        mode, which only the values on the ring determine, stays as it is. Without a ring the
        constant follows from the sum.
        """
        operator = self._operator
        if not operator.is_deflated:
            return density, tf.zeros([], tf.float64)
        total = tf.reduce_sum(density, LATTICE, keepdims=True)
        ring = tf.cast(self._problem.ring, tf.float64)
        density -= tf.math.divide_no_nan(total, tf.reduce_sum(ring, LATTICE, keepdims=True)) * ring
        factor = tf.cast(operator.inverse_factor(self._problem.decay), tf.float64)
        factor = factor[:, None, None]
        return density, tf.math.divide_no_nan(tf.where(~self._any_ring, total, 0.0), factor)

    def _inverse(self, density: tf.Tensor, constant: tf.Tensor) -> tf.Tensor:
        """A⁻¹ of a density; where the operator is deflated, its field plus a constant."""
        # nothing overflows in the operator's precision
        scale = power_of_two(largest_of_each(density))
        scaled = tf.cast(density / scale, self._operator.dtype)
        field = scale * tf.cast(self._operator.inverse(scaled, self._problem.decay), tf.float64)
        return field + constant if self._operator.is_deflated else field

    def _centred(self, field: tf.Tensor) -> tf.Tensor:
        """The field plus a constant, with which positive and negative mismatch are alike.

        Only where the operator is deflated: there the constant is the least certain part.
        """
        if not self._operator.is_deflated:
            return field
        error = self._problem.values - field
        most = tf.reduce_max(tf.where(self._problem.ring, error, -np.inf), LATTICE, keepdims=True)
        least = tf.reduce_min(tf.where(self._problem.ring, error, np.inf), LATTICE, keepdims=True)
        return field + tf.where(self._any_ring, (most + least) / 2, 0.0)

    def _bound_inverse(self) -> tf.Tensor:
        """A bound of ‖A_ff⁻¹‖∞ by barriers (`physics.proofs`), (batch, 1, 1) or (1, 1, 1)."""
        operator = self._operator
        axes = operator.axes, operator.couplings
        bound = tf.minimum(1 / self._problem.decay, tf.constant(least_barrier(*axes), tf.float64))
        if not operator.is_deflated:
            return bound
        longest = longest_crossing(*axes)
        return tf.where(bound > longest, tf.minimum(bound, self._barrier_of_ring()), bound)

    def _barrier_of_ring(self) -> tf.Tensor:
        """The bound max ψ of a field ψ ≥ 0 with Aψ ≥ 1 on the free nodes, (batch, 1, 1).

        ψ is the response to unit density, whose sum the ring takes out again; infinite without one.
        """
        ring, equations = self._problem.ring, self._equations
        barrier = tf.zeros_like(self._problem.values)
        for _ in range(2):
            barrier += self._response(self._free * (1 - equations.apply(barrier)))
        lowest = tf.reduce_min(tf.where(ring, barrier, np.inf), LATTICE, keepdims=True)
        # adding a constant K adds γK: no harm where K ≥ 0
        barrier -= tf.where(self._problem.decay > 0, tf.minimum(lowest, 0.0), lowest)
        applied = self._free * (equations.apply(barrier) - ROUNDING * equations.sizes(barrier))
        finite = all_finite(applied)  # minima may ignore NaN
        least = tf.reduce_min(tf.where(self._is_free, applied, np.inf), LATTICE, keepdims=True)
        most = tf.reduce_max(tf.where(self._is_free, barrier, 0.0), LATTICE, keepdims=True)
        return tf.where(finite & (least > 0.5) & self._any_ring, most / least, np.inf)
