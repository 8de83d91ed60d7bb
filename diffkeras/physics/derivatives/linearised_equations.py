"""Fields of the linearised equations, (A + d) x = b on the free nodes and x = c on the fixed ones.

d = φ'(u) are the slopes of uptake at a field. In a uniform medium without saturating uptake the
solvers of the table take it as a problem of its own, with the ring's factors of the field. In
others, conjugate gradients correct the residual, with the multigrid cycle that the field itself was
solved with. Nothing is proven here.
"""

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import EXTENDED
from diffkeras.physics.equations.linear_steps import (
    ESTIMATE_MARGIN,
    SINGLE_REDUCTION,
    Goal,
    LinearSteps,
)
from diffkeras.physics.solvers.table import solve_equations

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
    """x on the lattice, right to about the tolerance times its largest |value|.

    The right-hand side b has no effect on fixed nodes, whose values c are 0 by default.

    Raises:
        ConvergenceError: the tolerance was not met.
    """
    linear = equations.linear(right_hand_side, values)
    if not linear.scale:
        return np.zeros(equations.lattice)
    if equations.problem.is_uniform:
        solution, *_ = solve_equations(linear, tolerance, may_be_single=False)
        return solution.astype(np.float64, copy=False)
    solution = _by_corrections(equations, equations.slope(field), linear, tolerance)
    return linear.hold(linear.leave(solution, None)[0])


def _by_corrections(
    equations: Equations, slope: NDArray | float, linear: Equations, tolerance: float
) -> NDArray[np.float64]:
    """Corrections until one is so small that the next one would be within the tolerance.

    Each is computed in single precision, which may lose a slow decay beside the couplings. Then it
    leaves more than it estimates, which the next one finds by the residual in full precision. So
    the estimate of a correction counts if the one before it has come true, and if it asks no more
    of single precision than before.

    In extreme media estimates can be far too small: iterations are many then, or a correction is
    much larger than its first estimate. There, only a correction that is within the tolerance
    itself ends it.
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
