"""The table of solvers, which give a field or raise a ConvergenceError, and the choice of one."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError, PhysicsError
from diffkeras.physics.arguments import check_choice
from diffkeras.physics.equations import Equations
from diffkeras.physics.linear.finite_volumes import SLACK
from diffkeras.physics.linear.ring import DenseRing, RingIteration
from diffkeras.physics.linear.ring_preconditioner import RingPreconditioner
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.proofs.proof import KnownBounds, Proof, RingProof
from diffkeras.physics.steady.interface import Corrected, Options, Solved, SolveStatistics
from diffkeras.physics.steady.newton import enclosed, enclosing_bound, solve_by_newton
from diffkeras.physics.steady.uniform import solve_on_ring

TOLERANCE = 1e-10  # of solutions, unless another one is asked for


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


SOLVERS: dict[str, Callable[[Equations, Options], Solved]] = {
    "ring": solve_directly,
    "ring-cg": solve_iteratively,
    "newton-cg": solve_by_newton,  # the only one for media that vary and saturating uptake
}
METHODS = ("auto", *SOLVERS)


def _seconds(equations: Equations, method: str) -> float:
    """About the time of a method on one core, of which only ratios matter."""
    rim, nodes = equations.ring.size, equations.values.size
    if method == "ring":  # the entries of the ring matrix, and Cholesky's method
        return 6e-9 * rim**2 + 7e-12 * rim**3
    if method == "ring-cg":  # the preconditioner, and usually five products by two transforms each
        return 1.5e-5 * rim + 5 * 2.7e-8 * nodes
    return 4e-6 * nodes  # Newton's steps, and conjugate gradients for each and for the bound


def check_method(method: str, problem: Problem) -> None:
    """Raise an error for an unknown method, or one that can't solve such a problem."""
    check_choice("method", method, METHODS)
    if method in ("auto", "newton-cg") or problem.is_uniform:
        return
    lacking = "a linear problem, and uptake saturates here"
    if not problem.reduced.medium.is_uniform:
        lacking = (
            "a uniform medium, and diffusivity, decay or uptake vary over the lattice here, or "
            "a side is a Robin side"
        )
    raise PhysicsError(f"method {method!r} needs {lacking}; choose one of auto, newton-cg")


def cheapest(equations: Equations) -> str:
    """The name of the solver that is likely to take the least time."""
    if not equations.problem.is_uniform:
        return "newton-cg"
    if not equations.ring.size:
        return "ring"  # of no nodes: one pair of transforms
    return min(SOLVERS, key=partial(_seconds, equations))


def solve_equations(
    equations: Equations,
    tolerance: float,
    *,
    method: str = "auto",
    initial: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], SolveStatistics, Proof]:
    """The field with the values of the fixed nodes, how it was solved, and what proves its bounds.

    The tolerance is relative to its largest |value|.
    """
    name = cheapest(equations) if method == "auto" else method
    if equations.scale:
        solved = SOLVERS[name](equations, Options(tolerance, initial))
    else:  # every fixed node next to a free one is 0, and so are the free ones
        size = 0 if name == "newton-cg" else equations.ring.size
        zeros = np.zeros(equations.lattice)
        solved = Solved(zeros.copy(), SolveStatistics(name, size), zeros)
    field, bound = equations.leave(solved.field, solved.bound)
    on_ring = field[equations.ring.nodes]
    field = equations.hold(field)
    proof = (
        RingProof(on_ring, tolerance, enclosing_bound)
        if bound is None
        else KnownBounds(bound * SLACK)
    )
    return field, solved.statistics, proof


def corrected(field: NDArray[np.floating], equations: Equations) -> Corrected:
    """The field that proves how far another one is from the solution.

    In uniform media that is the solution, and otherwise what an enclosure finds near the field.
    """
    if not equations.scale or cheapest(equations) != "newton-cg":
        with suppress(ConvergenceError):
            if equations.solved is None:  # by the first of several fields
                solution, statistics, proof = solve_equations(equations, TOLERANCE)
                bound = proof.node_bound(solution, equations)
                equations.solved = Corrected(solution, statistics, bound)
            return equations.solved
    return enclosed(field, equations)
