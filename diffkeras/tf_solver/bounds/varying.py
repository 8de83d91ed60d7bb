"""Certificates and refinement of fields in media that vary from node to node, in a graph.

The mathematics is that of `physics.bounds.varying` and `physics.uptake.enclosure`. Let û hold the
fixed values c, and F(û) = A û + φ(û) − s be what it misses on the free nodes, with the φ of cells
whose uptake saturates and the production s, if there are any. φ increases and is concave, so for b
≥ 0, 0 on the fixed nodes, the slopes of φ between û − b and û + b are at least d = φ'(û + b). A + d
of the free nodes is an M-matrix, for which the comparison principle (Varga 2000, §3.5; Ciarlet
1970; Rheinboldt 1970) gives |û − u| ≤ b if (A + d) b ≥ |F(û)| on the free nodes.

Conjugate gradients with multigrid in float32 (`multigrid_cg`) give a first b with (A + d) b ≈
|F(û)|, and a barrier w with (A + d) w ≈ 1. Whatever these are, b + θw with

    θ = max (|F(û)| − (A + d) b) / ((A + d) w)

satisfies the inequality, provided that (A + d) w is positive on all free nodes. (So w is positive
there.) F and the products with A + d are computed in float64, with an allowance for their rounding
(`tissue_equations`). So the bound is about the equations of the given maps, without any rounding.

Without φ, d = 0. With φ, d is taken at û + radius, and b + θw holds where no b is above the radius.
If one is, a larger radius follows, at last an infinite one: then d = 0, and b holds in any case.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from diffkeras.physics import Medium
from diffkeras.physics.operators.axis import lattice_axes
from diffkeras.tf_solver.bounds.certificate import SLACK, TensorCertificate, certify
from diffkeras.tf_solver.bounds.held_nodes import HeldNodes, all_finite, largest
from diffkeras.tf_solver.bounds.multigrid_cg import solve
from diffkeras.tf_solver.bounds.refinement import TensorRefinement, refine
from diffkeras.tf_solver.bounds.tissue_equations import TissueEquations
from diffkeras.tf_solver.images import LATTICE, Part, exact_numbers, not_zero, real_numbers

LEAST_SUPPLY = 0.1  # of A w, which should be about 1
PASSES = 4  # of solutions for w, which has to be right; few images need a second
# What solutions leave of the largest residual: of a correction, of a bound, and of a round
REDUCTION, ROUND = 1e-2, 1e-3
MOST_STEPS = 8  # of Newton's method, from a prediction on
SETTLED = 0.1  # what a step leaves of F where the method converges quadratically
WIDER = 8.0  # than the expected error is the first radius, and than the one before each other one
RADII = 4  # that are finite


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
            **maps: of the same shape: "diffusivity" D, positive; "decay" γ, not negative; "uptake"
                and "saturation", v, not negative, and K, positive, of uptake v u/(K + u);
                "production" s. Units are those of `TissueMaps`. The bounds are infinite where maps
                have other values, and where D and γ lose nothing, so that the field need not be
                unique.
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

        As `TensorSolver.refine`; a round is a solution by conjugate gradients, of a step of
        Newton's method where uptake saturates. Arguments are those of `certify`.
        """
        correction = VaryingCorrection(self.lattice, self.medium, source_images, maps)
        return refine(correction, tf.cast(prediction, tf.float64), tf.float32, tolerance)


class _Barrier(NamedTuple):
    """w, at least (A + d) w on the free nodes, and whether that is positive, (batch, 1, 1)."""

    height: tf.Tensor
    supply: tf.Tensor
    usable: tf.Tensor


class VaryingCorrection:
    """Corrects fields of fixed values, and bounds their errors: see `certificate.Corrects`."""

    def __init__(
        self,
        lattice: tuple[int, int],
        medium: Medium,
        source_images: tf.Tensor,
        maps: dict[str, tf.Tensor],
    ) -> None:
        given, _ = real_numbers(source_images, lattice)
        fixed, (images, exact) = not_zero(given), exact_numbers(Part("source images", given))
        self._equations = TissueEquations(maps, ~fixed, medium)
        axes = lattice_axes(lattice, medium.names_of_axes("a certificate in TensorFlow"))
        self.nodes = HeldNodes(images, fixed, exact & self._equations.valid, axes)
        self.produces = self._equations.supply is not None
        if not self._equations.saturates:
            self._barrier = self._find_barrier(0.0, tf.zeros_like(images))

    def start(self, prediction: tf.Tensor) -> tf.Tensor:
        """The corrected field of a prediction, which may hold any numbers, also NaN."""
        field = self._nearer(prediction) if self.produces else self.nodes.near(prediction)
        field = self.nodes.set_in(field)
        corrected = self._settled if self._equations.saturates else self._corrected
        return self.nodes.known(corrected(field))

    def corrected(self, field: tf.Tensor) -> tf.Tensor:
        """The field after a round of refinement."""
        return self._corrected(field, ROUND)

    def node_bound(self, field: tf.Tensor) -> tf.Tensor:
        """At least |field − u|, (batch, rows, columns), of a field with the fixed values."""
        missed, rounding = self._equations.of(field)
        missed = (tf.abs(missed) + rounding) * SLACK
        found = self._response(missed, self._equations.slope(field))
        if self._equations.saturates:
            bound = self._within_radius(field, missed, found)
        else:
            bound = self._raised(found, missed, 0.0, self._barrier)
        return self.nodes.bounds_of(bound)

    def _within_radius(self, field: tf.Tensor, missed: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
        """The bound where uptake saturates, from |F| and about (A + φ'(û))⁻¹|F|."""

        def attempt(
            k: tf.Tensor, found: tf.Tensor, height: tf.Tensor, bound: tf.Tensor
        ) -> list[tf.Tensor]:
            radius = tf.where(k < RADII, WIDER ** (k + 1) * size, np.inf)
            slope = self._equations.least_slope(field + radius)
            found = self._response(missed, slope, found)
            barrier = self._find_barrier(slope, height)
            raised = self._raised(found, missed, slope, barrier)
            inside = largest(raised) * SLACK <= radius
            bound = tf.where(tf.math.is_inf(bound) & inside, raised, bound)
            return [k + 1, found, barrier.height, bound]

        size, nothing = largest(found), tf.zeros_like(found)
        *_, bound = tf.while_loop(
            lambda *state: tf.reduce_any(tf.math.is_inf(state[-1])),
            attempt,
            [tf.constant(0.0, tf.float64), found, nothing, nothing + np.inf],
            maximum_iterations=RADII + 1,
        )
        return bound

    def _raised(
        self, found: tf.Tensor, missed: tf.Tensor, slope: tf.Tensor | float, barrier: _Barrier
    ) -> tf.Tensor:
        """b + θw, infinite where it isn't proven, from a first b."""
        applied, rounding = self._equations.apply(found, slope)
        lacking = (missed - (applied - rounding)) / barrier.supply
        lacking = tf.where(self.nodes.free, lacking, 0.0)
        share = tf.maximum(tf.reduce_max(lacking, LATTICE, keepdims=True), 0.0)
        bound = found + share * barrier.height
        # maxima may ignore NaN
        known = barrier.usable & all_finite(lacking) & all_finite(bound)
        return tf.where(known, bound, np.inf)

    def _find_barrier(self, slope: tf.Tensor | float, height: tf.Tensor) -> _Barrier:
        """w with (A + d) w ≥ LEAST_SUPPLY on the free nodes, or else it isn't usable."""
        levels = self._equations.levels(slope)
        for _ in range(PASSES):
            missing = tf.cast(self.nodes.free, tf.float64) - self._equations.apply(height, slope)[0]
            height += solve(levels, missing, REDUCTION * tf.ones_like(largest(missing)))
        applied, rounding = self._equations.apply(height, slope)
        supply = tf.where(self.nodes.free, applied - rounding, 1.0)
        least = tf.reduce_min(supply, LATTICE, keepdims=True)
        # then w > 0, as A + d is an M-matrix
        return _Barrier(height, supply, all_finite(supply) & (least > LEAST_SUPPLY))

    def _response(
        self, missed: tf.Tensor, slope: tf.Tensor | float, found: tf.Tensor | None = None
    ) -> tf.Tensor:
        """About (A + d)⁻¹|F|, not negative; from a first one, if that is given."""
        lacking = missed
        if found is not None:
            lacking = missed - self._equations.apply(found, slope)[0]
        levels = self._equations.levels(slope)
        added = solve(levels, lacking, REDUCTION * largest(missed))
        return tf.maximum(added if found is None else found + added, 0.0)

    def _corrected(self, field: tf.Tensor, reduction: float = REDUCTION) -> tf.Tensor:
        """The field after a step of Newton's method."""
        missed, _ = self._equations.of(field)
        levels = self._equations.levels(self._equations.slope(field))
        return field - solve(levels, missed, reduction * largest(missed))

    def _settled(self, field: tf.Tensor) -> tf.Tensor:
        """The field after steps of Newton's method, until one leaves little of F."""

        def step(field: tf.Tensor, missed: tf.Tensor, going_on: tf.Tensor) -> list[tf.Tensor]:
            field = tf.where(going_on, self._corrected(field), field)
            left = self._missed(field)
            return [field, left, going_on & (left > SETTLED * missed)]

        missed = self._missed(field)
        field, *_ = tf.while_loop(
            lambda *state: tf.reduce_any(state[-1]),
            step,
            [field, missed, missed > 0],
            maximum_iterations=MOST_STEPS,
        )
        return field

    def _nearer(self, prediction: tf.Tensor) -> tf.Tensor:
        """A prediction, which may hold any numbers, or zeros where these miss less."""
        zeros = tf.zeros_like(prediction)
        field = tf.where(tf.math.is_finite(prediction), prediction, zeros)
        misses = [self._missed(self.nodes.set_in(values)) for values in (field, zeros)]
        return tf.where(misses[0] < misses[1], field, zeros)

    def _missed(self, field: tf.Tensor) -> tf.Tensor:
        """The largest |F|, (batch, 1, 1)."""
        return largest(self._equations.of(field)[0])
