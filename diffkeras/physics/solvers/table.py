"""The table of solvers: how each one solves equations, and the time that it is likely to take."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import LARGEST, SMALLEST, check_choice, largest
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import SLACK
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.solvers.correction import KnownBounds, Proof, RingProof
from diffkeras.physics.solvers.interface import Options, Solved, SolveStatistics
from diffkeras.physics.solvers.newton import solve_by_newton
from diffkeras.physics.solvers.preconditioner import RingPreconditioner
from diffkeras.physics.solvers.uniform import DenseRing, RingIteration, solve_on_ring

SINGLE_PRECISION_TOLERANCE = 1e-6
SINGLE_ROUNDING = float(np.finfo(np.float32).eps) / 2  # the rounding of a field of size 1


class Solver(NamedTuple):
    """A way to solve equations with a fixed value or a production that is not 0."""

    solve: Callable[[Equations, Options], Solved]  # or a ConvergenceError
    seconds: Callable[[Equations], float]  # likely to be needed on one core; only ratios matter
    needs_uniform: bool  # whether it solves linear problems in uniform media only


def solve_directly(equations: Equations, options: Options) -> Solved:
    """The field by transforms and the ring system, which is factorised."""
    if "ring" not in equations.cache:
        equations.cache["ring"] = DenseRing(equations.operator, equations.ring)
    return solve_on_ring(equations, equations.cache["ring"], options)


def solve_iteratively(equations: Equations, options: Options) -> Solved:
    """The field by transforms and the ring system, which conjugate gradients solve."""
    operator, ring, cache = equations.operator, equations.ring, equations.cache
    if "preconditioner" not in cache:
        cache["preconditioner"] = RingPreconditioner(operator, ring)
    system = RingIteration(operator, ring, cache["preconditioner"])
    return solve_on_ring(equations, system, options)


def _seconds_of_factors(equations: Equations) -> float:
    """Of the entries of the ring matrix, and of Cholesky's method."""
    ring_nodes = equations.ring.size
    return 6e-9 * ring_nodes**2 + 7e-12 * ring_nodes**3


def _seconds_of_iterations(equations: Equations) -> float:
    """Of the preconditioner, and of usually five products, each a pair of transforms."""
    return 1.5e-5 * equations.ring.size + 5 * 2.7e-8 * equations.values.size


SOLVERS = {
    "ring": Solver(solve_directly, _seconds_of_factors, needs_uniform=True),
    "ring-cg": Solver(solve_iteratively, _seconds_of_iterations, needs_uniform=True),
    "newton-cg": Solver(
        solve_by_newton, lambda equations: 4e-6 * equations.values.size, needs_uniform=False
    ),
}
METHODS = ("auto", *SOLVERS)


def check_method(method: str, problem: Problem) -> None:
    """Raise an error for an unknown method, or one that can't solve such a problem."""
    check_choice("method", method, METHODS)
    if method == "auto" or not SOLVERS[method].needs_uniform or problem.is_uniform:
        return
    lacking = "a linear problem, and uptake saturates here"
    if not problem.reduced.medium.is_uniform:
        lacking = (
            "a uniform medium, and diffusivity, decay or uptake vary over the lattice here, or "
            "a side is a Robin side"
        )
    able = ", ".join(["auto", *_able(problem)])
    raise PhysicsError(f"method {method!r} needs {lacking}; choose one of {able}")


def cheapest(equations: Equations) -> str:
    """The name of the solver that is likely to take the least time."""
    if equations.problem.is_uniform and not equations.ring.size:
        return "ring"  # of no nodes: one pair of transforms
    return min(_able(equations.problem), key=lambda name: SOLVERS[name].seconds(equations))


def _able(problem: Problem) -> list[str]:
    """The methods that solve a problem."""
    return [
        name for name, solver in SOLVERS.items() if problem.is_uniform or not solver.needs_uniform
    ]


def solve_equations(
    equations: Equations,
    tolerance: float,
    *,
    method: str = "auto",
    initial: NDArray[np.float64] | None = None,
    may_be_single: bool = True,
) -> tuple[NDArray[np.floating], SolveStatistics, Proof]:
    """The field with the values of the fixed nodes, how it was solved, and what proves its bounds.

    Args:
        equations: of the problem.
        tolerance: relative to the field's largest |value|.
        method: one that solves the problem (`check_method`).
        initial: a field to start from.
        may_be_single: whether the field is float32 if the tolerance allows it; a PhysicsError if
            that doesn't hold the field.
    """
    name = cheapest(equations) if method == "auto" else method
    precision: np.dtype = np.dtype(np.float64)
    rounding = 0.0
    # float32 can't hold the field of ring values that are far below those inside a source
    is_tiny = equations.production is None and 0 < equations.ring_size < SMALLEST
    if may_be_single and tolerance >= SINGLE_PRECISION_TOLERANCE and not is_tiny:
        precision, rounding = np.dtype(np.float32), SINGLE_ROUNDING
    solved = _solved(name, equations, Options(tolerance - rounding, precision, initial))
    statistics = replace(solved.statistics, reached=solved.statistics.reached + rounding)
    exact, bound = equations.leave(solved.field, solved.bound)
    on_ring = exact[equations.ring.nodes].astype(precision)
    field = equations.hold(exact).astype(precision, copy=False)
    if bound is None:
        return field, statistics, RingProof(on_ring, tolerance)
    if field is not exact:
        bound += np.abs(exact - field)
    bound *= SLACK
    return field, statistics, KnownBounds(bound)


def _solved(name: str, equations: Equations, options: Options) -> Solved:
    lattice, precision = equations.lattice, options.precision
    if not equations.scale:  # every fixed node next to a free one is 0, and so are the free ones
        size = 0 if name == "newton-cg" else equations.ring.size
        statistics = SolveStatistics(name, size, precision=precision.name)
        return Solved(np.zeros(lattice), statistics, np.zeros(lattice))
    solved = SOLVERS[name].solve(equations, options)
    # fixed values are in the range of float32
    if equations.production is not None and precision == np.float32:
        most = largest(solved.field)
        if not SMALLEST <= most <= LARGEST:
            raise PhysicsError(
                f"the field's largest |value| is {most:.3g}, and in single precision it must be "
                f"{SMALLEST:g} to {LARGEST:g}: choose other units, or a tolerance below "
                f"{SINGLE_PRECISION_TOLERANCE:g}"
            )
    return solved
