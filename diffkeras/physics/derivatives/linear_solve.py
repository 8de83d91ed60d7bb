"""Fields of the linearised equations, (A + d) x = b on the free nodes and x = c on the fixed ones.

d = φ'(u) are the slopes of uptake at a field. In a uniform medium without saturating uptake the
solvers of the table take it as a problem of its own. In others, conjugate gradients correct the
residual, with the hierarchy that the field itself was solved with (`linear_steps`). Nothing is
proven here.
"""

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.equations.nonlinear import equations_of
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.solvers.linear_steps import Goal, LinearSteps
from diffkeras.physics.solvers.table import SOLVERS, cheapest

REDUCTION = 1e-4  # of a residual in one step: single precision gives no more digits
STALLED = 2  # corrections without progress, which is then due to rounding
MARGIN = 0.7  # share of the tolerance that the estimated error may have


def solve_linearised(
    problem: Problem,
    field: NDArray[np.float64],
    right_hand_side: NDArray[np.float64],
    tolerance: float,
    values: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """x on the lattice, right to about the tolerance times its largest |value|.

    Args:
        problem: one image without given sides (`Problem.homogeneous`).
        field: at which d is taken.
        right_hand_side: b on the lattice; it has no effect on fixed nodes.
        tolerance: relative.
        values: c, on the lattice; by default 0.

    Raises:
        ConvergenceError: the tolerance was not met.
    """
    free, unit = ~problem.fixed, problem.medium.unit
    supply = np.where(free, right_hand_side, 0.0)
    fixed_values = np.zeros(problem.lattice)
    if values is not None:
        fixed_values[problem.fixed] = values[problem.fixed]
    size = max(largest(supply) / unit, largest(fixed_values))
    if not size:
        return fixed_values
    supply /= size
    fixed_values /= size
    if problem.is_uniform:
        result = _by_transforms(problem, supply, fixed_values, tolerance)
    else:
        result = _by_corrections(problem, field, supply / unit, fixed_values, tolerance)
    result *= size
    return result


def _by_transforms(
    problem: Problem,
    supply: NDArray[np.float64],
    values: NDArray[np.float64],
    tolerance: float,
) -> NDArray[np.float64]:
    production = supply if supply.any() else None
    linear = Problem.of_parts(problem.medium, values, problem.fixed, production, None)
    if not linear.scale:
        return values.copy()
    options = {"tolerance": tolerance, "precision": np.dtype(np.float64), "threads": 1}
    field, _, _ = SOLVERS[cheapest(linear)].solve(linear, **options)
    result = np.multiply(field, linear.scale, dtype=np.float64)
    np.copyto(result, values, where=problem.fixed)
    return result


def _by_corrections(
    problem: Problem,
    field: NDArray[np.float64],
    supply: NDArray[np.float64],
    values: NDArray[np.float64],
    tolerance: float,
) -> NDArray[np.float64]:
    equations = equations_of(problem)
    steps, slope = LinearSteps(equations), equations.slope(field)
    result, aim = values.copy(), MARGIN * tolerance
    best, stalled = np.inf, 0
    while True:
        size, residual = largest(result), supply.copy()
        if size:
            residual -= equations.volumes.apply(result)
            residual -= slope * result
        residual *= equations.free
        goal = Goal(REDUCTION, near=aim * size, share=0.0 if size else aim)
        move = steps.solve(slope, residual, goal)
        result += move.solution
        if move.estimate <= aim * largest(result):
            return result
        stalled = 0 if move.first_estimate < best / 2 else stalled + 1
        best = min(best, move.first_estimate)
        if stalled > STALLED:
            raise ConvergenceError(
                f"the linearised equations were solved to {move.estimate / largest(result):.1e} "
                f"only, and the tolerance is {tolerance:g}: take a larger one"
            )
