"""A predicted field next to the problem that it claims to solve."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.arguments import Given
from diffkeras.physics.bounds.rounding import inverse_norm_bound
from diffkeras.physics.medium import Medium
from diffkeras.physics.operators.spectral import SpectralOperator
from diffkeras.physics.problem import Problem
from diffkeras.physics.solvers.production import particular_field
from diffkeras.physics.uptake.saturating import SaturatingUptake


@dataclass(frozen=True, eq=False)
class PredictedProblem:
    """A problem, checked, and a prediction of its field.

    Attributes:
        problem: in a uniform medium.
        prediction: û, (rows, columns) float64.
        rounding: (rows, columns), how far û is from what was given, in extended precision for
            example; 0 for float64.
    """

    problem: Problem
    prediction: NDArray[np.float64]
    rounding: NDArray[np.float64] | float = 0.0

    @classmethod
    def check(
        cls,
        prediction: Any,
        given: Given,
        *,
        medium: Medium,
        uptake: SaturatingUptake | None = None,
    ) -> "PredictedProblem":
        """The problem and its prediction."""
        problem = Problem.check(given.source_image, medium, given.fixed, given.production, uptake)
        return cls.of(prediction, problem, given.leading)

    @classmethod
    def of(
        cls, prediction: Any, problem: Problem, beside: str = "source image"
    ) -> "PredictedProblem":
        """A prediction for a problem that is checked already; `beside` has its shape."""
        rounded = problem.check_field("prediction", prediction, beside)
        given_values = np.asarray(prediction)
        if given_values.dtype.kind != "f" or given_values.dtype.itemsize <= rounded.itemsize:
            return cls(problem, rounded)
        rounding = np.abs(given_values - rounded).astype(np.float64)
        # rounded up, with the sum that it is added in
        rounding = np.nextafter(rounding, np.inf) * (given_values != rounded)
        return cls(problem, rounded, rounding * (1 + 4 * float(np.finfo(np.float64).eps)))

    @property
    def operator(self) -> SpectralOperator:
        """A of the normalised medium, so that no unit over- or underflows."""
        return self.problem.operator

    def corrected(self, prediction: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
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
        problem, operator, supply = self.problem, self.operator, self.problem.supply
        if supply is not None and not problem.ring.size:
            return particular_field(problem, supply)
        low, high = self.limits
        # numbers far outside only add rounding, but clipping a slight excess would make jumps as
        # described
        span = high - low
        prediction = self.prediction if prediction is None else prediction
        clipped = prediction.clip(low - span, high + span)
        inside = problem.fixed.copy()
        inside[problem.ring.nodes] = False
        np.copyto(clipped, problem.values.clip(*self.ring_limits), where=inside)
        density = operator.apply(clipped)
        np.copyto(density, 0.0 if supply is None else supply, where=~problem.fixed)
        constant = 0.0
        if operator.closed and problem.ring.size:
            excess = density.sum() - operator.decay * clipped.sum()
            density[problem.ring.nodes] -= excess / problem.ring.size
        if operator.deflated:
            constant = (1 - operator.decay / operator.constant_eigenvalue) * clipped.mean()
        return operator.inverse(density) + constant

    @cached_property
    def inverse_norm(self) -> float:
        """A bound of ‖A_ff⁻¹‖∞, see `rounding`."""
        return inverse_norm_bound(self.problem)

    @cached_property
    def ring_limits(self) -> tuple[float, float]:
        """The smallest and the largest of 0 and the values on the ring."""
        held = self.problem.values[self.problem.ring.nodes]
        return min(held.min(initial=0.0), 0.0), max(held.max(initial=0.0), 0.0)

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Between them lies u: by the maximum principle, and |A_ff⁻¹s| ≤ ‖A_ff⁻¹‖∞ max|s|."""
        low, high = self.ring_limits
        if self.problem.supply is None:
            return low, high
        most = self.inverse_norm * self.problem.largest_supply
        return low - most, high + most

    def mismatch(
        self, field: NDArray[np.float64], values: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """values − field on the ring, (m,); the values are c unless given as (m,).

        Where A is deflated, the constant is the least certain part of a field. So much of
        `unit_field` is added to the field in place that positive and negative mismatch are alike.
        """
        nodes = self.problem.ring.nodes
        values = self.problem.values[nodes] if values is None else values
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
        ring = self.problem.ring
        each = np.full(ring.size, self.operator.inverse_weight / ring.size)
        field = self.operator.spread(ring.nodes, each) + 1.0
        return field / field[ring.nodes].mean()
