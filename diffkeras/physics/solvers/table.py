"""The table of solvers: how each one solves a problem, and the time that it is likely to take."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.solvers.newton import solve_by_newton
from diffkeras.physics.solvers.production import field_of_production
from diffkeras.physics.solvers.ring import DenseRing
from diffkeras.physics.solvers.ring_cg import RingIteration
from diffkeras.physics.solvers.ring_field import RingSystem, field_of_ring
from diffkeras.physics.solvers.statistics import SolveStatistics

Solved = tuple[NDArray[np.floating], SolveStatistics, NDArray[np.float64] | None]


class Solver(NamedTuple):
    """A way to solve a problem with a fixed value or a production that is not 0.

    Attributes:
        solve: takes the problem and, as keywords, the `tolerance`, the least `precision` of the
            field and the `threads` of transforms; returns the field divided by `problem.scale`,
            right on the free nodes, how it was solved, and the bound of its error on each of them,
            or None if that isn't proven yet.
        cost: the seconds that it is likely to take, of one core.
        any_medium: whether it solves in a medium that varies, too.
        any_uptake: whether it solves with saturating uptake, too.
        takes_initial: whether `solve` takes the keyword `initial`, a field to start from.
    """

    solve: Callable[..., Solved]
    cost: Callable[[Problem], float]
    any_medium: bool = False
    any_uptake: bool = False
    takes_initial: bool = False


def _solve_dense(problem: Problem, **options: Any) -> Solved:
    return _solve_ring(problem, DenseRing(problem.operator, problem.ring), **options)


def _solve_iteratively(problem: Problem, *, threads: int | None, **options: Any) -> Solved:
    system = RingIteration(problem.operator, problem.ring, threads, len(problem.lattice) == 3)
    return _solve_ring(problem, system, threads=threads, **options)


def _solve_ring(problem: Problem, system: RingSystem, **options: Any) -> Solved:
    solve = field_of_ring if problem.production is None else field_of_production
    return *solve(problem, system, **options), None


# Costs are seconds measured on one core; only their ratios matter.


def _dense_ring_cost(ring_nodes: int) -> float:
    """The entries of the ring matrix, and Cholesky's method."""
    return 6e-9 * ring_nodes**2 + 7e-12 * ring_nodes**3


def _ring_iteration_cost(ring_nodes: int, nodes: int) -> float:
    """The preconditioner of the ring system, and five products, as a rule: transform pairs."""
    return 1.5e-5 * ring_nodes + 5 * 2.7e-8 * nodes


def _newton_cost(nodes: int) -> float:
    """Newton's steps, and conjugate gradients for each and for the bound."""
    return 4e-6 * nodes


SOLVERS = {
    "ring": Solver(_solve_dense, lambda problem: _dense_ring_cost(problem.ring.size)),
    "ring-cg": Solver(
        _solve_iteratively,
        lambda problem: _ring_iteration_cost(problem.ring.size, problem.values.size),
    ),
    "newton-cg": Solver(
        solve_by_newton,
        lambda problem: _newton_cost(problem.values.size),
        any_medium=True,
        any_uptake=True,
        takes_initial=True,
    ),
}
METHODS = ("auto", *SOLVERS)


def _able(problem: Problem, *, linear: bool = False) -> list[str]:
    """The methods that solve a problem; with `linear`, if its uptake didn't saturate."""
    uniform = problem.homogeneous.medium.is_uniform
    saturating = problem.uptake is not None and not linear
    return [
        name
        for name, solver in SOLVERS.items()
        if (solver.any_medium or uniform) and (solver.any_uptake or not saturating)
    ]


def check_method(method: str, problem: Problem) -> None:
    """Raise an error for an unknown method, or one that can't solve such a problem."""
    if method not in METHODS:
        raise PhysicsError(f"method {method!r:.60} is unknown; choose one of {', '.join(METHODS)}")
    able = ["auto", *_able(problem)]
    if method in able:
        return
    if method in _able(problem, linear=True):
        raise PhysicsError(
            f"method {method!r} needs a linear problem, and uptake saturates here; choose one of "
            f"{', '.join(able)}"
        )
    raise PhysicsError(
        f"method {method!r} needs a uniform medium, and diffusivity, decay or uptake vary "
        f"over the lattice here, or a side is a Robin side; choose one of {', '.join(able)}"
    )


def cheapest(problem: Problem) -> str:
    """The name of the solver that is likely to take the least time."""
    if problem.is_uniform and not problem.ring.size:
        return "ring"  # of no nodes: one pair of transforms
    return min(_able(problem), key=lambda name: SOLVERS[name].cost(problem))
