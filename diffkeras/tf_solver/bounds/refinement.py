"""Refinement in a TensorFlow graph: from predicted fields to a proven tolerance, in batches.

The corrected field f of `certificate` misses the values on the ring by e = c − f, and the equation
by a residual r that float32 transforms left. A round removes both: it solves the dense ring systems
G q = e by the Cholesky factors of `RingSystem`, and adds A⁻¹(q − r) to f, one transform pair. That
is iterative refinement (Wilkinson 1963; Higham 2002, §12): solutions in float32, what is missed in
float64. So one round reduces the error to about the precision of the factors, 1e-4 to 1e-6, and two
or three reach what float32 fields can hold. Factors are only computed if a tolerance is not met by
the correction alone. `physics.bounds.refinement` takes rounds of conjugate gradients instead, which
are slower in batches wherever the systems fit into memory (about 40 m² bytes for m ring nodes).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from diffkeras.tf_solver.bounds.certificate import Correction, Corrects, returned, upward
from diffkeras.tf_solver.images import LATTICE, checked
from diffkeras.tf_solver.operator import TensorOperator
from diffkeras.tf_solver.problem import TensorProblem
from diffkeras.tf_solver.ring import RingSystem, find_rings

MOST_ROUNDS = 20
MARGIN = 1.01  # the tolerance that a message names can surely be promised


class TensorRefinement(NamedTuple):
    """Fields with proven error bounds; see `diffkeras.Refinement`.

    Attributes:
        field: (batch, rows, columns); its fixed nodes hold their values.
        error_bound: (batch,), at least max |field − u|, u being the exact solution of the lattice
            equation.
        rounds: (batch,) int32, rounds after the first correction.
    """

    field: tf.Tensor
    error_bound: tf.Tensor
    rounds: tf.Tensor


class _State(NamedTuple):
    """Fields in float64, the bounds of what is returned of them, and which images go on."""

    field: tf.Tensor
    bound: tf.Tensor
    rounds: tf.Tensor
    going_on: tf.Tensor


Improve = Callable[[tf.Tensor], tf.Tensor]


def refine(
    correction: Corrects,
    prediction: tf.Tensor,
    dtype: tf.DType,
    tolerance: tf.Tensor,
    prepare: Callable[[], Improve] | None = None,
) -> TensorRefinement:
    """Correct predictions (batch, rows, columns) float64 until their bounds meet the tolerance.

    Args:
        correction: of the problems.
        prediction: (batch, rows, columns) float64.
        dtype: of the results.
        tolerance: one number, or (batch,).
        prepare: what is computed once before the first round, and returns what a round does; by
            default a round is another correction.
    """
    if not tf.is_tensor(tolerance):
        tolerance = np.asarray(tolerance, np.float64)
    tolerance = tf.cast(tolerance, tf.float64)
    valid = tf.math.is_finite(tolerance) & (tolerance > 0)
    message = "the tolerance must be positive and finite, not"
    tolerance = checked(tolerance, tf.reduce_all(valid), message, tolerance)
    refining = _Refining(correction, dtype, tolerance)
    state = refining.start(prediction)
    if prepare is None:
        return refining.result(refining.go_on(state, correction.corrected))
    state = tf.cond(
        tf.reduce_any(state.going_on), lambda: refining.go_on(state, prepare()), lambda: state
    )
    return refining.result(state)


class _Refining:
    """Rounds until every image meets its tolerance (batch,) float64 or nothing is left to gain."""

    def __init__(self, correction: Corrects, dtype: tf.DType, tolerance: tf.Tensor) -> None:
        self._correction, self._dtype, self._tolerance = correction, dtype, tolerance

    def start(self, prediction: tf.Tensor) -> _State:
        field = self._correction.start(prediction)
        bound = self._bound(field)
        rounds = tf.zeros_like(bound, tf.int32)
        return _State(field, bound, rounds, bound > self._permitted(field, bound))

    def go_on(self, state: _State, improve: Improve) -> _State:
        def one_round(*parts: tf.Tensor) -> _State:
            before = _State(*parts)
            field = improve(before.field)
            bound = self._bound(field)
            better = before.going_on & (bound < before.bound)
            lasting = better & (bound < 0.5 * before.bound)
            field = tf.where(better[:, None, None], field, before.field)
            bound = tf.where(better, bound, before.bound)
            rounds = before.rounds + tf.cast(before.going_on, tf.int32)
            return _State(field, bound, rounds, lasting & (bound > self._permitted(field, bound)))

        return tf.while_loop(
            lambda *parts: tf.reduce_any(_State(*parts).going_on),
            one_round,
            state,
            maximum_iterations=MOST_ROUNDS,
        )

    def result(self, state: _State) -> TensorRefinement:
        permitted = self._permitted(state.field, state.bound)
        met = state.bound <= permitted
        needed = tf.where(~met, MARGIN * self._tolerance * state.bound / permitted, 0.0)
        message = "the tolerance is too small; the smallest that can be promised is"
        field = checked(
            state.field,
            tf.reduce_all(met),
            message,
            tf.reduce_max(needed),
            "for these images, relative to the largest value, not",
            self._tolerance,
        )
        field = tf.cast(self._correction.nodes.set_in(field), self._dtype)
        return TensorRefinement(field, tf.cast(state.bound, self._dtype), state.rounds)

    def _bound(self, field: tf.Tensor) -> tf.Tensor:
        """The bound of the field when it is returned, (batch,) float64."""
        held, bound = self._correction.nodes.set_in(field), self._correction.node_bound(field)
        _, bound = returned(held, bound, self._dtype)
        return tf.cast(upward(bound, self._dtype), tf.float64)

    def _permitted(self, field: tf.Tensor, bound: tf.Tensor) -> tf.Tensor:
        """The tolerance times the largest |value| of u; with production that is at least this."""
        nodes = self._correction.nodes
        largest = tf.reduce_max(tf.abs(tf.where(nodes.ring, nodes.values, 0.0)), LATTICE)
        if self._correction.produces:
            found = tf.reduce_max(tf.abs(tf.where(nodes.free, field, 0.0)), LATTICE)
            largest = tf.maximum(largest, found - bound)
        return self._tolerance * largest


def solve_rings(
    operator: TensorOperator, problem: TensorProblem, correction: Correction
) -> Improve:
    """A round of fields, by the ring systems, which are factorised once."""
    rings = find_rings(problem.fixed, operator.axes)
    system = RingSystem(operator, rings, problem.decays)

    def improve(field: tf.Tensor) -> tf.Tensor:
        error = correction.mismatch(field)
        size = tf.reduce_max(tf.abs(error), LATTICE, keepdims=True)
        size = tf.where(size > 0, size, 1.0)
        values = tf.cast(tf.gather_nd(error / size, rings.nodes), operator.dtype)
        densities, constants = (tf.cast(part, tf.float64) for part in system.solve(values))
        added = tf.scatter_nd(rings.nodes, densities, tf.shape(field, tf.int64))
        missed, constant = correction.balanced(correction.residual(field))
        field += correction.inverse(size * added - missed)
        return field + size * constants - constant

    return improve
