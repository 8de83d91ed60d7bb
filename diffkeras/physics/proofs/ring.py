"""Proofs in uniform media, by the maximum principle on the ring.

Let û be a predicted field, c the fixed nodes' values, s the production on the free nodes (0 on the
fixed ones) and A the lattice operator. The prediction's densities q̂ = Aû on the fixed nodes (0 on
the free ones) give a corrected field, with one transform pair:

    û' = A⁻¹(q̂ + s) = û − A⁻¹r,    r = Aû − s on the free nodes, 0 on the fixed ones.

û' satisfies the equation on every free node exactly, so e = û' − u has A e = 0 there, u being the
exact lattice solution. A is an M-matrix, weakly diagonally dominant, for which the discrete maximum
principle holds (Varga 2000, §3.5; Ciarlet 1970): on the free nodes |e| is at most its maximum over
the fixed nodes next to them, the ring, where u = c is known:

    |û' − u| ≤ B = max over the ring of |û' − c|.

No free node is next to a fixed node inside a source, so these have no influence. On the ring the
bound is attained, so B is the exact maximum error of û' over ring and free nodes. The returned
field has the fixed nodes at their values: its error is 0 there, and that of û' on the free nodes.
If no node is fixed, û' is the exact field for any prediction.

Two more transform pairs sharpen the bound node by node. The same principle holds for the difference
of e and any field that satisfies the equation. Let w̃ = A⁻¹p̃ be close to −e, with p̃ from the ring
system solved approximately (`preconditioner`). The remaining error on the ring, e₂, is ten to 1e5
times smaller. For densities p ≥ 0 on the ring, the barrier w = A⁻¹p is positive and decays around
each source with the diffusion length. A w = 0 on the free nodes, hence |e + w̃| ≤ b₂ = β w there,
with β the largest |e₂|/w on the ring. (Next to the ring, the mean of the neighbours' bounds is
sharper.) So

    |û' − u| ≤ min(B, |w̃| + b₂),    |û − u| ≤ |û − û' − w̃| + b₂.

None of this is an estimate. The effect of rounding is bounded too (`rounding`), and included. The
bounds are about the lattice's solution, not about its distance from the continuum's.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from diffkeras.physics.arguments import largest
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import EPSILON, SLACK, STENCIL
from diffkeras.physics.equations.spectral import SpectralOperator
from diffkeras.physics.proofs.rounding import (
    inverse_norm_bound,
    operator_diagonal,
    rounding_allowance,
)
from diffkeras.physics.solvers.interface import Options, SolveStatistics
from diffkeras.physics.solvers.preconditioner import RingPreconditioner, preconditioner_of
from diffkeras.physics.solvers.production import particular_field
from diffkeras.physics.solvers.ring_cg import RingIteration
from diffkeras.physics.solvers.ring_field import field_of_values

# Share of the error that may remain in a corrected prediction; with more, the ring system is solved
SHARP = 0.5
MOST_SOLUTIONS = 3
AVERAGINGS = 2  # a pass of the stencil each; more hardly sharpen the bound


class Bounds(NamedTuple):
    """What a proof finds for one image.

    Attributes:
        node_bound: (rows, columns), at least |field − u| of the field that it was asked about.
        corrected: (rows, columns), the corrected field; its fixed nodes have their values.
        corrected_bound: (rows, columns), at least |corrected − u|.
        stats: how it was corrected.
        allowance: what the bounds include for the rounding of transforms; 0 for enclosures, which
            include it node by node.
    """

    node_bound: NDArray[np.float64]
    corrected: NDArray[np.float64]
    corrected_bound: NDArray[np.float64]
    stats: SolveStatistics
    allowance: float = 0.0


@dataclass(frozen=True, eq=False)
class RingCorrection:
    """The correction of a predicted field by the densities on its ring.

    Attributes:
        equations: in a uniform medium.
        prediction: û, (rows, columns) float64.
    """

    equations: Equations
    prediction: NDArray[np.float64]

    @property
    def operator(self) -> SpectralOperator:
        """A of the normalised medium, so that no unit over- or underflows."""
        return self.equations.operator

    def corrected(self) -> NDArray[np.float64]:
        """û' = A⁻¹(q̂ + s) of the densities q̂ = Aû on the fixed nodes, (rows, columns).

        û keeps its own values on the fixed nodes. Setting them to c first makes a jump at every rim
        of a smoothly wrong prediction, and the densities of the jump an error some ten times larger
        than the prediction's (measured: 1.0e-2 in place of 1.0e-3 for 1.001 u at 512², 20 discs of
        radius 5).

        Only the ring and the free nodes next to it decide: changing û inside a source by δ changes
        A⁻¹q̂ by δ there and nowhere else. So c replaces û there, and garbage adds no rounding.

        Where no axis absorbs, A⁻¹ multiplies the densities' sum, and its error, by 1/(γ · nodes) to
        give the mean of the field. If û' has the mean of û, the exact sum is γ Σû. The excess of
        the computed sum over that is subtracted evenly from the ring. Where A is deflated, A₀⁻¹
        gives only γ/κ of the mean, and the constant is the rest.
        """
        equations, operator, production = self.equations, self.operator, self.equations.production
        if production is not None and not equations.ring.size:
            return particular_field(equations, production)
        low, high = self.limits
        # numbers far outside only add rounding, but clipping a slight excess would make jumps as
        # described
        span = high - low
        clipped = self.prediction.clip(low - span, high + span)
        inside = equations.fixed.copy()
        inside[equations.ring.nodes] = False
        np.copyto(clipped, equations.values.clip(*self.ring_limits), where=inside)
        density = operator.apply(clipped)
        np.copyto(density, 0.0 if production is None else production, where=~equations.fixed)
        constant = 0.0
        if operator.closed and equations.ring.size:
            excess = density.sum() - operator.decay * clipped.sum()
            density[equations.ring.nodes] -= excess / equations.ring.size
        if operator.deflated:
            constant = (1 - operator.decay / operator.constant_eigenvalue) * clipped.mean()
        return operator.inverse(density) + constant

    @cached_property
    def inverse_norm(self) -> float:
        """A bound of ‖A_ff⁻¹‖∞, see `rounding`."""
        return inverse_norm_bound(self.equations)

    @cached_property
    def ring_limits(self) -> tuple[float, float]:
        """The smallest and the largest of 0 and the values on the ring."""
        values = self.equations.values[self.equations.ring.nodes]
        return min(values.min(initial=0.0), 0.0), max(values.max(initial=0.0), 0.0)

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Between them lies u: by the maximum principle, and |A_ff⁻¹s| ≤ ‖A_ff⁻¹‖∞ max|s|."""
        low, high = self.ring_limits
        if self.equations.production is None:
            return low, high
        most = self.inverse_norm * self.equations.largest_production
        return low - most, high + most

    def mismatch(
        self, field: NDArray[np.float64], values: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """values − field on the ring, (m,); the values are c unless given as (m,).

        Where A is deflated, the constant is the least certain part of a field. So much of
        `unit_field` is added to the field in place that positive and negative mismatch are alike.
        """
        nodes = self.equations.ring.nodes
        values = self.equations.values[nodes] if values is None else values
        error = values - field[nodes]
        if self.operator.deflated and error.size:
            field += self.unit_field * (float(error.max() + error.min()) / 2)
            error = values - field[nodes]
        return error

    @cached_property
    def unit_field(self) -> NDArray[np.float64] | float:
        """A field of about 1, on the ring in the mean, that satisfies a deflated A's equation.

        It is proportional to A⁻¹ of equal densities on the ring that sum to 1/s (`spectral`), A₀⁻¹
        of them plus 1. Where A is singular they are 0, and it is 1.
        """
        if self.operator.singular:
            return 1.0
        ring = self.equations.ring
        each = np.full(ring.size, self.operator.inverse_weight / ring.size)
        field = self.operator.spread(ring.nodes, each) + 1.0
        return field / field[ring.nodes].mean()


def certify_ring(equations: Equations, prediction: NDArray[np.float64]) -> Bounds:
    """The corrected field of a prediction in a uniform medium, and the bounds of both."""
    predicted = RingCorrection(equations, prediction)
    field = predicted.corrected()
    error = predicted.mismatch(field)
    mismatch = float(abs(error).max(initial=0.0))

    precondition = preconditioner_of(equations, bordered=False)
    answer = predicted.operator.spread(equations.ring.nodes, precondition(error))
    rest = predicted.mismatch(answer, error)
    for solutions in range(1 + MOST_SOLUTIONS):
        # the differences that gave error and rest are rounded
        sizes = abs(rest) * (1 + EPSILON) + EPSILON * abs(error)
        bound, allowance = _remaining(predicted, precondition, field, answer, sizes)
        wrong = abs(predicted.prediction - field - answer)
        least = SHARP * float(wrong.max(where=~equations.fixed, initial=0.0))
        sharp = float(bound.max(where=~equations.fixed, initial=0.0)) <= least
        if sharp or solutions == MOST_SOLUTIONS or largest(rest) <= least / 4:
            break
        answer += _field_on_ring(equations, rest, least)
        rest = predicted.mismatch(answer, error)
    node_bound = (wrong + bound) * SLACK
    field_bound = np.minimum(abs(answer) + bound, mismatch + allowance) * SLACK
    field_bound[equations.fixed] = 0.0
    np.copyto(field, equations.values, where=equations.fixed)
    at_fixed = abs(predicted.prediction - equations.values) * SLACK
    np.copyto(node_bound, at_fixed, where=equations.fixed)
    residual = mismatch / (largest(equations.values[equations.ring.nodes]) or 1.0)
    stats = SolveStatistics("correction", equations.ring.size, residual=residual)
    return Bounds(node_bound, field, field_bound, stats, allowance)


def _remaining(
    predicted: RingCorrection,
    precondition: RingPreconditioner,
    field: NDArray[np.float64],
    answer: NDArray[np.float64],
    sizes: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float]:
    """The bound of |field + answer − u|, node by node, and what it includes for rounding.

    `sizes` are at least |c − field − answer| on the ring.
    """
    equations = predicted.equations
    barrier = _barrier(equations, precondition, sizes)
    bound = _average(equations, np.minimum(barrier, sizes.max(initial=0.0)), sizes)
    # each averaging adds the residual once more, divided by A's diagonal
    norm = predicted.inverse_norm + AVERAGINGS / operator_diagonal(predicted.operator)
    allowance = rounding_allowance(equations, norm, field, answer, barrier=barrier)
    return bound + allowance, allowance


def _field_on_ring(
    equations: Equations, values: NDArray[np.float64], least: float
) -> NDArray[np.float64]:
    """The field of the equation without production that has values (m,) on the ring, nearly.

    Where many fixed nodes lie close together, one application of the preconditioner leaves too
    much. `least` is what a bound needs to be.
    """
    system = RingIteration(equations)
    options = Options(max(least / 4, EPSILON * largest(values)))
    field, _, _ = field_of_values(equations, system, values, options)
    return field.astype(np.float64, copy=False)


def _barrier(
    equations: Equations, precondition: RingPreconditioner, error: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A field that is at least `error` on the ring and satisfies the equation on the free nodes.

    Each source's largest error, spread over its ring, is turned into densities. Those that come out
    negative are set to 0.
    """
    operator, ring = equations.operator, equations.ring
    constant = np.full(operator.lattice, error.max(initial=0.0))
    if not error.any() or operator.deflated:
        # constants serve for any operator, and a deflated one has no barrier that falls off
        return constant
    labels, count = scipy.ndimage.label(
        equations.fixed, structure=np.ones((3,) * equations.fixed.ndim)
    )
    source = labels[ring.nodes]
    largest = np.zeros(count + 1)
    np.maximum.at(largest, source, error)
    barrier = operator.spread(ring.nodes, precondition(largest[source]).clip(min=0.0))
    barrier -= min(float(barrier[ring.nodes].min()), 0.0)  # a constant K ≥ 0 adds γK, no harm
    wrong = error > 0
    least = barrier[ring.nodes][wrong]
    if least.min() <= 0:  # so far from every other source that the barrier underflows
        return constant
    return barrier * float((error[wrong] / least).max())


def _average(
    equations: Equations, bound: NDArray[np.float64], error: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A sharper bound of |e| next to the ring, where |e| = `error` is known node by node.

    With a ≥ A's diagonal, I − A/a has no negative entries, and as A e = 0 on the free nodes,
    |e| = |(I − A/a) e| ≤ (I − A/a) b there.
    """
    diagonal = operator_diagonal(equations.operator)
    for _ in range(AVERAGINGS):
        bound[equations.ring.nodes] = error
        averaged = bound - equations.operator.apply(bound) / diagonal
        # rounding of the stencil, of the quotient and of the difference
        averaged = np.maximum(averaged, 0.0) + 4 * STENCIL * EPSILON * largest(bound)
        np.minimum(bound, averaged, out=bound, where=~equations.fixed)
    return bound
