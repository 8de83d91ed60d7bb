"""From a field to one whose proven bound is small enough, and bounds that include all rounding."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from diffkeras.graph.checks import LATTICE, checked
from diffkeras.graph.fields import UniformFields
from diffkeras.physics.linear.finite_volumes import SLACK

# TensorFlow takes numbers below the smallest normal ones for 0
TINY, TINY_DOUBLE = 2.0**-126, 2.0**-1022
MOST_ROUNDS = 20
CERTIFIED_SHARE = 0.1  # of a field's error, what the bound of its corrected field may be
STALLED_SHARE = 0.5  # of a bound, left by the last round
MARGIN = 1.01  # on the tolerance that an error promises: a run to it takes other steps

# from a field and its bound, to the largest bound that is small enough, (batch, 1, 1)
Permitted = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class TensorSolution(NamedTuple):
    """Fields with proven bounds of their errors, u being the exact solution of the lattice.

    Attributes:
        field: (batch, rows, columns); its fixed nodes hold their values.
        error_bound: (batch,), at least max |field − u|.
        node_bound: (batch, rows, columns), at least |field − u| node by node.
    """

    field: tf.Tensor
    error_bound: tf.Tensor
    node_bound: tf.Tensor


class TensorCertificate(NamedTuple):
    """Proven bounds of the errors of fields; see `diffkeras.Certificate`.

    Attributes:
        field: (batch, rows, columns), the input.
        error_bound, node_bound: as of a `TensorSolution`.
        corrected: the fields that the proofs compute, with bounds of their own; not always
            closer to the exact ones.
    """

    field: tf.Tensor
    error_bound: tf.Tensor
    node_bound: tf.Tensor
    corrected: TensorSolution


class _State(NamedTuple):
    """Fields and their bounds in float64, the largest one when it is returned, and who goes on."""

    field: tf.Tensor
    node_bound: tf.Tensor
    bound: tf.Tensor
    going_on: tf.Tensor


class TensorRun:
    """Fields (batch, rows, columns) in float64 of a batch of problems, and their proofs."""

    def __init__(self, fields: UniformFields) -> None:
        self._fields = fields

    def solution(self, dtype: tf.DType) -> TensorSolution:
        """The direct fields, of the precision of the transforms, in the type `dtype`."""
        field = tf.cast(self._fields.insert(self._fields.direct()), dtype)
        own = tf.cast(tf.cast(field, proof_type(dtype)), tf.float64)
        near = self._fields.corrected(own)
        proof = self._certificate(own, near, self._fields.node_bound(near), proof_type(dtype))
        return TensorSolution(field, proof.error_bound, proof.node_bound)

    def certify(self, prediction: tf.Tensor, dtype: tf.DType) -> TensorCertificate:
        """Bounds, in the type `dtype`, which are a small share above what was corrected."""
        prediction = tf.cast(tf.cast(prediction, dtype), tf.float64)

        def permitted(field: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
            share = CERTIFIED_SHARE * self._fields.change(prediction, field)
            return tf.where(self._fields.has_ring_systems, share, np.inf)

        # not in `dtype`, whose rounding is no part of the bound of the prediction
        state = self._improve(self._fields.corrected(prediction), permitted, tf.float64)
        return self._certificate(prediction, state.field, state.node_bound, dtype)

    def _certificate(
        self, prediction: tf.Tensor, field: tf.Tensor, bound: tf.Tensor, dtype: tf.DType
    ) -> TensorCertificate:
        """The proof of a prediction, which `dtype` holds, by a field and the bound of its error."""
        field = self._fields.insert(field)
        node_bound = tf.abs(prediction - field) + bound + TINY
        # also where the prediction is not finite
        node_bound = tf.where(tf.math.is_finite(node_bound), node_bound, np.inf)
        node_bound = rounded_up(node_bound, dtype)
        error_bound = tf.reduce_max(node_bound, LATTICE)
        corrected = _rounded(field, bound, dtype)
        return TensorCertificate(tf.cast(prediction, dtype), error_bound, node_bound, corrected)

    def solve(
        self,
        initial: tf.Tensor | None,
        tolerance: float | tf.Tensor,
        dtype: tf.DType,
        *,
        raises: bool,
    ) -> TensorSolution:
        """Fields from `initial`, or the direct ones, whose proven bounds meet the tolerance.

        `tolerance` is relative to the largest |value| of the field, one number or (batch,). With
        `raises`, an InvalidArgumentError follows where a bound is above it.
        """
        tolerance = _checked_tolerance(tolerance)

        def permitted(field: tf.Tensor, bound: tf.Tensor) -> tf.Tensor:
            """The tolerance times the least that the largest |value| of u may be.

            Where u is 0 or all nodes are fixed, what rounding leaves of 0 in float32.
            """
            size = self._fields.ring_size
            if self._fields.produces:
                size = tf.maximum(size, self._fields.size(field) - bound)
            return tf.where(size > 0, tolerance * size, 2 * TINY)

        start = self._fields.corrected(self._fields.direct() if initial is None else initial)
        state = self._improve(start, permitted, proof_type(dtype))
        field = self._fields.insert(state.field)
        if raises:
            most = permitted(state.field, state.bound)
            field = _met(field, state.bound, most, tolerance)
        return _rounded(field, state.node_bound, dtype)

    def _improve(self, field: tf.Tensor, permitted: Permitted, dtype: tf.DType) -> _State:
        """Fields and bounds, after improvements until these are permitted or stay as they are."""

        def state_of(field: tf.Tensor) -> _State:
            node_bound = self._fields.node_bound(field)
            returned = _rounded(self._fields.insert(field), node_bound, dtype)
            bound = tf.cast(returned.error_bound, tf.float64)[:, None, None]
            return _State(field, node_bound, bound, bound > permitted(field, bound))

        def go_on(state: _State) -> _State:
            improved = self._fields.improver()

            def one_round(*parts: tf.Tensor) -> _State:
                before = _State(*parts)
                after = state_of(improved(before.field))
                better = before.going_on & (after.bound < before.bound)
                lasting = better & (after.bound < STALLED_SHARE * before.bound) & after.going_on
                pairs = zip(after[:3], before[:3], strict=True)
                field, node_bound, bound = (tf.where(better, *pair) for pair in pairs)
                return _State(field, node_bound, bound, lasting)

            return tf.while_loop(
                lambda *parts: tf.reduce_any(_State(*parts).going_on),
                one_round,
                state,
                maximum_iterations=MOST_ROUNDS,
            )

        state = state_of(field)
        # ring systems are factorised only if an image needs them
        return tf.cond(tf.reduce_any(state.going_on), lambda: go_on(state), lambda: state)


def proof_type(dtype: tf.DType) -> tf.DType:
    """The type of bounds, and of the fields that they are about: float64 or float32."""
    return tf.float64 if dtype == tf.float64 else tf.float32


def rounded_up(bound: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """A float64 bound in another type, not less than it would be without rounding."""
    bound *= SLACK
    if dtype == tf.float64:
        return tf.maximum(bound, TINY_DOUBLE)
    lifted = tf.maximum(bound * (1 + 2.0**-23), TINY)
    return tf.cast(tf.where(bound > 0, lifted, bound), dtype)


def _rounded(field: tf.Tensor, bound: tf.Tensor, dtype: tf.DType) -> TensorSolution:
    """A float64 field in another type, with the bounds of its error, node by node.

    These are in the `proof_type`, and include the rounding of the field.
    """
    result = tf.cast(field, dtype)
    bound = tf.abs(tf.cast(result, tf.float64) - field) + bound
    # maxima may ignore NaN
    bound = rounded_up(tf.where(tf.math.is_finite(bound), bound, np.inf), proof_type(dtype))
    return TensorSolution(result, tf.reduce_max(bound, LATTICE), bound)


def _checked_tolerance(tolerance: float | tf.Tensor) -> tf.Tensor:
    """One number, or one for each image, (batch, 1, 1) or (1, 1, 1) in float64."""
    if not tf.is_tensor(tolerance):
        tolerance = np.asarray(tolerance, np.float64)
    tolerance = tf.reshape(tf.cast(tolerance, tf.float64), (-1, 1, 1))
    valid = tf.math.is_finite(tolerance) & (tolerance > 0)
    message = "the tolerance must be positive and finite, not"
    return checked(tolerance, tf.reduce_all(valid), message, tolerance)


def _met(field: tf.Tensor, bound: tf.Tensor, most: tf.Tensor, tolerance: tf.Tensor) -> tf.Tensor:
    """The field; an InvalidArgumentError if a bound, (batch, 1, 1), is above what it may be.

    The error has the smallest tolerance that can be promised for all images.
    """
    met = bound <= most
    needed = MARGIN * tolerance * bound / most
    needed = tf.where(tf.math.is_finite(needed), needed, np.inf)
    needed = tf.where(met, tf.zeros_like(needed), needed)
    return checked(
        field,
        tf.reduce_all(met),
        "the tolerance is too small; the smallest that can be promised is",
        tf.reduce_max(needed),
        "for these images, relative to the largest value, not",
        tf.reshape(tolerance, [-1]),
    )
