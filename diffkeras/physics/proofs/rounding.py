"""A bound, not an estimate, of the error that rounding puts into a computed field.

A computed field f leaves a residual ρ of A f = s, or A f = 0, on the free nodes. For the
M-matrix A_ff of the free nodes |A_ff⁻¹ρ| ≤ ‖A_ff⁻¹‖∞ max|ρ|, and both factors are bounded:

- ρ is computed by the stencil, which itself rounds (`finite_volumes`).
- ‖A_ff⁻¹‖∞ = max A_ff⁻¹1 ≤ max ψ for every barrier ψ ≥ 0 with Aψ ≥ 1 on the free nodes, by the
  comparison principle (Varga 2000, §3.5; Ciarlet 1970). Barriers are the constant 1/γ, the parabola
  (i + 1)(N − i) h²/2D across an absorbing axis (at most (N + 1)² h²/8D), and, where neither exists
  or both are large, the field of unit density on all nodes whose sum the ring takes out again.

Where no axis absorbs, no node is fixed and decay is slow, 1/γ is large. There the mean of the error
is known from the balance, (γΣf − Σs)/(γ · nodes), whose sums are exact. What is left of ρ has the
mean 0, and for such ρ ‖A⁻¹ρ‖∞ ≤ ‖A⁻¹ρ‖₂ ≤ ‖ρ‖₂/κ, with A's least eigenvalue κ of functions
that aren't constant.
"""

import math

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.arguments import largest
from diffkeras.physics.equations import Equations
from diffkeras.physics.linear.axis import longest_crossing
from diffkeras.physics.linear.finite_volumes import EPSILON, SLACK, STENCIL, rounding_of


def rounding_allowance(equations: Equations, field: NDArray[np.float64]) -> float:
    """The bound of |A_ff⁻¹ρ| of a field that should satisfy the equation on the free nodes."""
    operator, free, production = equations.operator, equations.free, equations.production
    if not free.any():
        return 0.0
    residual, size = operator.volumes.apply_with_largest_size(field)
    if production is not None:
        residual -= production
        size += equations.largest_size_of_production
    np.copyto(residual, 0.0, where=equations.fixed)
    rounding = rounding_of(STENCIL, np.float64) * size
    most = (largest(residual) + rounding) * SLACK  # at least |A f − s|
    if not (operator.is_deflated and free.all()):
        return inverse_norm_bound(equations) * most
    # no node is fixed, so that γ > 0
    spread = math.sqrt(field.size) * most / operator.constant_eigenvalue
    produced = 0.0 if production is None else math.fsum(production.ravel().tolist())
    lost = operator.decay * math.fsum(field.ravel().tolist())
    # of the sums, and of the product
    rounding = rounding_of(2, np.float64) * (abs(produced) + abs(lost))
    if not equations.given_problem.medium.has_homogeneous_sides:  # what they add is rounded
        assert equations.sizes_of_production is not None
        rounding += EPSILON * math.fsum(equations.sizes_of_production.ravel().tolist())
    imbalance = (abs(lost - produced) + rounding) / operator.decay / field.size
    return (spread + imbalance) * SLACK**2  # for κ and the last operations


def inverse_norm_bound(equations: Equations) -> float:
    """The least bound of ‖A_ff⁻¹‖∞ [time] by the three barriers; 0 without free nodes."""
    if equations.fixed.all():
        return 0.0
    operator, ring = equations.operator, equations.ring
    bound = operator.inverse_norm
    if bound <= longest_crossing(operator.axes, operator.couplings) or not ring.size:
        return bound
    density = np.ones(operator.lattice)
    density[ring.nodes] -= density.size / ring.size
    barrier = operator.inverse(density)
    lowest = float(barrier[ring.nodes].min())
    # adding a constant K adds γK and what leaves through absorbing sides: no harm where K ≥ 0
    barrier -= lowest if operator.is_singular else min(lowest, 0.0)
    applied = operator.volumes.apply_rounded_down(barrier)
    applied[ring.nodes] = np.inf
    least = float(applied.min())
    # fixed nodes inside the sources count as free here, which only makes the barrier larger
    return min(bound, float(barrier.max()) / least) if least > 0.5 else bound
