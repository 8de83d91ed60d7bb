"""The equations of any problem, written node by node without the package's operators, and fields.

Terms are sums of flows between neighbours, which keep their digits where fields are nearly
constant. Fields are exact to extended precision.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from diffkeras.physics import CappedUptake, FixedFlux, FixedValue, Medium, Problem, Robin, parts_of
from diffkeras.physics.linear.axis import Axis
from diffkeras.physics.problem.sides import both_sides

NAMES = (("front", "back"), ("top", "bottom"), ("left", "right"))
MOST_STEPS = 80
EPSILON = np.finfo(np.longdouble).eps
SLOW = 0.1  # what a closed lattice loses, as a share of what passes between its nodes


@dataclass(frozen=True)
class PlainEquations:
    """row_sums·u + Σ coupling·(u − the neighbour's u) = production on each node, row by row.

    Attributes:
        ends: (2, pairs), the numbers of neighbouring nodes.
        coupling: (pairs,), 2ab/(a + b)/h² of their diffusivities a and b.
        row_sums: (nodes,), the decay and what sides take.
        production: (nodes,), with what sides give.
    """

    ends: NDArray[np.int64]
    coupling: NDArray[Any]
    row_sums: NDArray[Any]
    production: NDArray[Any]

    def apply(self, field: NDArray) -> NDArray:
        """A u."""
        result, (one, other) = self.row_sums * field, self.ends
        flow = self.coupling * (field[one] - field[other])
        np.add.at(result, one, flow)
        np.subtract.at(result, other, flow)
        return result

    def sizes(self, field: NDArray) -> NDArray:
        """The sums of |terms|."""
        result, (one, other) = (
            np.abs(self.row_sums * field) + np.abs(self.production),
            self.ends,
        )
        flow = np.abs(self.coupling * (field[one] - field[other]))
        np.add.at(result, one, flow)
        np.add.at(result, other, flow)
        return result

    def matrix(self, slope: Any = 0.0) -> sp.csr_array:
        """A with φ′ on its diagonal."""
        (one, other), nodes = self.ends, np.arange(self.row_sums.size)
        diagonal = self.row_sums + slope
        np.add.at(diagonal, self.ends.ravel(), np.tile(self.coupling, 2))
        rows, columns = np.hstack([nodes, one, other]), np.hstack([nodes, other, one])
        entries = np.hstack([diagonal, -self.coupling, -self.coupling])
        return sp.coo_array((entries, (rows, columns)), (nodes.size,) * 2).tocsr()


def assembled(problem: Problem, parts: Mapping[str, Any] | None = None) -> PlainEquations:
    """The equations of a problem with these parts in place of its own, in their precision."""
    parts = parts_of(problem) | dict(parts or {})
    lattice, step = problem.lattice, parts["step"]
    number = np.arange(math.prod(lattice)).reshape(lattice)
    row_sums = np.array(np.broadcast_to(parts["decay"], lattice)).ravel()
    production = np.array(parts["production"]).ravel()
    pairs, couplings = [np.zeros((2, 0), int)], [np.zeros(0)]
    for axis, sides in enumerate(problem.medium.sides):
        key = "diffusivity" if "diffusivity" in parts else f"diffusivity.{axis}"
        diffusivity = np.broadcast_to(parts[key], lattice).ravel()
        lines = [line.ravel() for line in np.moveaxis(number, axis, 0)]
        around = sides == "periodic" and len(lines) > 1
        for one, other in pairwise([*lines, *([lines[0]] if around else [])]):
            a, b = diffusivity[one], diffusivity[other]
            pairs.append(np.stack([one, other]))
            couplings.append(2 * a * b / (a + b) / step**2)
        if sides == "periodic":
            continue
        names = NAMES[axis - len(lattice)]
        for name, side, nodes in zip(names, both_sides(sides), (lines[0], lines[-1]), strict=True):
            given = {own: parts.get(f"boundary.{name}.{own}") for own in ("value", "coefficient")}
            if isinstance(side, FixedFlux):
                production[nodes] += np.ravel(parts[f"boundary.{name}.flux"]) / step
            elif side != "reflecting":
                drained = _drained(side, diffusivity[nodes], step, given["coefficient"])
                row_sums[nodes] += drained
                if given["value"] is not None:
                    production[nodes] += drained * np.ravel(given["value"])
    return PlainEquations(np.hstack(pairs), np.hstack(couplings), row_sums, production)


def _drained(side: Any, diffusivity: NDArray, step: Any, coefficient: Any) -> NDArray:
    """What a side takes from the nodes beside it, for each unit of u above its value."""
    if isinstance(side, Robin):  # α(u − u₀) and half a step of diffusion in series
        coefficient, half = np.ravel(coefficient), 2 * diffusivity / step
        return coefficient * half / (coefficient + half) / step
    assert isinstance(side, FixedValue) or side == "absorbing"
    return diffusivity / step**2


def matrix_of(lattice: tuple[int, ...], medium: Medium) -> sp.csr_array:
    """A = −D∇²_h + γ of all nodes, (nodes, nodes), in float64."""
    no_values = Problem(np.zeros(lattice), fixed=np.ones(lattice, bool), medium=medium)
    return assembled(no_values).matrix()


def second_difference(axis: Axis) -> sp.csr_array:
    """−δ² of one axis, (nodes, nodes)."""
    sides = "periodic" if "periodic" in axis.sides else tuple(axis.sides)
    return matrix_of((1, axis.nodes), Medium(1.0, 0.0, boundary=("periodic", sides)))


def residual(problem: Problem, field: NDArray, parts: Mapping[str, Any]) -> NDArray:
    """F on the free nodes and u − c on the fixed ones, in the precision of the parts."""
    equations = assembled(problem, parts)
    rate, _ = _uptake(problem, field.ravel(), parts)
    result = (equations.apply(field.ravel()) + rate - equations.production).reshape(problem.lattice)
    return np.where(problem.fixed, field - parts["values"], result)


def jacobian(problem: Problem, field: NDArray, parts: Mapping[str, Any]) -> NDArray[np.float64]:
    """dF/du, dense."""
    _, slope = _uptake(problem, field.ravel(), parts)
    matrix, fixed = assembled(problem, parts).matrix(slope).toarray(), problem.fixed.ravel()
    matrix[fixed] = np.eye(field.size)[fixed]
    return matrix.astype(np.float64)


def _uptake(problem: Problem, field: NDArray, parts: Mapping[str, Any]) -> tuple[NDArray, NDArray]:
    """φ and its derivative, (nodes,); below 0 it goes on as its tangent at 0."""
    if problem.uptake is None:
        return np.zeros_like(field), np.zeros_like(field)
    maximum, other = (
        np.broadcast_to(parts[f"uptake.{name}"], problem.lattice).ravel()
        for name in problem.uptake.parts
    )
    if isinstance(problem.uptake, CappedUptake):
        is_capped = (other * field >= maximum) | (maximum == 0)
        return np.where(is_capped, maximum, other * field), np.where(is_capped, 0, other)
    positive = np.maximum(field, 0)
    return maximum * field / (other + positive), maximum * other / (other + positive) ** 2


def reference(
    problem: Problem, parts: Mapping[str, Any] | None = None
) -> tuple[NDArray[np.longdouble], float]:
    """The field of one image, (rows, columns), and at most its error.

    Newton's method with direct solutions in double precision. What they leave is computed in
    extended precision, and corrected until it is rounding. The error is infinite if that fails.

    Args:
        problem: one image.
        parts: some in place of its own, also such that a Problem refuses.
    """
    exact = parts_of(problem) | dict(parts or {})
    exact = {name: np.longdouble(part) for name, part in exact.items()}
    field, free = exact["values"].ravel().copy(), ~problem.fixed.ravel()
    doubt = 0.0
    if free.any():
        field[free] = 0
        try:
            doubt = _improve(field, free, assembled(problem, exact), problem, exact)
        except RuntimeError:  # singular to rounding
            doubt = math.inf
    return field.reshape(problem.lattice), doubt


def solve_reference(problem: Any = None, **parts: Any) -> NDArray[np.float64]:
    """The field of a problem, or of the arguments of one, in float64."""
    problem = problem if isinstance(problem, Problem) else Problem(problem, **parts)
    field, doubt = reference(problem)
    assert doubt <= 1e-12 * np.abs(field).max()
    return field.astype(np.float64)


def _improve(
    field: NDArray[np.longdouble],
    free: NDArray[np.bool_],
    equations: PlainEquations,
    problem: Problem,
    parts: Mapping[str, Any],
) -> float:
    """Solve for the free nodes in place; returns at most the error."""
    closed, inverse, before = False, None, np.inf
    if free.all() and problem.uptake is None:
        closed, inverse = _closed(equations)
    for _ in range(MOST_STEPS):
        rate, slope = _uptake(problem, field, parts)
        if inverse is None or problem.uptake is not None:
            inverse = _inverse(equations.matrix(slope), free)
        start = field.copy()
        field += inverse(equations.production - rate - equations.apply(field))
        if closed:  # little decay determines the mean poorly, and the balance precisely
            missing = _sum(equations.production) - _sum(equations.row_sums * field)
            field += np.longdouble(missing) / equations.row_sums.sum()
        change, size = np.abs(field - start).max(), np.abs(field).max()
        if change <= 4 * EPSILON * size or change >= before < 1e-12 * size:
            break
        before = change
    rounding = inverse(8 * EPSILON * (equations.sizes(field) + np.abs(rate)))
    return float(4 * (rounding.max() + change + EPSILON * size * closed))


def _closed(equations: PlainEquations) -> tuple[bool, Callable[[NDArray], NDArray] | None]:
    """Whether so little is lost that the balance gives the mean, and the inverse for the rest."""
    others = np.arange(equations.row_sums.size) > 0
    if not others.any():
        return False, None
    inverse = _inverse(equations.matrix(), others)
    is_slow = bool(inverse(equations.row_sums).max() < SLOW)
    return is_slow, inverse if is_slow else None


def _inverse(matrix: sp.csr_array, nodes: NDArray[np.bool_]) -> Callable[[NDArray], NDArray]:
    """Solutions on some nodes, 0 on the others, in double precision from rows scaled to 1."""
    own = matrix[nodes][:, nodes]
    scale = own.diagonal()
    factors = sp.linalg.splu((sp.diags_array(1 / scale) @ own).astype(np.float64).tocsc())

    def solution(vector: NDArray) -> NDArray:
        result, shares = np.zeros(nodes.size, np.longdouble), vector[nodes] / scale
        size = np.abs(shares).max() or np.longdouble(1)
        result[nodes] = factors.solve((shares / size).astype(np.float64)) * size
        return result

    return solution


def _sum(values: NDArray[np.longdouble]) -> float:
    """Exact before its last rounding."""
    high = values.astype(np.float64)
    return math.fsum([*high, *(values - high).astype(np.float64)])
