"""The table of solvers: how each one solves a problem, and the time that it is likely to take."""

from typing import Protocol

from diffkeras.errors import PhysicsError
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.solvers.newton import solve_by_newton
from diffkeras.physics.solvers.production import field_of_production
from diffkeras.physics.solvers.ring import DenseRing
from diffkeras.physics.solvers.ring_cg import RingIteration
from diffkeras.physics.solvers.ring_field import RingSystem, field_of_ring
from diffkeras.physics.solvers.statistics import Options, Solved


class Solver(Protocol):
    """A way to solve equations with a fixed value or a production that is not 0."""

    def needs(self, problem: Problem) -> str:
        """What a problem lacks for it, in words; empty if it solves the problem."""

    def cost(self, equations: Equations) -> float:
        """The seconds that it is likely to take, of one core; only ratios matter."""

    def solve(self, equations: Equations, options: Options) -> Solved:
        """The field; a ConvergenceError if the tolerance was not met."""


class RingSolver:
    """Transforms and the ring system, directly."""

    def needs(self, problem: Problem) -> str:
        """See `Solver`."""
        plain = problem.homogeneous
        if not plain.medium.is_uniform:
            return (
                "a uniform medium, and diffusivity, decay or uptake vary over the lattice here, or "
                "a side is a Robin side"
            )
        return "a linear problem, and uptake saturates here" if plain.uptake else ""

    def cost(self, equations: Equations) -> float:
        """See `Solver`: the entries of the ring matrix, and Cholesky's method."""
        ring_nodes = equations.ring.size
        return 6e-9 * ring_nodes**2 + 7e-12 * ring_nodes**3

    def solve(self, equations: Equations, options: Options) -> Solved:
        """See `Solver`."""
        solve = field_of_ring if equations.supply is None else field_of_production
        return solve(equations, self._system(equations, options.threads), options)

    def _system(self, equations: Equations, threads: int) -> RingSystem:
        if "ring" not in equations.kept:
            equations.kept["ring"] = DenseRing(equations.operator, equations.ring)
        return equations.kept["ring"]


class IterativeRingSolver(RingSolver):
    """Transforms and the ring system, by conjugate gradients."""

    def cost(self, equations: Equations) -> float:
        """See `Solver`: the preconditioner, and five products as a rule, each transform pairs."""
        return 1.5e-5 * equations.ring.size + 5 * 2.7e-8 * equations.values.size

    def _system(self, equations: Equations, threads: int) -> RingSystem:
        return RingIteration(equations, threads)


class NewtonSolver:
    """Newton's method with conjugate gradients and multigrid, and a proof."""

    def needs(self, problem: Problem) -> str:
        """See `Solver`: nothing."""
        return ""

    def cost(self, equations: Equations) -> float:
        """See `Solver`: Newton's steps, and conjugate gradients for each and for the bound."""
        return 4e-6 * equations.values.size

    def solve(self, equations: Equations, options: Options) -> Solved:
        """See `Solver`."""
        return solve_by_newton(equations, options)


SOLVERS: dict[str, Solver] = {
    "ring": RingSolver(),
    "ring-cg": IterativeRingSolver(),
    "newton-cg": NewtonSolver(),
}
METHODS = ("auto", *SOLVERS)


def _able(problem: Problem) -> list[str]:
    """The methods that solve a problem."""
    return [name for name, solver in SOLVERS.items() if not solver.needs(problem)]


def check_method(method: str, problem: Problem) -> None:
    """Raise an error for an unknown method, or one that can't solve such a problem."""
    if method not in METHODS:
        raise PhysicsError(f"method {method!r:.60} is unknown; choose one of {', '.join(METHODS)}")
    if method != "auto" and (needs := SOLVERS[method].needs(problem)):
        raise PhysicsError(
            f"method {method!r} needs {needs}; choose one of {', '.join(['auto', *_able(problem)])}"
        )


def cheapest(equations: Equations) -> str:
    """The name of the solver that is likely to take the least time."""
    if equations.problem.is_uniform and not equations.ring.size:
        return "ring"  # of no nodes: one pair of transforms
    return min(_able(equations.problem), key=lambda name: SOLVERS[name].cost(equations))
