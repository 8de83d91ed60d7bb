"""The table of solvers, each a module of this package with the functions of `Solver`."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.medium import Medium
from diffkeras.physics.problem import Problem
from diffkeras.physics.solution import SolveStatistics
from diffkeras.physics.solvers import multigrid, ring, ring_cg


class Solver(Protocol):
    """What a solver's module defines."""

    def takes(self, medium: Medium, /) -> bool:
        """Whether the solver can solve problems in this medium."""

    def cost(self, problem: Problem, /) -> float:
        """The seconds that it is likely to take, see `cost`."""

    def solve(
        self, problem: Problem, /, *, tolerance: float, precision: np.dtype, workers: int | None
    ) -> tuple[NDArray[np.floating], SolveStatistics]:
        """The field divided by `problem.scale`, right on the free nodes, and how it was solved."""


SOLVERS: dict[str, Solver] = {"ring": ring, "ring-cg": ring_cg, "multigrid": multigrid}
METHODS = ("auto", *SOLVERS)


def check_method(method: str, medium: Medium) -> None:
    """Raise an error for an unknown method, or one that can't solve in this medium."""
    able = ["auto", *(name for name, solver in SOLVERS.items() if solver.takes(medium))]
    if method not in METHODS:
        raise PhysicsError(f"method {method!r:.60} is unknown; choose one of {', '.join(METHODS)}")
    if method not in able:
        raise PhysicsError(
            f"method {method!r} needs a uniform medium, and diffusivity or decay vary over the "
            f"lattice here; choose one of {', '.join(able)}"
        )


def cheapest(problem: Problem) -> str:
    """The name of the solver that is likely to take the least time."""
    able = [name for name, solver in SOLVERS.items() if solver.takes(problem.medium)]
    return min(able, key=lambda name: SOLVERS[name].cost(problem))
