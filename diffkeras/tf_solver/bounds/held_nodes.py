"""The fixed nodes of a batch of problems, which hold their values in every field."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from diffkeras.physics.operators.axis import Axis
from diffkeras.tf_solver.images import LATTICE
from diffkeras.tf_solver.ring import ring_mask


class HeldNodes:
    """Which nodes are fixed, and at what.

    Attributes:
        free, ring: masks of the free nodes, and of the fixed nodes next to them.
        values: c on the fixed nodes, 0 elsewhere, (batch, rows, columns) float64; NaN everywhere
            where an image is not usable.
        usable: as of `TensorProblem`, (batch, 1, 1).
        any_ring: whether there is a ring, (batch, 1, 1).
    """

    def __init__(
        self, values: tf.Tensor, fixed: tf.Tensor, usable: tf.Tensor, axes: Sequence[Axis]
    ) -> None:
        """Of values (batch, rows, columns) float64, which are 0 where `fixed` is False."""
        self.usable = usable
        self.values = tf.where(usable, values, np.nan)
        self.free, self.ring = ~fixed, ring_mask(fixed, axes)
        self.any_ring = tf.reduce_any(self.ring, LATTICE, keepdims=True)

    def near(self, prediction: tf.Tensor, more: tf.Tensor | float = 0.0) -> tf.Tensor:
        """A prediction, which may hold any numbers, also NaN, as a field to begin with.

        By the maximum principle, u lies between the smallest and the largest of 0 and the values on
        the ring, ± `more` where there is a production. Numbers far outside only add rounding.
        """
        low, high = (
            bound(tf.where(self.ring, self.values, 0.0), LATTICE, keepdims=True)
            for bound in (tf.reduce_min, tf.reduce_max)
        )
        low, high = tf.minimum(low, 0.0) - more, tf.maximum(high, 0.0) + more
        span = high - low
        field = tf.where(tf.math.is_finite(prediction), prediction, 0.0)
        return tf.clip_by_value(field, low - span, high + span)

    def set_in(self, field: tf.Tensor) -> tf.Tensor:
        """The field with the fixed nodes at their values."""
        return tf.where(self.free, field, self.values)

    def known(self, field: tf.Tensor) -> tf.Tensor:
        """The field, NaN on all nodes of an image that is not usable."""
        return tf.where(self.usable, field, np.nan)

    def bounds_of(self, bound: tf.Tensor) -> tf.Tensor:
        """The bound of a field's error on the free nodes, as one on all, (batch, rows, columns)."""
        held = tf.where(self.usable, tf.zeros([], tf.float64), np.inf)
        return tf.where(self.free, tf.where(self.usable, bound, np.inf), held)


def largest(values: tf.Tensor) -> tf.Tensor:
    """The largest |value| of each image, (batch, 1, 1). XLA's ignores NaN."""
    return tf.reduce_max(tf.abs(values), LATTICE, keepdims=True)


def all_finite(values: tf.Tensor) -> tf.Tensor:
    """Whether all values of each image are finite, (batch, 1, 1)."""
    return tf.reduce_all(tf.math.is_finite(values), LATTICE, keepdims=True)
