"""The run of a batch of problems: from a field to one whose proven bound is small enough.

There are two kinds: by transforms in uniform media (`uniform`), and by Newton's method in all
others (`newton`). Each says how fields are made, improved and bounded. What is done with them until
a bound is small enough is the same for both, and stands here.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from diffkeras.tf_solver.checks import LATTICE, checked
from diffkeras.tf_solver.problem import FixedNodes
from diffkeras.tf_solver.results import (
    TINY,
    TensorCertificate,
    TensorSolution,
    proof_type,
    rounded,
    rounded_up,
)

MOST_ROUNDS = 20
STALLED_SHARE = 0.5  # of a bound, left by the last round

# from a field and its bound, to the largest bound that is small enough, (batch, 1, 1)
Permitted = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class _State(NamedTuple):
    """Fields and their bounds in float64, the largest one when it is returned, and who goes on."""

    field: tf.Tensor
    node_bound: tf.Tensor
    bound: tf.Tensor
    going_on: tf.Tensor


class TensorRun(ABC):
    """Fields (batch, rows, columns) in float64 of a batch of problems, and their proofs.

    Attributes:
        nodes: the fixed nodes.
        produces: whether there is a production, also of sides.
        margin: what the error of an unmet tolerance multiplies the bound by that was reached, for
            its advice: a run to another tolerance takes other steps.
    """

    nodes: FixedNodes
    produces: bool
    margin: float

    @abstractmethod
    def solution(self, dtype: tf.DType) -> TensorSolution:
        """Fields and bounds for callers who give no tolerance; fields are of type `dtype`."""

    @abstractmethod
    def start(self, initial: tf.Tensor | None, tolerance: tf.Tensor) -> tf.Tensor:
        """A field from which few improvements meet the tolerance, (batch, 1, 1).

        The initial one may hold any numbers, also NaN.
        """

    @abstractmethod
    def corrected(self, prediction: tf.Tensor, dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
        """A field nearer to the solution than a prediction of any numbers, and its `node_bound`.

        `dtype` is the type in which they are returned.
        """

    @abstractmethod
    def improver(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        """A function that improves a field.

        It takes the field and the share of its error that may remain, (batch, 1, 1), and returns a
        better field. What all calls of it need is prepared here, once.
        """

    @abstractmethod
    def node_bound(self, field: tf.Tensor) -> tf.Tensor:
        """At least |field − u| of a field with the fixed values in it, (batch, rows, columns)."""

    def differentiable(self, field: tf.Tensor) -> tf.Tensor:
        """The same field, with its derivatives.

        Here it is the field itself: all operations that led to it have derivatives.
        """
        return field

    def certify(self, prediction: tf.Tensor, dtype: tf.DType) -> TensorCertificate:
        """Bounds of the errors of fields, in the type `dtype`."""
        result = tf.cast(prediction, dtype)
        prediction = tf.cast(result, tf.float64)
        field, bound = self.corrected(prediction, dtype)
        field = self.nodes.insert(self.differentiable(field))
        node_bound = tf.abs(prediction - field) + bound + TINY
        # also where the prediction is not finite
        node_bound = tf.where(tf.math.is_finite(node_bound), node_bound, np.inf)
        node_bound = rounded_up(node_bound, dtype)
        error_bound = tf.reduce_max(node_bound, LATTICE)
        return TensorCertificate(result, error_bound, node_bound, rounded(field, bound, dtype))

    def solve(
        self,
        initial: tf.Tensor | None,
        tolerance: float | tf.Tensor,
        dtype: tf.DType,
        *,
        raises: bool,
    ) -> TensorSolution:
        """Fields whose proven bounds meet the tolerance.

        Args:
            initial: (batch, rows, columns) float64; None for a start at 0.
            tolerance: largest error relative to the largest |value| of the field; one number, or
                (batch,).
            dtype: of the fields; that of the bounds is its `proof_type`.
            raises: whether an InvalidArgumentError follows where a bound is above the tolerance.
        """
        tolerance = _checked_tolerance(tolerance)

        def permitted(field: tf.Tensor, bound: tf.Tensor) -> tf.Tensor:
            """The tolerance times the least that the largest |value| of u may be.

            Where u is 0 or all nodes are fixed, what rounding leaves of 0 in float32.
            """
            size = self.nodes.ring_size
            if self.produces:
                size = tf.maximum(size, self.nodes.size(field) - bound)
            return tf.where(size > 0, tolerance * size, 2 * TINY)

        state = self.improve(self.start(initial, tolerance), permitted, proof_type(dtype))
        field = self.nodes.insert(self.differentiable(state.field))
        if raises:
            most = permitted(state.field, state.bound)
            field = self._checked(field, state.bound, most, tolerance)
        return rounded(field, state.node_bound, dtype)

    def _checked(
        self, field: tf.Tensor, bound: tf.Tensor, most: tf.Tensor, tolerance: tf.Tensor
    ) -> tf.Tensor:
        """The field; an InvalidArgumentError if a bound, (batch, 1, 1), is above what it may be.

        The error has the smallest tolerance that can be promised for all images.
        """
        met = bound <= most
        needed = self.margin * tolerance * bound / most
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

    def improve(self, field: tf.Tensor, permitted: Permitted, dtype: tf.DType) -> _State:
        """Fields and bounds, after improvements until these are permitted or stay as they are."""

        def state_of(field: tf.Tensor) -> _State:
            node_bound = self.node_bound(field)
            returned = rounded(self.nodes.insert(field), node_bound, dtype)
            bound = tf.cast(returned.error_bound, tf.float64)[:, None, None]
            return _State(field, node_bound, bound, bound > permitted(field, bound))

        def go_on(state: _State) -> _State:
            improved = self.improver()

            def one_round(*parts: tf.Tensor) -> _State:
                before = _State(*parts)
                needed = permitted(before.field, before.bound) / before.bound
                after = state_of(improved(before.field, tf.where(before.going_on, needed, 1.0)))
                better = before.going_on & (after.bound < before.bound)
                lasting = better & (after.bound < STALLED_SHARE * before.bound) & after.going_on
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
        return tf.cond(tf.reduce_any(state.going_on), lambda: go_on(state), lambda: state)


def _checked_tolerance(tolerance: float | tf.Tensor) -> tf.Tensor:
    """One number, or one for each image, (batch, 1, 1) or (1, 1, 1) in float64."""
    if not tf.is_tensor(tolerance):
        tolerance = np.asarray(tolerance, np.float64)
    tolerance = tf.reshape(tf.cast(tolerance, tf.float64), (-1, 1, 1))
    valid = tf.math.is_finite(tolerance) & (tolerance > 0)
    message = "the tolerance must be positive and finite, not"
    return checked(tolerance, tf.reduce_all(valid), message, tolerance)
