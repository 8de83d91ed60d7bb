"""The exact solver: one call from a problem to its steady-state field."""

import warnings
from dataclasses import replace
from functools import partial
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError, ProblemWarning
from diffkeras.physics.arguments import check_count, check_relative_tolerance
from diffkeras.physics.batch import solve_batch
from diffkeras.physics.equations.equations import Equations, problem_and_equations
from diffkeras.physics.equations.finite_volumes import SLACK
from diffkeras.physics.limits import LARGEST, SMALLEST
from diffkeras.physics.problem.keywords import ProblemKeywords, show_keywords
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.proofs.bounds import KnownBounds, RingProof
from diffkeras.physics.real_arrays import largest
from diffkeras.physics.solution import Solution
from diffkeras.physics.solvers.interface import Options, Solved, SolveStatistics
from diffkeras.physics.solvers.table import SOLVERS, cheapest, check_method
from diffkeras.system.blas_threads import blas_threads
from diffkeras.system.stack_level import level_outside

SINGLE_PRECISION_TOLERANCE = 1e-6
SINGLE_ROUNDING = float(np.finfo(np.float32).eps) / 2  # the rounding of a field of size 1


@show_keywords
def solve(
    problem: "Problem | Equations | ArrayLike | None" = None,
    *,
    tolerance: float = 1e-10,
    initial: ArrayLike | None = None,
    method: str = "auto",
    processes: int | None = None,
    threads: int | None = None,
    **keywords: Unpack[ProblemKeywords],
) -> Solution:
    """The steady state of ∇·(D∇u) − γu − φ(u) + s = 0 on the free nodes, u = c on the fixed ones.

    Equal to `scipy.sparse.linalg.spsolve` on the equations of the free nodes (five-point, in
    three dimensions seven-point) to rounding. In a uniform medium the field is that of the
    production s, by one pair of transforms, and of point sources on the rims of the fixed nodes,
    whose strengths solve a dense system: directly ("ring"), or by conjugate gradients ("ring-cg").
    Where the medium varies or uptake saturates, "newton-cg" takes Newton steps by conjugate
    gradients with multigrid.

    Args:
        problem: a `Problem`; or, as its short form, a source image, to which the keywords belong:
            `solve(image, decay=0.01)` is `solve(Problem(image, decay=0.01))`. An array of three
            axes is a batch of images unless `dimensions=3` makes it a volume; for a batch, a
            `BatchSolution` is returned. Or the `Equations` of a Problem, to which the caller keeps
            what is set up for solutions, certificates and derivatives.
        tolerance: largest error of the field, relative to its largest |value|; without production
            that is the one of a fixed node next to a free one. From 1e-6 on the field is float32.
            Where D varies by many orders, tolerances below 1e-11 may not be provable. A field is
            not a smooth function of the medium, uptake and production on the scale of its
            tolerance, nor of `initial`. So fit parameters, and take differences of fields, with a
            tolerance far below the differences: 1e-10 or less.
        initial: a field from which "newton-cg" starts, such as a prediction or that of a similar
            problem; for a batch one for each image, or one for all. It saves time and does not
            change the tolerance. The other methods, in uniform media, don't use it.
        method: "ring", "ring-cg", "newton-cg", or "auto", the one that is likely to
            take the least time.
        processes: that share the images of a batch; by default one.
        threads: of transforms and BLAS in each process; by default one.
        **keywords: those of `Problem`: production, uptake, fixed, medium, or the medium's
            diffusivity, decay, step, boundary and dimensions.

    Raises:
        PhysicsError: no problem (see `Problem`), an initial field of another shape, a tolerance
            that rounding doesn't allow, or an argument of a wrong type.
        ConvergenceError: the tolerance was not met.

    Warns:
        ProblemWarning: the field is 0 everywhere, because nothing makes one.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> image = np.zeros((64, 64))
        >>> image[30:34, 30:34] = 1.0
        >>> field = dk.solve(image).field
        >>> bool(field[29, 32] < 1.0)
        True
        >>> field = dk.solve(production=image / 400).field  # sources that release, decay 1/400
        >>> bool(0 < field.max() < 1)
        True
    """
    solution = solve_silently(
        problem,
        tolerance=tolerance,
        initial=initial,
        method=method,
        processes=processes,
        threads=threads,
        **keywords,
    )
    if not solution.field.any():
        warnings.warn(
            "the field is 0 everywhere: no fixed node or side holds another value, and nothing is "
            "produced",
            ProblemWarning,
            stacklevel=level_outside(),
        )
    return solution


def solve_silently(
    problem: "Problem | Equations | ArrayLike | None" = None,
    *,
    tolerance: float = 1e-10,
    initial: ArrayLike | None = None,
    method: str = "auto",
    processes: int | None = None,
    threads: int | None = None,
    **keywords: Unpack[ProblemKeywords],
) -> Solution:
    """`solve` without its warning, for problems that the user has not written one by one."""
    processes, threads = check_count("processes", processes), check_count("threads", threads)
    tolerance = check_relative_tolerance(tolerance)
    problem, given = problem_and_equations(problem, keywords)
    for image in problem.images:
        check_method(method, image)
    start = None
    if initial is not None:
        start = problem.check_field("initial field", initial, shared=True)
    image_solver = partial(_solve_image, method=method, tolerance=tolerance, threads=threads)
    with blas_threads(threads):
        if problem.is_batch:
            starts = [None] * len(problem.images) if start is None else list(start)
            return solve_batch(image_solver, problem, starts, processes)
        return image_solver(problem, start, equations=given or Equations(problem))


def _solve_image(
    problem: Problem,
    initial: NDArray[np.float64] | None,
    *,
    method: str,
    tolerance: float,
    threads: int,
    equations: Equations | None = None,
) -> Solution:
    """The solution of one image, which keeps its equations if they are given."""
    kept, equations = equations, equations or Equations(problem)
    name = cheapest(equations) if method == "auto" else method
    dtype, rounding = _precision_of(equations, tolerance)
    options = Options(tolerance - rounding, dtype, threads, initial)
    exact, statistics, bound = _on_free_nodes(name, equations, options)
    if rounding:
        statistics = replace(statistics, reached=statistics.reached + rounding)
    on_ring = exact[equations.ring.nodes].astype(dtype)
    if problem.fixed.any():
        np.copyto(exact, problem.values, where=problem.fixed, casting="same_kind")
    field = exact.astype(dtype, copy=False)
    if bound is None:
        return Solution(field, problem, statistics, RingProof(on_ring, tolerance), kept)
    if field is not exact:
        bound += np.abs(exact - field)
    bound *= SLACK
    return Solution(field, problem, statistics, KnownBounds(bound), kept)


def _precision_of(equations: Equations, tolerance: float) -> tuple[np.dtype, float]:
    """The type of a field that a tolerance allows, and the rounding to it of a field of size 1."""
    # float32 can't hold the field of ring values that are far below those inside a source
    is_tiny = equations.production is None and 0 < equations.ring_size < SMALLEST
    if tolerance >= SINGLE_PRECISION_TOLERANCE and not is_tiny:
        return np.dtype(np.float32), SINGLE_ROUNDING
    return np.dtype(np.float64), 0.0


def _on_free_nodes(name: str, equations: Equations, options: Options) -> Solved:
    """What a solver returns, with the field as the problem has it, not divided by its scale."""
    scale, precision = equations.scale, options.precision
    if not scale:  # every fixed node next to a free one is 0, and so are the free ones
        size = 0 if name == "newton-cg" else equations.ring.size
        statistics = SolveStatistics(name, size, precision=precision.name)
        return Solved(np.zeros(equations.lattice), statistics, np.zeros(equations.lattice))
    field, statistics, bound = SOLVERS[name].solve(equations, options)
    if equations.production is not None and precision == np.float32:
        _check_single(field)
    if scale != 1.0:
        field *= scale
        if bound is not None:
            bound *= scale * SLACK
    return Solved(field, statistics, bound)


def _check_single(field: NDArray[np.floating]) -> None:
    """Raise an error for a field that float32 doesn't hold: fixed values are in its range."""
    size = largest(field)
    if not SMALLEST <= size <= LARGEST:
        raise PhysicsError(
            f"the field's largest |value| is {size:.3g}, and in single precision it must be "
            f"{SMALLEST:g} to {LARGEST:g}: choose other units, or a tolerance below "
            f"{SINGLE_PRECISION_TOLERANCE:g}"
        )
