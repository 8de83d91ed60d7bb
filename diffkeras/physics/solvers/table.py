"""The table of solvers, which give a field or raise a ConvergenceError, and the choice of one."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

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
    may_be_single: bool = True,
) -> tuple[NDArray[np.floating], SolveStatistics, Proof]:
    """The field with the values of the fixed nodes, how it was solved, and what proves its bounds.

    It is float32 if that is allowed and the tolerance, relative to its largest |value|, is large
    enough; a PhysicsError if float32 doesn't hold it.
    """
    name = cheapest(equations) if method == "auto" else method
    precision: np.dtype = np.dtype(np.float64)
    rounding = 0.0
    # float32 can't hold the field of ring values that are far below those inside a source
    is_tiny = equations.production is None and 0 < equations.ring_size < SMALLEST
    if may_be_single and tolerance >= SINGLE_PRECISION_TOLERANCE and not is_tiny:
        precision, rounding = np.dtype(np.float32), SINGLE_ROUNDING
    if equations.scale:
        solved = SOLVERS[name](equations, Options(tolerance - rounding, precision, initial))
    else:  # every fixed node next to a free one is 0, and so are the free ones
        size = 0 if name == "newton-cg" else equations.ring.size
        zero = SolveStatistics(name, size, precision=precision.name)
        solved = Solved(np.zeros(equations.lattice), zero, np.zeros(equations.lattice))
    # fixed values are in the range of float32
    most = 1.0 if equations.production is None else largest(solved.field)
    if precision == np.float32 and not SMALLEST <= most <= LARGEST:
        raise PhysicsError(
            f"the field's largest |value| is {most:.3g}, and in single precision it must be "
            f"{SMALLEST:g} to {LARGEST:g}: choose other units, or a tolerance below "
            f"{SINGLE_PRECISION_TOLERANCE:g}"
        )
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
