"""Proofs for adjoints and for the quantities that they give.

Let û be a field with the fixed values and |u − û| ≤ b on the free nodes, d = φ'(û), and λ any
array that is 0 on the fixed nodes, which leaves the residual ρ = w − (A + d) λ.

**The adjoint.** With d* = φ'(u), |d* − d| ≤ δ and d* ≥ d_min,

    |λ − λ*| = |(A + d*)⁻¹ (ρ + (d − d*) λ)| ≤ (A + d_min)⁻¹ (|ρ| + δ |λ|).

**A quantity** J(u) = Σ w u. As F(û) = −(A + D)(u − û) for slopes D between those at û ± b,

    J(u) − J(û) = Σ ((A + d) λ + ρ)(u − û) = −Σ λ F(û) + Σ λ (d − D)(u − û) + Σ ρ (u − û),

so J(û) − Σ λ F(û) is wrong by at most Σ (|λ| δ + |ρ|) b, which is of second order: a product of two
errors (Becker & Rannacher 2001; Pierce & Giles 2000). Rounding is included.
"""

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import EPSILON, EXTENDED, SLACK, STENCIL
from diffkeras.physics.limits import FASTEST, SLOWEST
from diffkeras.physics.solvers.correction import corrected


def adjoint_bound(
    equations: Equations,
    field: NDArray[np.float64],
    node_bound: NDArray[np.float64],
    adjoint: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """At least |λ − λ*| on the lattice, of one image.

    Raises:
        ConvergenceError: no bound was found.
    """
    source = _residual(equations, field, adjoint, weights)
    source += equations.change_of_slope(field, node_bound) * np.abs(adjoint)
    least, unit = equations.least_slope(field, node_bound), equations.unit
    # a decay that is too slow for a medium is none
    fastest = np.maximum(FASTEST / 4 - np.asarray(equations.problem.medium.decay) / unit, 0.0)
    least = np.where(np.less(least, 2 * SLOWEST), 0.0, np.minimum(least, fastest))
    upper = equations.linear(source * unit, decay=least * unit / SLACK)
    zeros = np.zeros(equations.lattice)
    return corrected(zeros, upper).bound_of(zeros) * SLACK


def quantity_of(
    equations: Equations,
    field: NDArray[np.float64],
    node_bound: NDArray[np.float64],
    adjoint: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> tuple[float, float]:
    """J(û) − Σ λ F(û), and at least its error, of one image."""
    unit = equations.unit
    residual = equations.residual(field.astype(EXTENDED))
    # in double precision, so that it covers the coefficients' own rounding
    _, rounding = equations.residual_with_rounding(field, np.float64)
    change = equations.change_of_slope(field, node_bound)
    remainder = _residual(equations, field, adjoint, weights) + change * np.abs(adjoint)
    remainder *= node_bound
    remainder += np.abs(adjoint) * rounding
    remainder *= equations.free
    terms = weights * field.astype(EXTENDED)
    terms -= adjoint * residual * unit
    value = float(terms.sum())
    # of the sum, its terms, and its rounding to float64
    roundings = (terms.size + 4) * float(np.finfo(EXTENDED).eps)
    bound = float(remainder.sum()) * unit * (1 + terms.size * EPSILON)
    bound += float(np.abs(terms).sum()) * roundings + 2 * EPSILON * abs(value)
    return value, bound * SLACK + float(np.finfo(np.float64).tiny)  # of products that underflow


def _residual(
    equations: Equations,
    field: NDArray[np.float64],
    adjoint: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """At least |w − (A + d) λ| on the lattice, in the units of the normalised medium."""
    unit = equations.unit
    applied, sizes = equations.volumes.apply_with_sizes(adjoint)
    slope = equations.slope(field) * adjoint
    residual = np.abs(weights / unit - applied - slope)
    sizes += np.abs(weights) / unit + np.abs(slope)
    residual += (STENCIL + 8) * EPSILON * sizes
    return residual
