"""The exact solver: from a problem to its steady-state field, and from a list of them."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError, ProblemWarning, numbered
from diffkeras.physics.arguments import check_count, check_relative_tolerance
from diffkeras.physics.equations import Equations, problem_and_equations
from diffkeras.physics.problem.medium import show_keywords
from diffkeras.physics.problem.problem import Problem, ProblemKeywords, problem_list
from diffkeras.physics.solution import Certificate, Solution, proven
from diffkeras.physics.steady.table import check_method, solve_equations
from diffkeras.system.environment import blas_threads
from diffkeras.system.messages import level_outside
from diffkeras.system.process_pool import map_arrays


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

    Equal to `scipy.sparse.linalg.spsolve` on the equations of the free nodes (five-point, in three
    dimensions seven-point) to rounding. In a uniform medium the field is the sum of the
    production's field, by one pair of transforms, and the field of point sources on the rims of the
    fixed nodes, whose strengths solve a dense system. Where the medium varies or uptake saturates,
    Newton steps are solved by conjugate gradients with multigrid.

    Args:
        problem: a `Problem`; or, as its short form, a source image, to which the keywords belong:
            `solve(image, decay=0.01)` is `solve(Problem(image, decay=0.01))`. Or the `Equations` of
            a Problem, which keep what is set up for solutions, certificates and derivatives.
        tolerance: largest error of the field, relative to its largest |value|. Where D varies by
            many orders, tolerances below 1e-11 may not be provable. On the scale of its tolerance,
            a field is not a smooth function of its problem: fit parameters, and take differences of
            fields, with 1e-10 or less.
        initial: a field from which "newton-cg" starts, such as a prediction, or the field of a
            similar problem. It saves time and does not change the tolerance.
        method: in uniform media "ring", a dense system, or "ring-cg", conjugate gradients;
            "newton-cg"; or "auto", the one that is likely to take the least time.
        threads: of transforms and BLAS; by default one.
        **keywords: arguments of `Problem`: production, uptake, fixed, medium, or the medium's
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
    with blas_threads(solver.threads):
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
        """The solver of unchecked arguments."""
        threads = check_count("threads", threads)
        return cls(check_relative_tolerance(tolerance), method, threads)

    def start(self, problem: Problem, initial: Any) -> NDArray[np.float64] | None:
        """The checked field to start from, or None; the method must be one for the problem."""
        check_method(self.method, problem)
        return None if initial is None else problem.check_field("initial field", initial)

    def solve(
        self, equations: Equations, start: NDArray[np.float64] | None = None, *, keep: bool = False
    ) -> Solution:
        """The solution of equations, which it keeps or not; the caller sets the threads."""
        field, statistics, proof = solve_equations(
            equations, self.tolerance, method=self.method, initial=start
        )
        kept = equations if keep else None
        return Solution(field, equations.given_problem, proof, kept, stats=statistics)


MOST_NODES = 1 << 16  # of the problems of a task, unless one problem has more
BYTES = 32  # of shared memory for each node of a task: four arrays in double precision

Task = list[tuple[Problem, NDArray | None]]  # problems, with the fields to start from


def solve_many(
    problems: Iterable[Problem],
    *,
    tolerance: float = 1e-10,
    initial: Sequence[ArrayLike | None] | None = None,
    method: str = "auto",
    processes: int | None = None,
    threads: int | None = None,
) -> list[Solution]:
    """The solutions of several problems, each as `solve` finds it.

    What is set up for a medium and its fixed nodes serves for the next problem with the same ones.

    Args:
        problems: a list of `Problem`, of any lattices.
        tolerance: as for `solve`, of each field.
        initial: for each problem a field to start from, or None.
        method: as for `solve`.
        processes: that share the problems; by default one. A script that uses several needs
            `if __name__ == "__main__":`.
        threads: of transforms and BLAS in each process; by default one.

    Raises:
        PhysicsError, ConvergenceError: as `solve`.

    Warns:
        ProblemWarning: all fields are 0 everywhere.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> problems = [dk.Problem(np.eye(16), decay=decay) for decay in (0.01, 0.1)]
        >>> [solution.field.shape for solution in dk.solve_many(problems)]
        [(16, 16), (16, 16)]
    """
    solver = Solver.of(tolerance, method, threads)
    solutions = solve_silently(problems, solver, initial=initial, processes=processes)
    if solutions and not any(solution.field.any() for solution in solutions):
        warn_of_zero()
    return solutions


def solve_silently(
    problems: Iterable[Problem],
    solver: Solver,
    *,
    initial: Sequence[ArrayLike | None] | None = None,
    processes: int | None = None,
) -> list[Solution]:
    """`solve_many` without its warning, for problems that the user has not written one by one."""
    processes, problems = check_count("processes", processes), problem_list(problems)
    given = [None] * len(problems) if initial is None else list(initial)
    _check_length("initial fields", given, problems)
    starts = map(solver.start, problems, given)
    task = list(zip(problems, starts, strict=True))
    if processes == 1 or len(task) < 2:
        with blas_threads(solver.threads):
            return list(_solutions(solver, task))
    return list(_shared(solver, task, processes))


def certify_many(
    fields: Iterable[ArrayLike], problems: Problem | Iterable[Problem]
) -> list[Certificate]:
    """The certificates of several fields, each as `certify` proves it.

    What is set up for a problem serves for the next field if its problem is the same one or has the
    same medium and fixed nodes. In a uniform medium fields of one problem share its solution, so
    that each further one takes a comparison only.

    Args:
        fields: one for each problem, such as an array (batch, rows, columns).
        problems: a list of `Problem`, or one that all fields should solve, such as an ensemble's.

    Raises:
        PhysicsError, ConvergenceError: as `certify`; or another number of fields than problems.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> problem = dk.Problem(np.eye(16), decay=0.1)
        >>> ensemble = dk.solve(problem).field * np.array([0.9, 1.1]).reshape(2, 1, 1)
        >>> [round(one.error_bound, 2) for one in dk.certify_many(ensemble, problem)]
        [0.1, 0.1]
    """
    fields = list(fields)
    problems = problem_list([problems] * len(fields) if isinstance(problems, Problem) else problems)
    _check_length("fields", fields, problems)
    with blas_threads():
        certificates = []
        for number, equations in enumerate(_equations(problems)):
            with numbered("field", number):
                certificates.append(proven(fields[number], equations, keep=False))
        return certificates


def _check_length(what: str, given: list[Any], problems: list[Problem]) -> None:
    if len(given) != len(problems):
        raise PhysicsError(f"there are {len(problems)} problems, and {len(given)} {what}")


def _equations(problems: Iterable[Problem]) -> Iterator[Equations]:
    """The equations of each problem, which share what is the same as in the last one."""
    last: Equations | None = None
    for problem in problems:
        if last is None or problem is not last.given_problem:
            like = last if last and _share(last.given_problem, problem) else None
            last = Equations(problem, like=like)
        yield last


def _share(one: Problem, other: Problem) -> bool:
    """Whether setting up less for the other problem pays: in uniform media only the ring costs."""
    if one.medium is not other.medium and one.medium != other.medium:
        return False
    return not one.medium.is_uniform or np.array_equal(one.fixed, other.fixed)


def _solutions(solver: Solver, task: Task) -> Iterator[Solution]:
    for equations, (_, start) in zip(_equations(one for one, _ in task), task, strict=True):
        yield solver.solve(equations, start)


def _shared(solver: Solver, task: Task, processes: int) -> Iterator[Solution]:
    """The solutions, in order, by several processes.

    Threads would gain little: a solve consists of many short operations that hold the interpreter's
    lock, LAPACK's among them.
    """
    nodes = max(problem.fixed.size for problem, _ in task)
    count = max(1, min(MOST_NODES // nodes, -(-len(task) // processes)))  # of problems in a part
    parts = [task[start : start + count] for start in range(0, len(task), count)]
    room = BYTES * nodes * count
    results = map_arrays(partial(_solve_part, solver), parts, processes, room)
    for part, solved in zip(parts, results, strict=True):
        for (problem, _), (field, proof, stats) in zip(part, solved, strict=True):
            yield Solution(field, problem, proof, stats=stats)


def _solve_part(solver: Solver, part: Task) -> list[tuple[Any, ...]]:
    """What is known of the solutions of a worker's problems."""
    with blas_threads(solver.threads):
        return [(one.field, one.proof, one.stats) for one in _solutions(solver, part)]
