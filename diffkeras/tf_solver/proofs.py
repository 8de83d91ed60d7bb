"""Fields with proven bounds of their errors, in all media."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from diffkeras.tf_solver.checks import LATTICE, checked
from diffkeras.tf_solver.newton import TensorNewtonRun
from diffkeras.tf_solver.problem import largest
from diffkeras.tf_solver.uniform import UniformRun

SLACK = 1 + 16 * float(np.finfo(np.float64).eps)  # covers the last operations on a float64 bound
# TensorFlow takes numbers below the smallest normal ones for 0
TINY, TINY_DOUBLE = 2.0**-126, 2.0**-1022
MOST_ROUNDS = 20
# a corrected field is improved until its bound is this share of the input field's error
SHARP = 0.5
STALLED = 0.5  # a round that leaves more than this share of a bound is the last one


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
        error_bound: (batch,), at least max |field − u|.
        node_bound: (batch, rows, columns), at least |field − u| node by node.
        corrected: improved fields, with bounds of their own.
    """

    field: tf.Tensor
    error_bound: tf.Tensor
    node_bound: tf.Tensor
    corrected: TensorSolution


TensorRun = UniformRun | TensorNewtonRun


def certify(run: TensorRun, prediction: tf.Tensor, dtype: tf.DType) -> TensorCertificate:
    """Bounds of fields (batch, rows, columns) float64, in the type `dtype`."""
    rounded = tf.cast(prediction, dtype)
    prediction = tf.cast(rounded, tf.float64)
    field = run.corrected(prediction)
    if isinstance(run, TensorNewtonRun):

        def permitted(field: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
            return SHARP * run.change(prediction, field)

        field, bound = _improve(run, field, permitted, dtype)
    else:
        bound = run.node_bound(field)
    field = run.nodes.insert(run.differentiable(field))
    node_bound = tf.abs(prediction - field) + bound + TINY
    # also where the prediction is not finite
    node_bound = tf.where(tf.math.is_finite(node_bound), node_bound, np.inf)
    node_bound = rounded_up(node_bound, dtype)
    error_bound = tf.reduce_max(node_bound, LATTICE)
    return TensorCertificate(rounded, error_bound, node_bound, _rounded(field, bound, dtype))


def solve_within(
    run: TensorRun, initial: tf.Tensor | None, tolerance: tf.Tensor, dtype: tf.DType, raises: bool
) -> TensorSolution:
    """Fields whose proven bounds meet the tolerance.

    Args:
        run: of the problems.
        initial: (batch, rows, columns) float64; None for a start at 0.
        tolerance: largest error relative to the largest |value| of the field; one number, or
            (batch,).
        dtype: of the results.
        raises: whether an InvalidArgumentError follows where a bound is above the tolerance.
    """
    if not tf.is_tensor(tolerance):
        tolerance = np.asarray(tolerance, np.float64)
    tolerance = tf.reshape(tf.cast(tolerance, tf.float64), (-1, 1, 1))
    valid = tf.math.is_finite(tolerance) & (tolerance > 0)
    message = "the tolerance must be positive and finite, not"
    tolerance = checked(tolerance, tf.reduce_all(valid), message, tolerance)

    def permitted(field: tf.Tensor, bound: tf.Tensor) -> tf.Tensor:
        """The tolerance times the least that the largest |value| of u may be."""
        size = run.nodes.ring_size
        if run.produces:
            size = tf.maximum(size, run.nodes.size(field) - bound)
        return tolerance * size

    field, node_bound = _improve(run, run.start(initial, tolerance), permitted, dtype)
    bound = largest(_returned_bound(run, field, node_bound, dtype))
    most = permitted(field, bound)
    field = run.nodes.insert(run.differentiable(field))
    if raises:
        met = bound <= most
        needed = run.margin * tolerance * bound / most
        needed = tf.where(tf.math.is_finite(needed), needed, np.inf)
        needed = tf.where(met, tf.zeros_like(needed), needed)
        field = checked(
            field,
            tf.reduce_all(met),
            "the tolerance is too small; the smallest that can be promised is",
            tf.reduce_max(needed),
            "for these images, relative to the largest value, not",
            tf.reshape(tolerance, [-1]),
        )
    return _rounded(field, node_bound, dtype)


class _State(NamedTuple):
    """Fields and their bounds in float64, the largest one when it is returned, and who goes on."""

    field: tf.Tensor
    node_bound: tf.Tensor
    bound: tf.Tensor
    going_on: tf.Tensor


def _improve(
    run: TensorRun,
    field: tf.Tensor,
    permitted: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    dtype: tf.DType,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Fields improved until their bounds are permitted, or nothing is left to gain, and bounds."""

    def state_of(field: tf.Tensor) -> _State:
        node_bound = run.node_bound(field)
        bound = largest(_returned_bound(run, field, node_bound, dtype))
        return _State(field, node_bound, bound, bound > permitted(field, bound))

    def go_on(state: _State) -> _State:
        improved = run.improver()

        def one_round(*parts: tf.Tensor) -> _State:
            before = _State(*parts)
            needed = permitted(before.field, before.bound) / before.bound
            after = state_of(improved(before.field, tf.where(before.going_on, needed, 1.0)))
            better = before.going_on & (after.bound < before.bound)
            lasting = better & (after.bound < STALLED * before.bound) & after.going_on
            return _State(
                tf.where(better, after.field, before.field),
                tf.where(better, after.node_bound, before.node_bound),
                tf.where(better, after.bound, before.bound),
                lasting,
            )

        return tf.while_loop(
            lambda *parts: tf.reduce_any(_State(*parts).going_on),
            one_round,
            state,
            maximum_iterations=MOST_ROUNDS,
        )

    state = state_of(field)
    # ring systems are factorised only if an image needs them
    state = tf.cond(tf.reduce_any(state.going_on), lambda: go_on(state), lambda: state)
    return state.field, state.node_bound


def _returned_bound(
    run: TensorRun, field: tf.Tensor, node_bound: tf.Tensor, dtype: tf.DType
) -> tf.Tensor:
    """The bound of what is returned of a field, (batch, rows, columns) float64."""
    returned = _rounded(run.nodes.insert(field), node_bound, dtype)
    return tf.cast(returned.node_bound, tf.float64)


def _rounded(field: tf.Tensor, bound: tf.Tensor, dtype: tf.DType) -> TensorSolution:
    """A float64 field with the bounds of its error, node by node, in another type."""
    rounded = tf.cast(field, dtype)
    bound = tf.abs(tf.cast(rounded, tf.float64) - field) + bound
    # maxima may ignore NaN
    bound = rounded_up(tf.where(tf.math.is_finite(bound), bound, np.inf), dtype)
    return TensorSolution(rounded, tf.reduce_max(bound, LATTICE), bound)


def rounded_up(bound: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """A float64 bound in another type, not less than it would be without rounding."""
    bound *= SLACK
    if dtype == tf.float64:
        return tf.maximum(bound, TINY_DOUBLE)
    lifted = tf.maximum(bound * (1 + 2.0**-23), TINY)
    return tf.cast(tf.where(bound > 0, lifted, bound), dtype)
