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
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.solvers.linear_steps import Goal, LinearSteps
from diffkeras.physics.solvers.statistics import Options
from diffkeras.physics.solvers.table import SOLVERS, cheapest

REDUCTION = 1e-4  # what a step leaves of a residual: single precision gives no more digits
STALLED = 2  # corrections without progress, which is then due to rounding
EXTENDED = np.dtype(np.longdouble)
MARGIN = 0.7  # share of the tolerance that the estimated error may have


def solve_linearised(
    equations: Equations,
    field: NDArray[np.float64],
    right_hand_side: NDArray[np.float64],
    tolerance: float,
    values: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """x on the lattice, right to about the tolerance times its largest |value|.

    Args:
        equations: of the problem.
        field: at which d is taken.
        right_hand_side: b on the lattice; it has no effect on fixed nodes.
        tolerance: relative.
        values: c, on the lattice; by default 0.

    Raises:
        ConvergenceError: the tolerance was not met.
    """
    unit, fixed = equations.unit, equations.fixed
    supply = np.where(fixed, 0.0, right_hand_side)
    fixed_values = np.zeros(equations.lattice)
    if values is not None:
        fixed_values[fixed] = values[fixed]
    size = max(largest(supply) / unit, largest(fixed_values))
    if not size:
        return fixed_values
    supply /= size
    fixed_values /= size
    if equations.problem.is_uniform:
        result = _by_transforms(equations, supply, fixed_values, tolerance)
    else:
        result = _by_corrections(equations, field, supply / unit, fixed_values, tolerance)
    result *= size
    return result


def _by_transforms(
    equations: Equations,
    supply: NDArray[np.float64],
    values: NDArray[np.float64],
    tolerance: float,
) -> NDArray[np.float64]:
    production = supply if supply.any() else None
    medium, fixed = equations.problem.medium, equations.fixed
    linear = Equations(Problem.of_parts(medium, values, fixed, production, None), equations)
    if not linear.scale:
        return values.copy()
    field = SOLVERS[cheapest(linear)].solve(linear, Options(tolerance)).field
    result = np.multiply(field, linear.scale, dtype=np.float64)
    np.copyto(result, values, where=fixed)
    return result


def _by_corrections(
    equations: Equations,
    field: NDArray[np.float64],
    supply: NDArray[np.float64],
    values: NDArray[np.float64],
    tolerance: float,
) -> NDArray[np.float64]:
    steps, slope = LinearSteps(equations), equations.slope(field)
    result: NDArray = values.copy()
    aim, best, stalled = MARGIN * tolerance, np.inf, 0
    while True:
        size, residual = largest(result), supply.astype(result.dtype)
        if size:
            residual -= equations.volumes.apply(result)
            residual -= slope * result
        residual *= equations.free
        move = steps.solve(slope, residual, Goal(REDUCTION, near=aim * size))
        result += move.solution
        # by the residual in full precision, of the field before this step: single precision, in
        # which steps are computed, may lose a slow decay beside the couplings
        if size and move.first_estimate <= aim * size:
            return result.astype(np.float64)
        stalled = 0 if move.first_estimate < best / 2 else stalled + 1
        best = min(best, move.first_estimate)
        if stalled > STALLED and result.dtype != EXTENDED:
            result, best, stalled = result.astype(EXTENDED), np.inf, 0
        elif stalled > STALLED:
            raise ConvergenceError(
                f"the linearised equations were solved to {move.first_estimate / size:.1e} only, "
                f"and the tolerance is {tolerance:g}: take a larger one, or more decay"
            )
