"""Quantities, which are weighted sums over a field, with proofs for them and their adjoints.

Let û be a field with the fixed values and |u − û| ≤ b on the free nodes, d = φ'(û), and λ any
array that is 0 on the fixed nodes, which leaves the residual ρ = w − (A + d) λ.

**The adjoint.** With d* = φ'(u), |d* − d| ≤ δ and d* ≥ d_min,

    |λ − λ*| = |(A + d*)⁻¹ (ρ + (d − d*) λ)| ≤ (A + d_min)⁻¹ (|ρ| + δ |λ|).

**A quantity** J(u) = Σ w u. As F(û) = −(A + D)(u − û) for slopes D between those at û ± b,

    J(u) − J(û) = Σ ((A + d) λ + ρ)(u − û) = −Σ λ F(û) + Σ λ (d − D)(u − û) + Σ ρ (u − û),

so J(û) − Σ λ F(û) is wrong by at most Σ (|λ| δ + |ρ|) b, which is of second order: a product of two
errors (Becker & Rannacher 2001; Pierce & Giles 2000). Rounding is included.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import FASTEST, SLOWEST
from diffkeras.physics.derivatives.linearised_equations import solve_linearised
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import EPSILON, EXTENDED, SLACK, STENCIL
from diffkeras.physics.solvers.correction import corrected

# of the adjoint, whose error is multiplied by the error of the field
TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class Quantity:
    """J = Σ w u over a field u.

    Attributes:
        value: of the exact field, to within the bound: J of a computed field, corrected by the
            adjoint.
        error_bound: at least |value − J(u)|, proven, with rounding.
        of_field: J of the field that was asked about, uncorrected.
    """

    value: float
    error_bound: float
    of_field: float

    @property
    def of_field_bound(self) -> float:
        """At least |of_field − J(u)|."""
        return (abs(self.of_field - self.value) + self.error_bound) * SLACK

    @classmethod
    def of(
        cls,
        equations: Equations,
        field: NDArray[np.floating],
        node_bound: NDArray[np.float64],
        weights: NDArray[np.float64],
    ) -> "Quantity":
        """The quantity of a field, of which |field − u| ≤ node_bound is proven, and weights w."""
        exact = equations.held(field)  # the proof takes the values of the fixed nodes to the bit
        try:
            values = solve_linearised(equations, exact, weights, TOLERANCE)
        except ConvergenceError:  # without a correction, the nodes alone bound it
            values = np.zeros(equations.lattice)
        adjoint = Adjoint(equations, exact, weights, values)
        return cls(*adjoint.quantity(node_bound), 0.0).about(field, weights)

    def about(self, field: NDArray[np.floating], weights: ArrayLike) -> "Quantity":
        """The same with `of_field` of another field on the lattice."""
        return replace(self, of_field=float((np.asarray(weights, np.float64) * field).sum()))


class Adjoint(NamedTuple):
    """λ, and what it belongs to.

    Attributes:
        equations: of the problem.
        field: û, with the values of the fixed nodes.
        weights: w.
        values: λ on the lattice.
    """

    equations: Equations
    field: NDArray[np.float64]
    weights: NDArray[np.float64]
    values: NDArray[np.float64]

    def bound(self, node_bound: NDArray[np.float64]) -> NDArray[np.float64]:
        """At least |λ − λ*| on the lattice, for a bound b of the field, or a ConvergenceError."""
        equations, unit = self.equations, self.equations.unit
        source = self._residual(node_bound)
        least = equations.least_slope(self.field, node_bound)
        # a decay that is too slow for a medium is none
        fastest = np.maximum(FASTEST / 4 - np.asarray(equations.problem.medium.decay) / unit, 0.0)
        least = np.where(np.less(least, 2 * SLOWEST), 0.0, np.minimum(least, fastest))
        upper = equations.linear(source * unit, decay=least * unit / SLACK)
        zeros = np.zeros(equations.lattice)
        return corrected(zeros, upper).bound_of(zeros) * SLACK

    def quantity(self, node_bound: NDArray[np.float64]) -> tuple[float, float]:
        """J(û) − Σ λ F(û), and at least its error."""
        equations, unit = self.equations, self.equations.unit
        residual = equations.residual(self.field.astype(EXTENDED))
        # in double precision, so that it covers the coefficients' own rounding
        _, rounding = equations.residual_with_rounding(self.field, np.float64)
        remainder = self._residual(node_bound) * node_bound
        remainder += np.abs(self.values) * rounding
        remainder *= equations.free
        terms = self.weights * self.field.astype(EXTENDED)
        terms -= self.values * residual * unit
        value = float(terms.sum())
        # of the sum, its terms, and its rounding to float64
        roundings = (terms.size + 4) * float(np.finfo(EXTENDED).eps)
        bound = float(remainder.sum()) * unit * (1 + terms.size * EPSILON)
        bound += float(np.abs(terms).sum()) * roundings + 2 * EPSILON * abs(value)
        return value, bound * SLACK + float(np.finfo(np.float64).tiny)  # of products that underflow

    def _residual(self, node_bound: NDArray[np.float64]) -> NDArray[np.float64]:
        """At least |ρ| + δ |λ| on the free nodes, divided by the unit of the equations."""
        equations, unit = self.equations, self.equations.unit
        applied, sizes = equations.volumes.apply_with_sizes(self.values)
        slope = equations.slope(self.field) * self.values
        residual = np.abs(self.weights / unit - applied - slope)
        sizes += np.abs(self.weights) / unit + np.abs(slope)
        residual += (STENCIL + 8) * EPSILON * sizes
        residual += equations.change_of_slope(self.field, node_bound) * np.abs(self.values)
        return residual
