"""Solve the problem in some files."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics import Problem, Solution, solve
from diffkeras.physics.problem.sides import sides_in_words
from diffkeras.workflows.field_files import (
    FieldFiles,
    check_axes_of_file,
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
        PhysicsError, ConvergenceError: see `ProblemFiles.read`, `solve` and `write_fields`.
        RunError: a file can't be written.
    """
    output = FieldFiles.of(output)
    output.check(files.inputs)
    check_axes_of_file(output.field, files.axes + files.batch)
    problem = files.read()
    solution = solve(problem, **options)
    write_fields({output.field: solution.field})
    if output.plot:
        notes = "" if problem.is_batch else _in_words(problem)
        field, axes = solution.field, len(problem.lattice)
        write_plot(output.plot, shown(problem), field, "field u", notes, dimensions=axes)
    return solution


def shown(problem: Problem) -> dict[str, NDArray]:
    """What is drawn beside the field, by the symbols of `field_figure`; NaN where there is none."""
    arrays = {}
    if problem.fixed.any():
        arrays["u"] = np.where(problem.fixed, problem.values, np.nan)
    if problem.production is not None:
        arrays["s"] = np.where(problem.production != 0, problem.production, np.nan)
    if not problem.is_batch and problem.uptake is not None:
        rate = np.broadcast_to(problem.uptake.capacity, problem.lattice)
        if np.ndim(problem.uptake.capacity):
            arrays["v"] = np.where(rate != 0, rate, np.nan)
    return arrays


def _in_words(problem: Problem) -> str:
    medium, uptake = problem.medium, problem.uptake
    parts = {"D": medium.diffusivity, "γ": medium.decay, "h": medium.step}
    numbers = [f"{symbol} = {_range(part)}" for symbol, part in parts.items()]
    law = "" if uptake is None else f", {uptake}"
    return f"{', '.join(numbers)}, {sides_in_words(medium.sides)}{law}"


def _range(part: Any) -> str:
    """A number, or the smallest and the largest of an array."""
    if isinstance(part, tuple) or np.ndim(part) == 0:
        return f"{part}" if isinstance(part, tuple) else f"{part:g}"
    return f"{np.min(part):g} to {np.max(part):g}"
