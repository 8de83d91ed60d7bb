"""Certificates and refinement of fields in media that vary from node to node, in a graph.

The mathematics is that of `physics.bounds.varying`. Let û hold the fixed values c, and r = −Aû on
the free nodes. A of the free nodes is an M-matrix, for which the comparison principle (Varga 2000,
§3.5; Ciarlet 1970) gives |û − u| ≤ b for every b ≥ 0, 0 on the fixed nodes, with A b ≥ |r| on the
free ones. Conjugate gradients with multigrid (`nn.equation.multigrid`) in float32 give a first b
with A b ≈ |r|, and a barrier w with A w ≈ 1. Whatever these are, b + θw with

    θ = max (|r| − A b) / (A w)

satisfies the inequality, provided that A w is positive on all free nodes. (So w is positive there.)

A û, A b and A w are computed from û, b and w in float64, as σ u_i + Σ κ (u_i − u_k). With the unit
roundoff η, each of these at most five terms goes through at most six roundings (a difference, a
product and four sums), and κ and σ, computed from the given maps, are wrong by at most 6η of
themselves. So the result is wrong by at most

    12η / (1 − 12η) · m,    m = σ |u_i| + Σ κ |u_i − u_k|    (Higham 2002, §3.1),

and so is m itself, relatively. 16η times the computed m covers all of this, and the roundings of
|r| − A b. It is added to |r|, and subtracted from A b and A w. So the bound is about the equations
of the given maps, without any rounding.
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from diffkeras.nn.equation.multigrid import DAMPING, FACTOR, Level, cycle, hierarchy
from diffkeras.nn.equation.varying_operator import Equations, equations_of
from diffkeras.physics import Medium
from diffkeras.physics.operators.axis import lattice_axes
from diffkeras.tf_solver.bounds.certificate import SLACK, TensorCertificate, certify
from diffkeras.tf_solver.bounds.held_nodes import LATTICE, HeldNodes, all_finite, largest
from diffkeras.tf_solver.bounds.refinement import TensorRefinement, refine
from diffkeras.tf_solver.images import check_images, normal_numbers

ROUNDING = 16 * float(np.finfo(np.float64).eps) / 2  # see above
LEAST_SUPPLY = 0.1  # of A w, which should be about 1
MOST_STEPS = 60  # of one solution by conjugate gradients
PASSES = 4  # of such solutions for w, which has to be right; few images need a second
# What solutions leave of the largest residual: of a correction, of a bound, and of a round
REDUCTION, ROUND = 1e-2, 1e-3


class VaryingSolver:
    """Proofs for batches of fields in media that vary, in any TensorFlow graph.

    Args:
        lattice: (rows, columns).
        medium: a uniform medium, around which the maps vary: its boundary and step, and what no
            map is given of.
    """

    def __init__(self, lattice: tuple[int, int], medium: Medium) -> None:
        self.lattice, self.medium = lattice, medium

    def certify(
        self, prediction: tf.Tensor, source_images: tf.Tensor, **maps: tf.Tensor
    ) -> TensorCertificate:
        """Correct predicted fields and bound the errors of both, as `TensorSolver.certify`.

        Args:
            prediction: (batch, rows, columns) float32, any numbers.
            source_images: of the same shape; a node is fixed if its value is not 0.
            **maps: "diffusivity", positive, and "decay", not negative, of the same shape. The
                bounds are infinite where nothing is lost, so that the field is not unique.
        """
        correction = VaryingCorrection(self.lattice, self.medium, source_images, maps)
        return certify(correction, tf.cast(prediction, tf.float64), tf.float32)

    def refine(
        self,
        prediction: tf.Tensor,
        source_images: tf.Tensor,
        *,
        tolerance: tf.Tensor,
        **maps: tf.Tensor,
    ) -> TensorRefinement:
        """Correct predicted fields until their bounds meet the tolerance.

        As `TensorSolver.refine`; a round is a solution by conjugate gradients. Arguments are those
        of `certify`.
        """
        correction = VaryingCorrection(self.lattice, self.medium, source_images, maps)
        return refine(correction, tf.cast(prediction, tf.float64), tf.float32, tolerance)


class VaryingCorrection:
    """Corrects fields of fixed values, and bounds their errors: see `certificate.Corrects`."""

    produces = False

    def __init__(
        self,
        lattice: tuple[int, int],
        medium: Medium,
        source_images: tf.Tensor,
        maps: dict[str, tf.Tensor],
    ) -> None:
        images, _ = check_images(source_images, lattice, tf.float64, exact=True)
        axes = lattice_axes(lattice, medium.names_of_axes("a certificate in TensorFlow"))
        self.nodes = HeldNodes(images, images != 0, axes)
        unit = float(medium.diffusivities[0])
        given = {
            name: tf.cast(normal_numbers(maps[name]), tf.float64)
            if name in maps
            else tf.fill(tf.shape(images), np.float64(getattr(medium, name)))
            for name in ("diffusivity", "decay")
        }
        diffusivity = given["diffusivity"] / unit
        decay = given["decay"] * (float(medium.step) ** 2 / unit)
        self._equations = equations_of(
            diffusivity, decay, medium.names_of_axes("a certificate in TensorFlow")
        )
        self._levels = _levels(self._equations, self.nodes.free)
        self._find_barrier()

    def start(self, prediction: tf.Tensor) -> tf.Tensor:
        """The corrected field of a prediction, which may hold any numbers, also NaN."""
        return self._corrected(self.nodes.set_in(self.nodes.usable(prediction)), REDUCTION)

    def corrected(self, field: tf.Tensor) -> tf.Tensor:
        """The field after a round of refinement."""
        return self._corrected(field, ROUND)

    def node_bound(self, field: tf.Tensor) -> tf.Tensor:
        """At least |field − u|, (batch, rows, columns), of a field with the fixed values."""
        applied, rounding = self._apply(field)
        missed = (tf.abs(applied) + rounding) * SLACK
        bound = tf.maximum(_solve(self._levels, missed, REDUCTION * largest(missed)), 0.0)
        applied, rounding = self._apply(bound)
        lacking = tf.where(self.nodes.free, (missed - (applied - rounding)) / self._supply, 0.0)
        height = tf.maximum(tf.reduce_max(lacking, LATTICE, keepdims=True), 0.0)
        bound += height * self._barrier
        # maxima may ignore NaN, and XLA ignores the check of the values
        known = self._usable & all_finite(lacking) & all_finite(bound) & self.nodes.finite
        return tf.where(self.nodes.free, tf.where(known, bound, np.inf), 0.0)

    def _corrected(self, field: tf.Tensor, reduction: float) -> tf.Tensor:
        applied, _ = self._apply(field)
        return field - _solve(self._levels, applied, reduction * largest(applied))

    def _apply(self, field: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A u on the free nodes, 0 on the fixed ones, and the bound of its rounding."""
        free = tf.cast(self.nodes.free, tf.float64)
        applied, magnitude = self._equations.apply(field), self._equations.magnitude(field)
        return free * applied, ROUNDING * free * magnitude

    def _find_barrier(self) -> None:
        """w with A w ≥ LEAST_SUPPLY on the free nodes, or else nothing is `_usable`."""
        barrier = tf.zeros_like(self.nodes.values)
        for _ in range(PASSES):
            missing = tf.cast(self.nodes.free, tf.float64) - self._apply(barrier)[0]
            barrier += _solve(self._levels, missing, REDUCTION * tf.ones_like(largest(missing)))
        applied, rounding = self._apply(barrier)
        self._barrier = barrier
        self._supply = tf.where(self.nodes.free, applied - rounding, 1.0)
        least = tf.reduce_min(self._supply, LATTICE, keepdims=True)
        # then w > 0, as A is an M-matrix
        self._usable = all_finite(self._supply) & (least > LEAST_SUPPLY)


class _Iterate(NamedTuple):
    """Of conjugate gradients: about A⁻¹b, its residual, the last direction, and ⟨r, M⁻¹r⟩."""

    solution: tf.Tensor
    residual: tf.Tensor
    direction: tf.Tensor
    product: tf.Tensor


# one function that is not inlined, so that graphs hold it once and start fast
@tf.function(autograph=False, reduce_retracing=True, experimental_attributes={"_noinline": True})
def _solve(levels: list[Level], right: tf.Tensor, aim: tf.Tensor) -> tf.Tensor:
    """About A⁻¹b on the free nodes, by conjugate gradients with a multigrid cycle, in float32.

    The residual of b (batch, rows, columns) float64 falls to about `aim`, (batch, 1, 1), where
    MOST_STEPS steps suffice.
    """
    size = largest(right)
    size = tf.where(size > 0, size, 1.0)
    least = tf.cast(aim / size, tf.float32)
    damping = np.full((len(levels), 2), DAMPING, np.float32)

    def unfinished(at: _Iterate) -> tf.Tensor:
        return largest(at.residual) > least

    def step(*parts: Any) -> _Iterate:
        at = _Iterate(*parts)
        towards = cycle(levels, damping, at.residual)
        product = _inner(at.residual, towards)
        direction = towards + tf.math.divide_no_nan(product, at.product) * at.direction
        applied = levels[0].equations.apply(direction)
        length = tf.math.divide_no_nan(product, _inner(direction, applied))
        length = tf.where(unfinished(at), length, 0.0)
        solution, residual = at.solution + length * direction, at.residual - length * applied
        return _Iterate(solution, residual, direction, product)

    residual = tf.cast(right / size, tf.float32)
    zeros = tf.zeros_like(residual)
    start = _Iterate(zeros, residual, zeros, tf.zeros_like(largest(residual)))
    found = tf.while_loop(
        lambda *parts: tf.reduce_any(unfinished(_Iterate(*parts))),
        step,
        start,
        maximum_iterations=MOST_STEPS,
    )
    return size * tf.cast(found.solution, tf.float64)


def _levels(equations: Equations, free: tf.Tensor) -> list[Level]:
    """The levels of multigrid for the equations of the free nodes, in float32."""
    single = Equations(
        tuple(tf.cast(coupling, tf.float32) for coupling in equations.couplings),
        tf.cast(equations.drain, tf.float32),
    )
    count = max(max(free.shape[1:]).bit_length() - 1, 1)  # the coarsest have at most 3 nodes a side
    factors = [FACTOR] * (count - 1)
    return hierarchy(single.among(tf.cast(free, tf.float32)), factors, count)


def _inner(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(a * b, LATTICE, keepdims=True)
