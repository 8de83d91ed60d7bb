"""The table of solvers: how each one solves a problem, and the time that it is likely to take."""

from collections.abc import Callable
from typing import NamedTuple

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_choice
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.solvers.dense_ring import DenseRing
from diffkeras.physics.solvers.interface import Options, Solved
from diffkeras.physics.solvers.newton import solve_by_newton
from diffkeras.physics.solvers.production import field_of_production
from diffkeras.physics.solvers.ring_cg import RingIteration
from diffkeras.physics.solvers.ring_field import RingSystem, field_of_ring


class Solver(NamedTuple):
    """A way to solve equations with a fixed value or a production that is not 0.

    Attributes:
        solve: gives the field; a ConvergenceError if the tolerance was not met.
        seconds: that it is likely to take, of one core; only ratios matter.
        needs_uniform: whether it solves linear problems in uniform media only.
    """

    solve: Callable[[Equations, Options], Solved]
    seconds: Callable[[Equations], float]
    needs_uniform: bool


def solve_directly(equations: Equations, options: Options) -> Solved:
    """The field by transforms and the ring system, which is factorised."""
    if "ring" not in equations.cache:
        equations.cache["ring"] = DenseRing(equations.operator, equations.ring)
    return _solve_on_ring(equations, equations.cache["ring"], options)


def solve_iteratively(equations: Equations, options: Options) -> Solved:
    """The field by transforms and the ring system, which conjugate gradients solve."""
    return _solve_on_ring(equations, RingIteration(equations, options.threads), options)


def _solve_on_ring(equations: Equations, system: RingSystem, options: Options) -> Solved:
    solve = field_of_ring if equations.production is None else field_of_production
    return solve(equations, system, options)


def _seconds_of_factors(equations: Equations) -> float:
    """Of the entries of the ring matrix, and of Cholesky's method."""
    ring_nodes = equations.ring.size
    return 6e-9 * ring_nodes**2 + 7e-12 * ring_nodes**3


def _seconds_of_iterations(equations: Equations) -> float:
    """Of the preconditioner, and of usually five products, each a pair of transforms."""
    return 1.5e-5 * equations.ring.size + 5 * 2.7e-8 * equations.values.size


def _seconds_of_newton(equations: Equations) -> float:
    """Of Newton's steps, and of conjugate gradients for each and for the bound."""
    return 4e-6 * equations.values.size


SOLVERS = {
    "ring": Solver(solve_directly, _seconds_of_factors, needs_uniform=True),
    "ring-cg": Solver(solve_iteratively, _seconds_of_iterations, needs_uniform=True),
    "newton-cg": Solver(solve_by_newton, _seconds_of_newton, needs_uniform=False),
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
