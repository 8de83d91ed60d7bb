"""Solve the problem in some files."""

from pathlib import Path
from typing import Any

import numpy as np

from diffkeras._version import __version__
from diffkeras.physics import Solution, solve
from diffkeras.physics.problem.sides import sides_in_words
from diffkeras.workflows.field_files import (
    FieldFiles,
    check_axes_of_file,
    check_plot,
    write_fields,
    write_plot,
)
from diffkeras.workflows.problem_files import ProblemFiles


def solve_files(files: ProblemFiles, output: FieldFiles | str | Path, **options: Any) -> Solution:
    """Read a problem, solve it, and write its field.

    Args:
        files: the files and numbers that describe the problem.
        output: the files of the field and of a picture of it.
        **options: method, tolerance, processes and threads, as for `solve`.

    Raises:
        DataError, ConfigurationError, PhysicsError, ConvergenceError: see `ProblemFiles.read`,
            `solve` and `write_fields`.
        OutputError: a file can't be written.
    """
    output = FieldFiles.of(output)
    output.check(files.inputs)
    check_axes_of_file(output.field, files.axes, files.batch)
    problem = files.read()
    check_plot(output, problem)
    solution = solve(problem, **options)
    write_fields({output.field: solution.field}, problem)
    if output.plot:
        write_plot(output, problem, solution.field, "field u")
    return solution


def summary(solution: Solution, files: FieldFiles) -> dict[str, Any]:
    """What `diffkeras solve --json` prints: numbers and words alone, of a batch over all images."""
    field, problem, stats = solution.field, solution.problem, solution.stats
    return {
        "diffkeras": __version__,
        "output": str(files.field),
        "plot": str(files.plot) if files.plot else None,
        "lattice": list(problem.lattice),
        "images": len(field) if problem.is_batch else 1,
        "type": str(field.dtype),
        "step": problem.medium.step,
        "boundary": sides_in_words(problem.medium.sides),
        "method": stats.method,
        "iterations": stats.iterations,
        "error_bound": solution.error_bound,
        "minimum": float(field.min()),
        "maximum": float(field.max()),
        "mean": float(field.mean(dtype=np.float64)),
    }
