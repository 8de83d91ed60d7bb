"""The equations of any problem, node by node and without any of the package's operators."""

import itertools
from collections.abc import Mapping
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
)
from diffkeras.physics.problem.sides import both_sides

SIDES = ("absorbing", "reflecting", "periodic")


def residual(problem: Problem, field: NDArray, parts: Mapping[str, Any]) -> NDArray:
    """F on the free nodes and u − c on the fixed ones, in the precision of the parts."""
    shape = problem.lattice
    h = parts["step"]
    result = parts["decay"] * field - parts["production"]
    if "uptake.maximum" in parts:
        most = parts["uptake.maximum"]
        if "uptake.constant" in parts:
            constant = parts["uptake.constant"]
            result = result + np.where(
                field > 0, most * field / (constant + np.maximum(field, 0)), most * field / constant
            )
        else:
            result = result + np.minimum(most, parts["uptake.rate_constant"] * field)
    names = (("front", "back"), ("top", "bottom"), ("left", "right"))[-len(shape) :]
    result = np.array(np.broadcast_to(result, shape), dtype=np.longdouble)
    for axis in range(len(shape)):
        key = "diffusivity" if "diffusivity" in parts else f"diffusivity.{axis}"
        diffusivity = np.broadcast_to(parts[key], shape)
        sides = both_sides(problem.medium.sides[axis])
        for node in itertools.product(*map(range, shape)):
            for end, step in ((0, -1), (1, 1)):
                other = list(node)
                other[axis] += step
                own = diffusivity[node]
                if not 0 <= other[axis] < shape[axis]:
                    side = sides[end]
                    along = node[:axis] + node[axis + 1 :]
                    prefix = f"boundary.{names[axis][end]}."
                    number = {
                        key.removeprefix(prefix): part[along] if np.ndim(part) else part
                        for key, part in parts.items()
                        if key.startswith(prefix)
                    }
                    if isinstance(side, FixedValue):
                        result[node] += own / h**2 * (field[node] - number["value"])
                        continue
                    if isinstance(side, FixedFlux):
                        result[node] -= number["flux"] / h
                        continue
                    if isinstance(side, Robin):
                        alpha = number["coefficient"]
                        # the field on the side, half a step away, from equal fluxes
                        on_side = (2 * own / h * field[node] + alpha * number["value"]) / (
                            2 * own / h + alpha
                        )
                        result[node] += alpha * (on_side - number["value"]) / h
                        continue
                    if side == "absorbing":
                        result[node] += own / h**2 * field[node]
                    if side != "periodic":
                        continue
                    other[axis] %= shape[axis]
                    if shape[axis] == 1:
                        continue
                there = diffusivity[tuple(other)]
                mean = 2 * own * there / (own + there)
                result[node] += mean / h**2 * (field[node] - field[tuple(other)])
    return np.where(problem.fixed, field - parts["values"], result)


def jacobian(problem: Problem, field: NDArray, parts: Mapping[str, Any]) -> NDArray[np.float64]:
    """dF/du, dense, by differences: F is linear in u but for the uptake of a node by itself."""
    size = field.size
    columns = np.empty((size, size))
    for number in range(size):
        change = np.zeros(size, np.longdouble)
        change[number] = 1e-7 * (abs(field).max() or 1)
        change = change.reshape(field.shape)
        difference = residual(problem, field + change, parts) - residual(
            problem, field - change, parts
        )
        columns[:, number] = (difference / (2 * change.max())).ravel()
    return columns


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

    names = (("front", "back"), ("top", "bottom"), ("left", "right"))[-dimensions:]
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
