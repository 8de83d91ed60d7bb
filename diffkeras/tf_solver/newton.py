"""Fields in media that vary, and where uptake saturates: Newton's method with multigrid.

A step solves (A + φ'(û)) δ = −F(û) on the free nodes by conjugate gradients
(`conjugate_gradients`). Without φ the equations are linear, and further steps only correct what
float32 has left. F is float64. `physics.solvers.newton` has the mathematics.

The derivatives of a field u are those of F(u) = 0: du = −(A + φ'(u))⁻¹ dF, one more solution by
conjugate gradients. They don't depend on the field that steps began with.
"""

from collections.abc import Callable

import tensorflow as tf

from diffkeras.physics import Medium
from diffkeras.physics.solvers.newton import CERTIFIED_SHARE
from diffkeras.tf_solver.conjugate_gradients import TensorLinearSteps
from diffkeras.tf_solver.enclosure import TensorEnclosure
from diffkeras.tf_solver.equations import TensorEquations
from diffkeras.tf_solver.problem import FixedNodes, ProblemTensors, largest_of_each
from diffkeras.tf_solver.results import TensorSolution
from diffkeras.tf_solver.run import TensorRun

TOLERANCE = 1e-6  # where none is given
MOST_STEPS = 8
# a step reduces the residual to a share between these; float32 gives no more digits
LEAST_REDUCTION, MOST_REDUCTION = 1e-4, 0.1
# the least share where uptake saturates: a step leaves more in any case
NONLINEAR = 1e-2
FIRST_REDUCTION = 1e-2  # of an initial field's residual
PROOF_MARGIN = 0.12  # share of the tolerance that the estimated error is before a proof
SETTLED_SHARE = 0.1  # of |F|, left by a step: convergence is quadratic
STALLED_SHARE = 0.5  # of the error, left by a linear step: rounding


class TensorNewtonRun(TensorRun):
    """See `TensorRun`."""

    margin = 4.0

    def __init__(
        self,
        lattice: tuple[int, int],
        medium: Medium,
        problem: ProblemTensors,
        steps: TensorLinearSteps,
    ) -> None:
        self.nodes = FixedNodes(problem, medium.side_kinds)
        self._steps, self._equations = steps, TensorEquations(lattice, medium, problem)
        self._equations.levels(0.0)  # outside of loops, which share them
        self._enclosure = TensorEnclosure(self._equations, self.nodes, steps)
        self.produces = self._equations.production is not None

    def solution(self, dtype: tf.DType) -> TensorSolution:
        """See `TensorRun`: to `TOLERANCE` if rounding permits."""
        return self.solve(None, TOLERANCE, dtype, raises=False)

    def start(self, initial: tf.Tensor | None, tolerance: tf.Tensor) -> tf.Tensor:
        """See `TensorRun`: a field whose error is likely to meet the tolerance."""
        field, estimate = self._nearer(initial)
        return self._reduce_error(
            field, estimate, lambda field: PROOF_MARGIN * tolerance * self.nodes.size(field)
        )

    def corrected(self, prediction: tf.Tensor, dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
        """See `TensorRun`: improved until the bound is a small share of the prediction's error."""
        prediction = tf.stop_gradient(prediction)
        field, estimate = self._nearer(prediction)
        if self._equations.saturates:
            field = self._reduce_error(
                field, estimate, lambda field: CERTIFIED_SHARE / 2 * self._change(prediction, field)
            )
        else:
            field = self._step(field, tf.constant(FIRST_REDUCTION, tf.float64))
        state = self.improve(
            field, lambda f, _: CERTIFIED_SHARE * self._change(prediction, f), dtype
        )
        return state.field, state.node_bound

    def improver(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        """See `TensorRun`; a step of Newton's method reduces the residual to that share."""

        def improved(field: tf.Tensor, needed: tf.Tensor) -> tf.Tensor:
            reduction = tf.clip_by_value(needed / 4, LEAST_REDUCTION, MOST_REDUCTION)
            return self._step(field, tf.where(needed < 1, reduction, 1.0))

        return improved

    def node_bound(self, field: tf.Tensor) -> tf.Tensor:
        """See `TensorRun`."""
        return self.nodes.extend(self._enclosure.bound(self.nodes.insert(field)))

    def differentiable(self, field: tf.Tensor) -> tf.Tensor:
        """See `TensorRun`."""
        field = tf.stop_gradient(field)
        residual, _ = self._equations.residual(self.nodes.insert(field))

        @tf.custom_gradient
        def nothing(residual: tf.Tensor) -> tuple[tf.Tensor, Callable[..., tf.Tensor]]:
            def gradient(upstream: tf.Tensor) -> tf.Tensor:
                upstream = tf.where(self.nodes.free, upstream, 0.0)
                levels = self._equations.levels(self._equations.slope(field))
                aim = LEAST_REDUCTION * largest_of_each(upstream)
                return self._steps.solve(levels, upstream, aim, is_differentiable=True)

            return tf.zeros_like(residual), gradient

        return field - nothing(residual)

    def _nearer(self, initial: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        """A field to begin with and its estimated error.

        It is the initial one, which may hold any numbers, or 0 where that is nearer.
        """
        zeros = self.nodes.insert(tf.zeros_like(self.nodes.values))
        of_zeros = self._estimate(zeros)
        if initial is None:
            return zeros, of_zeros
        initial = tf.where(tf.math.is_finite(initial), tf.stop_gradient(initial), 0.0)
        initial = self.nodes.insert(initial)
        # not by residuals, which are large for rough errors and small for smooth ones
        estimate = self._estimate(initial)
        return tf.where(estimate < of_zeros, initial, zeros), tf.minimum(estimate, of_zeros)

    def _reduce_error(
        self, field: tf.Tensor, estimate: tf.Tensor, wanted: Callable[[tf.Tensor], tf.Tensor]
    ) -> tf.Tensor:
        """The field after steps until its estimated error is as wanted, or rounding ends them."""
        least = NONLINEAR if self._equations.saturates else LEAST_REDUCTION

        def step(field: tf.Tensor, estimate: tf.Tensor, going_on: tf.Tensor) -> list[tf.Tensor]:
            aim, residual = wanted(field), self._residual(field)
            reduction = tf.clip_by_value(aim / estimate, least, MOST_REDUCTION)
            field = self._step(field, tf.where(aim > 0, reduction, FIRST_REDUCTION), going_on)
            error = self._estimate(field)
            goes_on = error > wanted(field)
            if self._equations.saturates:
                goes_on |= self._residual(field) > SETTLED_SHARE * residual
            else:
                goes_on &= error < STALLED_SHARE * estimate
            return [field, error, going_on & goes_on]

        field, *_ = tf.while_loop(
            lambda *state: tf.reduce_any(state[-1]),
            step,
            [field, estimate, (estimate > 0) & (estimate > wanted(field))],
            maximum_iterations=MOST_STEPS,
        )
        return field

    def _change(self, initial: tf.Tensor, field: tf.Tensor) -> tf.Tensor:
        """The largest finite |initial − field|, and at most the largest |field|, (batch, 1, 1)."""
        change = tf.where(self.nodes.free & tf.math.is_finite(initial), initial - field, 0.0)
        return tf.minimum(largest_of_each(change), self.nodes.size(field))

    def _residual(self, field: tf.Tensor) -> tf.Tensor:
        """The largest |F|, (batch, 1, 1)."""
        return largest_of_each(self._equations.residual(field)[0])

    def _step(
        self, field: tf.Tensor, reduction: tf.Tensor, chosen: tf.Tensor | bool = True
    ) -> tf.Tensor:
        """The chosen fields after a step that reduces the largest |F|."""
        residual, _ = self._equations.residual(field)
        levels = self._equations.levels(self._equations.slope(field))
        aim = tf.where(chosen, reduction, tf.ones_like(reduction)) * largest_of_each(residual)
        return field - self._steps.solve(levels, residual, aim)

    def _estimate(self, field: tf.Tensor) -> tf.Tensor:
        """About the largest error, (batch, 1, 1)."""
        residual, _ = self._equations.residual(field)
        levels = self._equations.levels(self._equations.slope(field))
        # of a bound, whose right-hand side is |F|
        return largest_of_each(self._steps.cycle(levels, tf.abs(residual)))
