"""What the solver returns: fields with proven bounds, and how these are rounded."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from diffkeras.graph.checks import LATTICE
from diffkeras.physics.equations.finite_volumes import SLACK

# TensorFlow takes numbers below the smallest normal ones for 0
TINY, TINY_DOUBLE = 2.0**-126, 2.0**-1022


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
        corrected: the fields that the proofs compute, with bounds of their own; not always
            closer to the exact ones.
    """

    field: tf.Tensor
    error_bound: tf.Tensor
    node_bound: tf.Tensor
    corrected: TensorSolution


def rounded(field: tf.Tensor, bound: tf.Tensor, dtype: tf.DType) -> TensorSolution:
    """A float64 field in another type, with the bounds of its error, node by node.

    These are in the `proof_type`, and include the rounding of the field.
    """
    result = tf.cast(field, dtype)
    bound = tf.abs(tf.cast(result, tf.float64) - field) + bound
    # maxima may ignore NaN
    bound = rounded_up(tf.where(tf.math.is_finite(bound), bound, np.inf), proof_type(dtype))
    return TensorSolution(result, tf.reduce_max(bound, LATTICE), bound)


def rounded_up(bound: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """A float64 bound in another type, not less than it would be without rounding."""
    bound *= SLACK
    if dtype == tf.float64:
        return tf.maximum(bound, TINY_DOUBLE)
    lifted = tf.maximum(bound * (1 + 2.0**-23), TINY)
    return tf.cast(tf.where(bound > 0, lifted, bound), dtype)


def proof_type(dtype: tf.DType) -> tf.DType:
    """The type of bounds, and of the fields that they are about: float64 or float32."""
    return tf.float64 if dtype == tf.float64 else tf.float32
