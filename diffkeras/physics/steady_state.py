"""The exact solver: one call from a problem to its steady-state field."""

import warnings
from functools import partial
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import ProblemWarning
from diffkeras.physics.arguments import check_count, check_relative_tolerance
from diffkeras.physics.batch import solve_batch
from diffkeras.physics.equations.equations import Equations, problem_and_equations
from diffkeras.physics.problem.keywords import ProblemKeywords, show_keywords
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.solution import Solution
from diffkeras.physics.solvers.table import check_method, solve_equations
from diffkeras.system.blas_threads import blas_threads
from diffkeras.system.messages import level_outside


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
    processes, threads = check_count("processes", processes), check_count("threads", threads)
    tolerance = check_relative_tolerance(tolerance)
    problem, equations = problem_and_equations(problem, keywords)
    for image in problem.images:
        check_method(method, image)
    if initial is not None:
        initial = problem.check_field("initial field", initial, shared=True)
    solution = solve_silently(
        problem,
        tolerance,
        equations=equations,
        initial=initial,
        method=method,
        processes=processes,
        threads=threads,
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
    problem: Problem,
    tolerance: float,
    *,
    equations: Equations | None = None,
    initial: NDArray[np.float64] | None = None,
    method: str = "auto",
    processes: int | None = None,
    threads: int = 1,
) -> Solution:
    """`solve` without its warning, of what is checked."""
    image_solver: Any = partial(_solve_image, tolerance=tolerance, method=method, threads=threads)
    with blas_threads(threads):
        if problem.is_batch:
            starts = [None] * len(problem.images) if initial is None else list(initial)
            return solve_batch(image_solver, problem, starts, processes or 1)
        return image_solver(problem, initial, equations=equations or Equations(problem))


def _solve_image(
    problem: Problem,
    initial: NDArray[np.float64] | None,
    *,
    tolerance: float,
    method: str,
    threads: int,
    equations: Equations | None = None,
) -> Solution:
    """The solution of one image, which keeps its equations if they are given."""
    made = equations or Equations(problem)
    with blas_threads(threads):  # in another process, too
        field, statistics, proof = solve_equations(made, tolerance, method=method, initial=initial)
    return Solution(field, problem, statistics, proof, equations)
