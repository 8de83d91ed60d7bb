"""The equations of any problem, line by line and without any of the package's operators."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics import (
    CappedUptake,
    FixedFlux,
    FixedValue,
    Medium,
    MichaelisMenten,
    Problem,
    Robin,
    parts_of,
)
from diffkeras.physics.problem.sides import both_sides

NAMES = (("front", "back"), ("top", "bottom"), ("left", "right"))
MOST_STEPS = 80
EPSILON = np.finfo(np.longdouble).eps


def reference(problem: Problem) -> tuple[NDArray[np.longdouble], float]:
    """The field, (rows, columns), and at most its error, by Newton's method with dense matrices.

    Steps are solved in double precision. What they leave is computed in extended precision, and
    corrected until it is rounding.
    """
    parts = {name: np.longdouble(part) for name, part in parts_of(problem).items()}
    matrix, supply = assembled(problem, parts)
    free, field = ~problem.fixed.ravel(), problem.values.astype(np.longdouble).ravel()
    if not free.any():
        return field.reshape(problem.lattice), 0.0
    field[free] = 0
    before = np.inf
    for _ in range(MOST_STEPS):
        rate, slope = _uptake(problem, field, parts)
        remainder = (matrix @ field + rate - supply)[free]
        jacobian = matrix[np.ix_(free, free)] + np.diag(slope[free])
        scale = np.diag(jacobian)
        inverse = np.linalg.inv((jacobian / scale[:, None]).astype(np.float64))
        size = np.abs(remainder / scale).max() or np.longdouble(1)
        correction = inverse @ (remainder / scale / size).astype(np.float64) * size
        field[free] -= correction
        largest = np.abs(correction).max()
        if (
            largest <= 4 * EPSILON * np.abs(field).max()
            or largest >= before < 1e-12 * abs(field).max()
        ):
            break
        before = largest
    sizes = np.abs(matrix) @ np.abs(field) + np.abs(rate) + np.abs(supply)
    rounding = np.abs(inverse) @ (8 * EPSILON * sizes[free] / scale).astype(np.float64)
    return field.reshape(problem.lattice), float(4 * (rounding.max() + largest))


def residual(problem: Problem, field: NDArray, parts: Mapping[str, Any]) -> NDArray:
    """F on the free nodes and u − c on the fixed ones, in the precision of the parts."""
    matrix, supply = assembled(problem, parts)
    rate, _ = _uptake(problem, field.ravel(), parts)
    result = (matrix @ field.ravel() + rate - supply).reshape(problem.lattice)
    return np.where(problem.fixed, field - parts["values"], result)


def jacobian(problem: Problem, field: NDArray, parts: Mapping[str, Any]) -> NDArray[np.float64]:
    """dF/du, dense."""
    matrix, _ = assembled(problem, parts)
    _, slope = _uptake(problem, field.ravel(), parts)
    fixed = problem.fixed.ravel()
    matrix += np.diag(slope)
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


def assembled(
    problem: Problem, parts: Mapping[str, Any]
) -> tuple[NDArray[np.longdouble], NDArray[np.longdouble]]:
    """A (nodes, nodes) and what production and sides supply, in the order of rows."""
    lattice, step = problem.lattice, parts["step"]
    number = np.arange(np.prod(lattice)).reshape(lattice)
    matrix = np.diag(np.broadcast_to(parts["decay"], lattice).ravel())
    supply = np.array(parts["production"]).ravel()

    def couple(one: NDArray, other: NDArray, diffusivity: NDArray) -> None:
        a, b = diffusivity.ravel()[one], diffusivity.ravel()[other]
        coupling = 2 * a * b / (a + b) / step**2
        for here, there in ((one, other), (other, one)):
            matrix[here, here] += coupling
            matrix[here, there] -= coupling

    for axis, sides in enumerate(problem.medium.sides):
        key = "diffusivity" if "diffusivity" in parts else f"diffusivity.{axis}"
        diffusivity = np.broadcast_to(parts[key], lattice)
        lines = np.moveaxis(number, axis, 0)
        for one, other in pairwise(lines):
            couple(one.ravel(), other.ravel(), diffusivity)
        if sides == "periodic":
            if len(lines) > 1:
                couple(lines[-1].ravel(), lines[0].ravel(), diffusivity)
            continue
        names = NAMES[axis - len(lattice)]
        for name, side, nodes in zip(names, both_sides(sides), (lines[0], lines[-1]), strict=True):
            beside = diffusivity.ravel()[nodes]
            if isinstance(side, FixedValue) or side == "absorbing":
                drained = beside / step**2
                outside = parts.get(f"boundary.{name}.value", 0.0)
            elif isinstance(side, Robin):
                # α(u − u₀) and half a step of diffusion in series
                speed, half = parts[f"boundary.{name}.coefficient"], 2 * beside / step
                drained = speed * half / (speed + half) / step
                outside = parts[f"boundary.{name}.value"]
            elif isinstance(side, FixedFlux):
                supply[nodes] += parts[f"boundary.{name}.flux"] / step
                continue
            else:
                continue
            matrix[nodes, nodes] += drained
            supply[nodes] += drained * outside
    return matrix, supply


def random_general_problem(seed: int) -> Problem:
    """A small problem of any kind, of moderate contrasts."""
    rng = np.random.default_rng(seed)
    dimensions = 3 if rng.random() < 0.2 else 2
    shape = tuple(rng.integers(1, 4 if dimensions == 3 else 7, dimensions))

    def nodes(low: float, high: float) -> NDArray:
        return np.exp(rng.uniform(np.log(low), np.log(high), shape))

    def number(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    def some(low: float, high: float) -> Any:
        return nodes(low, high) if rng.random() < 0.5 else number(low, high)

    names = NAMES[-dimensions:]
    boundary: dict[str, Any] = {}
    for axis, pair in enumerate(names):
        if rng.random() < 0.2:
            boundary |= dict.fromkeys(pair, "periodic")
            continue
        along = shape[:axis] + shape[axis + 1 :]
        for name in pair:
            each = rng.uniform(0, 2, along) if rng.random() < 0.5 else float(rng.uniform(0, 2))
            boundary[name] = [
                "absorbing",
                "reflecting",
                FixedValue(each),
                FixedFlux(each),
                Robin(number(0.1, 3), each),
                Robin(each, number(0.1, 3)),
            ][rng.integers(6)]
    uniform = rng.random() < 0.3
    draw = number if uniform else some
    diffusivity: Any = draw(0.3, 3)
    if rng.random() < 0.2:
        diffusivity = tuple(number(0.3, 3) for _ in shape)
    medium = Medium(diffusivity, draw(0.01, 0.5), float(rng.uniform(0.5, 2)), boundary, dimensions)
    kind = rng.integers(4)
    uptake: Any = None
    if kind == 1:
        uptake = MichaelisMenten(some(0.01, 1), some(0.05, 2))
    elif kind == 2:
        uptake = CappedUptake(some(0.01, 1), some(0.05, 2))
    fixed = rng.random(shape) < rng.choice([0.0, 0.1, 0.4])
    values = rng.uniform(0.2, 2, shape) * fixed
    production = rng.uniform(0, 0.5, shape) if rng.random() < 0.6 or not fixed.any() else None
    return Problem(values, fixed=fixed, production=production, uptake=uptake, medium=medium)
