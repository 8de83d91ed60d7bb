"""Derivatives of a field by the parts of its problem, quantities, and proofs for both.

At the solution u, F(u, p) = A u + φ(u) − s = 0 on the free nodes. For a scalar J(u) with the
derivative w = ∂J/∂u, the adjoint λ solves

    (A + φ'(u)) λ = w on the free nodes,    λ = 0 on the fixed ones,

a linear problem with the same operator, as A is symmetric. Then dJ/dp = −λᵀ F_p for every part p
(`linearisation`), and dJ/dc = w − A λ on the fixed nodes (Giles & Pierce 2000; Plessix 2006). Along
a change ṗ of the parts, the tangent u̇ solves (A + φ'(u)) u̇ = −F_p ṗ on the free nodes, and u̇ = ċ on
the fixed ones.

Now let û be any field with the fixed values and |u − û| ≤ b on the free nodes, d = φ'(û), and λ any
array that is 0 on the fixed nodes, which leaves the residual ρ = w − (A + d) λ.

**The adjoint.** With d* = φ'(u), |d* − d| ≤ δ and d* ≥ d_min,

    |λ − λ*| = |(A + d*)⁻¹ (ρ + (d − d*) λ)| ≤ (A + d_min)⁻¹ (|ρ| + δ |λ|).

**A quantity** J(u) = Σ w u. As F(û) = −(A + D)(u − û) for slopes D between those at û ± b,

    J(u) − J(û) = Σ ((A + d) λ + ρ)(u − û) = −Σ λ F(û) + Σ λ (d − D)(u − û) + Σ ρ (u − û),

so J(û) − Σ λ F(û) is wrong by at most Σ (|λ| δ + |ρ|) b, which is of second order: a product of two
errors (Becker & Rannacher 2001; Pierce & Giles 2000). Rounding is included.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import ConvergenceError, PhysicsError
from diffkeras.physics.arguments import FASTEST, SLOWEST, ReadOnlyArrays, largest, real_array
from diffkeras.physics.derivatives.linearisation import Linearisation, PullBack
from diffkeras.physics.equations import Equations
from diffkeras.physics.linear.finite_volumes import EXTENDED, SLACK, rounding_of
from diffkeras.physics.linear.steps import ESTIMATE_MARGIN, SINGLE_REDUCTION, Goal, LinearSteps
from diffkeras.physics.problem.parts import check_names, parts_of
from diffkeras.physics.problem.problem import Problem, check_finite
from diffkeras.physics.steady.table import corrected, solve_equations
from diffkeras.system.environment import blas_threads

TOLERANCE = 1e-6  # of a quantity's adjoint, whose error is multiplied by the error of the field
LATER_REDUCTION = 1e-5  # of corrections after the first, so that two of them meet most tolerances
MOST_STALLED = 2  # corrections without progress, which is then due to rounding
MOST_EASY = 8  # iterations of a correction; in tissues there are three to seven
WRONG_ESTIMATE = 2.0  # by how much a correction may exceed its first estimate


def solve_linearised(
    equations: Equations,
    field: NDArray[np.float64],
    right_hand_side: NDArray[np.float64],
    tolerance: float,
    values: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """x with (A + d) x = b on the free nodes and x = c, 0 by default, on the fixed ones.

    d = φ'(u) are the slopes of uptake at a field. x is right to about the tolerance times its
    largest |value|, and nothing is proven. In a uniform medium without saturating uptake the
    solvers of the table take it as a problem of its own, with the ring's factors of the field. In
    others, conjugate gradients correct the residual, with the multigrid cycle of the field itself.
    """
    linear = equations.linear(right_hand_side, values)
    if not linear.scale:
        return linear.hold(np.zeros(equations.lattice))
    if equations.problem.is_uniform:
        solution, *_ = solve_equations(linear, tolerance)
        return solution.astype(np.float64, copy=False)
    solution = _by_corrections(equations, equations.slope(field), linear, tolerance)
    return linear.hold(linear.leave(solution, None)[0])


def _by_corrections(
    equations: Equations, slope: NDArray | float, linear: Equations, tolerance: float
) -> NDArray[np.float64]:
    """Corrections until one is so small that the next one would be within the tolerance.

    Single precision may lose a slow decay beside the couplings; the next correction then finds
    more than the last one's estimate. So an estimate counts if the one before it has come true, and
    if it asks no more of single precision. In extreme media, where iterations are many or a
    correction is much larger than its first estimate, only a correction within the tolerance ends
    it.
    """
    steps = LinearSteps(equations)  # which keep their cycle
    right_side = 0.0 * linear.values if linear.production is None else linear.production
    result: NDArray = np.array(linear.enter(linear.values))
    size = largest(result)
    aim, best, stalled = ESTIMATE_MARGIN * tolerance, np.inf, 0
    promised, is_hard = 0.0, False
    while True:
        residual, goal = right_side, Goal(SINGLE_REDUCTION, relative_error=aim)
        if size:
            residual = equations.volumes.apply(result)
            if not equations.is_linear:
                residual += slope * result
            np.subtract(right_side, residual, out=residual)
            np.copyto(residual, 0.0, where=equations.fixed)
            goal = Goal(LATER_REDUCTION, 0.0 if is_hard else aim * size)
        done = steps.iterations
        step = steps.solve(slope, residual, goal)
        del residual
        result += step.solution
        left, change, size = step.first_estimate, largest(step.solution), largest(result)
        is_hard |= steps.iterations - done > MOST_EASY or change > WRONG_ESTIMATE * left
        if is_hard:
            left = change
        is_trusted = not is_hard and left <= promised and SINGLE_REDUCTION * left <= aim * size
        if left <= aim * size or (is_trusted and step.estimate <= aim * size):
            return np.asarray(result, np.float64)
        promised = 2 * step.estimate
        stalled = 0 if left < best / 2 else stalled + 1
        best = min(best, left)
        if stalled > MOST_STALLED and result.dtype != EXTENDED:
            result, best, stalled = result.astype(EXTENDED), np.inf, 0
        elif stalled > MOST_STALLED:
            raise ConvergenceError(
                f"the derivatives' error is about {left / size:.1e} of their largest value, and "
                f"the tolerance is {tolerance:g}; ask for {2 * left / size:.0e} or more, or give "
                "more decay"
            )


class Adjoint(NamedTuple):
    """λ on the lattice (`values`), and what it belongs to: û, with the fixed values, and w."""

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
        bound = float(remainder.sum()) * unit * (1 + rounding_of(terms.size, np.float64))
        bound += float(np.abs(terms).sum()) * rounding_of(terms.size + 4, EXTENDED)
        bound += rounding_of(1, np.float64) * abs(value)
        return value, bound * SLACK + float(np.finfo(np.float64).tiny)  # of products that underflow

    def _residual(self, node_bound: NDArray[np.float64]) -> NDArray[np.float64]:
        """At least |ρ| + δ |λ| on the free nodes, divided by the unit of the equations."""
        equations, unit = self.equations, self.equations.unit
        applied, sizes = equations.volumes.apply_with_sizes(self.values)
        slope = equations.slope(self.field) * self.values
        residual = np.abs(self.weights / unit - applied - slope)
        sizes += np.abs(self.weights) / unit + np.abs(slope)
        residual += rounding_of(equations.roundings, np.float64) * sizes  # as of F
        residual += equations.change_of_slope(self.field, node_bound) * np.abs(self.values)
        return residual


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


class Derivatives(ReadOnlyArrays, Mapping[str, Any]):
    """The derivatives of a scalar J(u) by the parts of a problem, each computed when it is read.

    A mapping by the names of `parts_of`: numbers, and arrays of the parts' shapes. Where an uptake
    with a cap is at its corner, uptake at its maximum is taken.

    Args:
        equations: of the problem.
        field: on the lattice, near the solution; its fixed nodes get their values.
        cotangent: ∂J/∂u on the lattice.
        tolerance: of λ, relative to its largest |value|.
        solution: whose `node_bound` is read, if `adjoint_bound` is asked for.

    Attributes:
        problem: whose parts.
        adjoint: λ on the lattice, dJ/ds of the production. It can't be changed.
    """

    def __init__(
        self,
        equations: Equations,
        field: NDArray[np.floating],
        cotangent: NDArray[np.float64],
        tolerance: float,
        solution: Any,
    ) -> None:
        self._equations = equations
        self.problem = equations.given_problem
        self._field = equations.held(field)
        self._cotangent = cotangent
        self._solution = solution
        self.adjoint = solve_linearised(equations, self._field, cotangent, tolerance)
        self.adjoint.setflags(write=False)
        self._pull_back = PullBack(equations, self._field, self.adjoint)

    def __iter__(self) -> Iterator[str]:
        return iter(parts_of(self.problem))

    def __len__(self) -> int:
        return len(parts_of(self.problem))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self)})"

    @blas_threads()
    def __getitem__(self, name: str) -> Any:
        if name == "values":
            # fixed nodes inside have no influence, but for their own values'
            result = np.zeros(self.problem.lattice)
            np.copyto(result, self._cotangent, where=self.problem.fixed)
            nodes = self._equations.ring.nodes
            inflow = self._equations.volumes.inflow(self.adjoint, nodes)
            result[nodes] += inflow * self._equations.unit
            return result
        if name not in (parts := parts_of(self.problem)):
            raise KeyError(f"{name!r:.60}; the parts are {', '.join(parts)}")
        return self._pull_back.of(name)

    @cached_property
    @blas_threads()
    def adjoint_bound(self) -> NDArray[np.float64]:
        """At least |λ − λ*| node by node, λ* being the adjoint at the exact field.

        It is proven when it is first read. λ is dJ/ds, the derivative by the production.

        Raises:
            ConvergenceError: no bound was found.
        """
        adjoint = Adjoint(self._equations, self._field, self._cotangent, self.adjoint)
        return adjoint.bound(self._solution.node_bound)


def tangent(
    equations: Equations,
    field: NDArray[np.floating],
    direction: Mapping[str, ArrayLike],
    tolerance: float,
) -> NDArray[np.float64]:
    """u̇ on the lattice, or a PhysicsError for a direction that can't be one."""
    changes, exact = _checked(equations.given_problem, direction), equations.held(field)
    right_hand_side = -Linearisation(equations, exact).change(changes)
    return solve_linearised(equations, exact, right_hand_side, tolerance, changes.get("values"))


def _checked(problem: Problem, direction: Mapping[str, ArrayLike]) -> dict[str, Any]:
    check_names(direction, problem)
    parts, changes = parts_of(problem), {}
    for name, change in direction.items():
        values = real_array(f"the change of {name}", change)
        if values.shape not in ((), np.shape(parts[name])):
            raise PhysicsError(
                f"the change of {name} has shape {values.shape}, and the part "
                f"{np.shape(parts[name]) or 'is a number'}"
            )
        check_finite(f"the change of {name}", values)
        changes[name] = np.broadcast_to(values, np.shape(parts[name]))
    return changes
