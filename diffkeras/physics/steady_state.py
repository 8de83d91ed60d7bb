"""The exact solver: one call from a problem to its steady-state field."""

import warnings
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import ProblemWarning
from diffkeras.physics.arguments import check_count, check_relative_tolerance
from diffkeras.physics.equations.equations import Equations, problem_and_equations
from diffkeras.physics.problem.keywords import ProblemKeywords, show_keywords
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.solution import Solution
from diffkeras.physics.solvers.table import check_method, solve_equations
from diffkeras.system.environment import blas_threads
from diffkeras.system.messages import level_outside


@show_keywords
def solve(
    problem: "Problem | Equations | ArrayLike | None" = None,
    *,
    tolerance: float = 1e-10,
    initial: ArrayLike | None = None,
    method: str = "auto",
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
            `solve(image, decay=0.01)` is `solve(Problem(image, decay=0.01))`, and an array of three
            axes is a volume. Or the `Equations` of a Problem, to which the caller keeps what is set
            up for solutions, certificates and derivatives. For several problems, see `solve_many`.
        tolerance: largest error of the field, relative to its largest |value|; without production
            that is the one of a fixed node next to a free one. From 1e-6 on the field is float32.
            Where D varies by many orders, tolerances below 1e-11 may not be provable. A field is
            not a smooth function of the medium, uptake and production on the scale of its
            tolerance, nor of `initial`. So fit parameters, and take differences of fields, with a
            tolerance far below the differences: 1e-10 or less.
        initial: a field from which "newton-cg" starts, such as a prediction or that of a similar
            problem. It saves time and does not change the tolerance. The other methods, in uniform
            media, don't use it.
        method: "ring", "ring-cg", "newton-cg", or "auto", the one that is likely to
            take the least time.
        threads: of transforms and BLAS; by default one.
        **keywords: those of `Problem`: production, uptake, fixed, medium, or the medium's
            diffusivity, decay, step and boundary.

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
    solver = Solver.of(tolerance, method, threads)
    problem, equations = problem_and_equations(problem, keywords)
    start = solver.start(problem, initial)
    solution = solver.solve(equations or Equations(problem), start, keep=True)
    if not solution.field.any():
        warn_of_zero()
    return solution


def warn_of_zero() -> None:
    """Warn of a field, or several, that nothing makes."""
    warnings.warn(
        "the field is 0 everywhere: no fixed node or side holds another value, and nothing is "
        "produced",
        ProblemWarning,
        stacklevel=level_outside(),
    )


@dataclass(frozen=True)
class Solver:
    """How problems are solved, checked; the arguments of `solve`. It can be pickled."""

    tolerance: float
    method: str = "auto"
    threads: int = 1

    @classmethod
    def of(cls, tolerance: Any, method: Any = "auto", threads: Any = None) -> "Solver":
        """The solver of unchecked arguments.

        Raises:
            PhysicsError: one of a wrong type or out of its range.
        """
        threads = check_count("threads", threads)
        return cls(check_relative_tolerance(tolerance), method, threads)

    def start(self, problem: Problem, initial: Any) -> NDArray[np.float64] | None:
        """The field to start from, or None.

        Raises:
            PhysicsError: one of another shape, or a method that the problem can't be solved by.
        """
        check_method(self.method, problem)
        return None if initial is None else problem.check_field("initial field", initial)

    def solve(
        self, equations: Equations, start: NDArray[np.float64] | None = None, *, keep: bool = False
    ) -> Solution:
        """The solution of equations, which it keeps or not, from the field of `start`."""
        with blas_threads(self.threads):
            field, statistics, proof = solve_equations(
                equations, self.tolerance, method=self.method, initial=start
            )
        kept = equations if keep else None
        return Solution(field, equations.given_problem, proof, kept, stats=statistics)
