"""Solve the problem in some files."""

from pathlib import Path
from typing import Any

from diffkeras.commands.field_files import FieldFiles
from diffkeras.commands.problem_files import ProblemFiles
from diffkeras.physics import Solution, solve


def solve_files(files: ProblemFiles, output: FieldFiles | str | Path, **options: Any) -> Solution:
    """Read a problem, solve it, and write its field.

    Args:
        files: the files and numbers that describe the problem.
        output: the files of the field and of a picture of it.
        **options: method, tolerance, processes and threads, as for `solve`.

    Raises:
        DataError, ConfigurationError, PhysicsError, ConvergenceError: see `ProblemFiles.read`,
            `solve` and `Solution.save`.
        OutputError: a file can't be written.
    """
    files, output = ProblemFiles.of(files), FieldFiles.of(output)
    output.check(files.inputs)
    problem = files.read()
    output.check_problem(problem)
    solution = solve(problem, **options)
    output.write(solution)
    return solution
