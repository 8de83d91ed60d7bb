"""Certificates in a TensorFlow graph: corrected fields, and proven bounds of their errors.

The mathematics is that of `physics.bounds.certificate`. A prediction û of the problem u = c on the
fixed nodes, Au = s on the others, gives the corrected field

    f = û − A⁻¹r,    r = Aû − s on the free nodes, 0 on the fixed ones.

Transforms are float32 in general, so f satisfies the equation only nearly. But for any f, and
however it was computed, the discrete maximum principle for M-matrices (Varga 2000, §3.5; Ciarlet
1970) bounds its error by what it misses,

    |f − u| ≤ B = max over the ring of |f − c| + ‖A_ff⁻¹‖∞ · max over the free nodes of |Af − s|.

So f is a float64 array, the sum of the prediction and float32 corrections. Both maxima are computed
from it in float64, where the stencil costs little. What its own rounding can hide is
`Stencil.rounding`, derived in `physics.bounds.rounding`; it is added to |Af − s|. The field that is
returned is f rounded to its type, and the distance between the two is measured and added, too.

One correction leaves a residual of about 1e-6 · a · |A⁻¹r|, from the float32 transforms. With fixed
values this is far below the mismatch on the ring. Fields of production, and those of an operator
that is deflated, are corrected twice.

Bounds are rounded up: first by a share of 16 ε for the roundings of the last float64 operations,
then to float32.
"""

from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from diffkeras.tf_solver.bounds.held_nodes import HeldNodes, all_finite, largest
from diffkeras.tf_solver.images import LATTICE
from diffkeras.tf_solver.operator import TensorOperator
from diffkeras.tf_solver.problem import TensorProblem
from diffkeras.tf_solver.stencil import Stencil

SLACK = 1 + 16 * float(np.finfo(np.float64).eps)
TINY = 2.0**-126  # smallest normal float32; TensorFlow takes smaller numbers for 0
TINY_DOUBLE = 2.0**-1022  # and of float64


class TensorCertificate(NamedTuple):
    """Corrected fields with proven bounds; see `diffkeras.Certificate`.

    Attributes:
        field: (batch, rows, columns), the corrected field; its fixed nodes hold their values.
        error_bound: (batch,), at least max |field − u|, u being the exact solution of the lattice
            equation.
        node_bound: (batch, rows, columns), at least |prediction − u| node by node.
    """

    field: tf.Tensor
    error_bound: tf.Tensor
    node_bound: tf.Tensor


class Correction:
    """Corrects float64 fields (batch, rows, columns) of a batch of problems, and bounds errors.

    Attributes:
        nodes: the free and the fixed nodes.
        produces: whether there is a production.
    """

    def __init__(self, operator: TensorOperator, problem: TensorProblem) -> None:
        self._operator, self._decays = operator, problem.decays
        self._singular = operator.deflated and operator.decay == 0 and problem.decays is None
        self._stencil = Stencil(operator, problem.decays)
        self._supply = problem.production
        self.produces = self._supply is not None
        if problem.images is None:
            values, fixed = tf.zeros_like(self._supply), tf.zeros_like(self._supply, tf.bool)
        else:
            values, fixed = problem.images, problem.fixed
        self.nodes = HeldNodes(values, fixed, problem.usable, operator.axes)
        self._inverse_norm = tf.where(
            tf.reduce_any(self.nodes.free, LATTICE, keepdims=True), self._bound_inverse(), 0.0
        )

    def start(self, prediction: tf.Tensor) -> tf.Tensor:
        """The corrected field f of a prediction, which may hold any numbers, also NaN.

        Without a ring f doesn't depend on the prediction.
        """
        most: tf.Tensor | float = 0.0
        if self.produces:
            most = tf.math.multiply_no_nan(self._inverse_norm, largest(self._supply))
        field = tf.where(self.nodes.any_ring, self.nodes.near(prediction, most), 0.0)
        twice = self.produces or self._operator.deflated
        for _ in range(2 if twice else 1):
            field = self.corrected(self._centred(field))
        return self.nodes.known(self._centred(field) if self._singular else field)

    def residual(self, field: tf.Tensor) -> tf.Tensor:
        """Af − s on the free nodes, 0 on the fixed ones."""
        residual = self._stencil.apply(field)
        if self.produces:
            residual -= self._supply
        return tf.where(self.nodes.free, residual, 0.0)

    def mismatch(self, field: tf.Tensor) -> tf.Tensor:
        """c − f on the ring, 0 elsewhere."""
        return tf.where(self.nodes.ring, self.nodes.values - field, 0.0)

    def bound(self, field: tf.Tensor) -> tf.Tensor:
        """B, at least |f − u| on the free nodes, (batch, 1, 1)."""
        residual = self.residual(field)
        missed = largest(residual) + self._stencil.rounding(field)
        bound = largest(self.mismatch(field))
        bound += tf.math.multiply_no_nan(self._inverse_norm, missed)
        # maxima may ignore NaN; on the ring and free nodes f is finite where the residual is
        return tf.where(all_finite(residual) & (bound >= 0), bound, np.inf)

    def node_bound(self, field: tf.Tensor) -> tf.Tensor:
        """At least |f − u| of the field with the fixed values in it, (batch, rows, columns)."""
        return self.nodes.bounds_of(self.bound(field))

    def corrected(self, field: tf.Tensor) -> tf.Tensor:
        """The field without its residual, by one transform pair."""
        return field - self._response(self.residual(field))

    def balanced(self, density: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A density of the free nodes to be inverted, and a constant to be added to its field.

        Where the operator is deflated, what it gets on the ring makes its sum 0, so that the
        constant mode, which only the values on the ring determine, stays as it is. Without a ring
        the constant is that of the sum.
        """
        operator = self._operator
        if not operator.deflated:
            return density, tf.zeros([], tf.float64)
        total = tf.reduce_sum(density, LATTICE, keepdims=True)
        ring = tf.cast(self.nodes.ring, tf.float64)
        density -= tf.math.divide_no_nan(total, tf.reduce_sum(ring, LATTICE, keepdims=True)) * ring
        factor = tf.reshape(tf.cast(operator.inverse_factor(self._decays), tf.float64), (-1, 1, 1))
        return density, tf.math.divide_no_nan(tf.where(~self.nodes.any_ring, total, 0.0), factor)

    def inverse(self, density: tf.Tensor) -> tf.Tensor:
        """A⁻¹, of the deflated operator where it is, in whose precision nothing overflows."""
        size = tf.stop_gradient(largest(density))
        size = tf.where(size > 0, size, 1.0)
        scaled = tf.cast(density / size, self._operator.dtype)
        return size * tf.cast(self._operator.inverse(scaled, self._decays), tf.float64)

    def _response(self, density: tf.Tensor) -> tf.Tensor:
        balanced, constant = self.balanced(density)
        return self.inverse(balanced) + constant

    def _centred(self, field: tf.Tensor) -> tf.Tensor:
        """The field plus a constant, with which positive and negative mismatch are alike.

        Only where the operator is deflated: there the constant is the least certain part.
        """
        if not self._operator.deflated:
            return field
        error = self.nodes.values - field
        largest = tf.reduce_max(tf.where(self.nodes.ring, error, -np.inf), LATTICE, keepdims=True)
        smallest = tf.reduce_min(tf.where(self.nodes.ring, error, np.inf), LATTICE, keepdims=True)
        return field + tf.where(self.nodes.any_ring, (largest + smallest) / 2, 0.0)

    def _bound_inverse(self) -> tf.Tensor:
        """A bound of ‖A_ff⁻¹‖∞ [time], (batch, 1, 1) or (1, 1, 1)."""
        stencil = self._stencil
        bound = stencil.inverse_norm
        if not self._operator.deflated:
            return bound
        return tf.where(bound > stencil.crossing_time, tf.minimum(bound, self._drained()), bound)

    def _drained(self) -> tf.Tensor:
        """The bound max ψ of a field ψ ≥ 0 with Aψ ≥ 1 on the free nodes, (batch, 1, 1).

        It is the response to unit density, whose sum the ring takes out again; infinite without a
        ring. `physics.bounds.rounding` has the same.
        """
        stencil = self._stencil
        barrier = tf.zeros_like(self.nodes.values)
        for _ in range(2):
            missed = tf.where(self.nodes.free, 1.0 - stencil.apply(barrier), 0.0)
            barrier += self._response(missed)
        lowest = tf.reduce_min(tf.where(self.nodes.ring, barrier, np.inf), LATTICE, keepdims=True)
        # adding a constant K adds γK: no harm where K ≥ 0
        barrier -= tf.where(stencil.decay > 0, tf.minimum(lowest, 0.0), lowest)
        applied = stencil.apply(barrier)
        finite = all_finite(applied)  # minima may ignore NaN
        applied = tf.where(self.nodes.free, applied, np.inf)
        least = tf.reduce_min(applied, LATTICE, keepdims=True) - stencil.rounding(barrier)
        largest = tf.reduce_max(tf.where(self.nodes.free, barrier, 0.0), LATTICE, keepdims=True)
        return tf.where(finite & (least > 0.5) & self.nodes.any_ring, largest / least, np.inf)


class Corrects(Protocol):
    """What proofs need of a `Correction`."""

    nodes: HeldNodes
    produces: bool

    def start(self, prediction: tf.Tensor) -> tf.Tensor: ...  # noqa: D102
    def corrected(self, field: tf.Tensor) -> tf.Tensor: ...  # noqa: D102
    def node_bound(self, field: tf.Tensor) -> tf.Tensor: ...  # noqa: D102


def certify(correction: Corrects, prediction: tf.Tensor, dtype: tf.DType) -> TensorCertificate:
    """Correct predictions (batch, rows, columns) float64 and bound the errors of both.

    The results have the type `dtype`.
    """
    field = correction.start(prediction)
    bound = correction.node_bound(field)
    field = correction.nodes.set_in(field)
    node_bound = tf.abs(prediction - field) + bound + TINY
    # also where the prediction is not finite
    node_bound = tf.where(tf.math.is_finite(node_bound), node_bound, np.inf)
    rounded, error_bound = returned(field, bound, dtype)
    return TensorCertificate(rounded, upward(error_bound, dtype), upward(node_bound, dtype))


def returned(field: tf.Tensor, bound: tf.Tensor, dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
    """A float64 field in another type, and the bound of its error (batch,) in float64."""
    rounded = tf.cast(field, dtype)
    error = tf.abs(tf.cast(rounded, tf.float64) - field) + bound
    # maxima may ignore NaN
    known = tf.reduce_all(tf.math.is_finite(error), LATTICE)
    return rounded, tf.where(known, tf.reduce_max(error, LATTICE), np.inf)


def upward(bound: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """A float64 bound in another type, not less than it would be without rounding."""
    bound *= SLACK
    if dtype == tf.float64:
        return tf.maximum(bound, TINY_DOUBLE)
    lifted = tf.maximum(bound * (1 + 2.0**-23), TINY)
    return tf.cast(tf.where(bound > 0, lifted, bound), dtype)
