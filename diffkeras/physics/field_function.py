"""A field as a function of some parts of its problem, for programs that differentiate."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_relative_tolerance
from diffkeras.physics.problem.parts import check_names, check_shape, with_parts
from diffkeras.physics.problem.problem import Problem, problem_list
from diffkeras.physics.solution import Solution
from diffkeras.physics.steady.interface import SolveStatistics
from diffkeras.physics.steady_state import solve, solve_many

NO_SECOND = "fields have no second derivatives: take differences of first ones"


class FieldFunction:
    """Parts ↦ field, with its pull-back; what `diffkeras.torch`, `.jax` and `.tensorflow` call.

    Of several problems, fields have the batch as their first axis. A part is then the same for all
    of them, or has the batch as its first axis, too.

    Attributes:
        problems: what is not among the parts stays as it is.
        shape: of the field, of one problem the lattice, and of several (batch, *lattice).
        names: of the parts, as in `parts_of`.
        tolerance: of fields and adjoints, each relative to its largest |value|.
    """

    def __init__(
        self, problem: Problem | Sequence[Problem], parts: Mapping[str, Any], tolerance: float
    ) -> None:
        """Raises a PhysicsError for no name or one that isn't a part, or a bad tolerance."""
        alone = isinstance(problem, Problem)
        self.problems = problem_list([problem] if alone else problem)
        lattices = {one.lattice for one in self.problems}
        if len(lattices) != 1:
            raise PhysicsError(f"give at least one Problem, and of one lattice, not of {lattices}")
        for one in self.problems:
            check_names(parts, one)
        if not parts:
            raise PhysicsError("give one part of the problem at least, by its name in dk.parts_of")
        self.shape = (*([] if alone else [len(self.problems)]), *lattices.pop())
        self.names = tuple(parts)
        self.tolerance = check_relative_tolerance(tolerance)
        # the last parts and their solutions, whose derivatives set nothing up again
        self._latest: tuple[list[NDArray[np.float64]], list[Solution]] | None = None

    def check_part(self, name: str, dtype: Any, shape: tuple[int, ...] | None) -> None:
        """Raise a PhysicsError for a part that is not real, or of a shape that it can't have.

        Args:
            name: of the part.
            dtype: one of any framework.
            shape: None where it isn't known yet, as in a graph.
        """
        if any(other in str(dtype) for other in ("complex", "string")):
            raise PhysicsError(f"{name} must be real, not {dtype}")
        if shape is not None:
            check_shape(name, shape[self._is_batch(name, shape) :], self.problems[0])

    def field(self, *parts: Any) -> NDArray[np.float64]:
        """The field, of `shape`, for parts in the order of their names."""
        problems, tolerance = self._with_parts(parts), self.tolerance
        # one keeps its equations, of which derivatives make use; many would take much memory
        alone = len(problems) == 1
        solutions = (
            [solve(problems[0], tolerance=tolerance)]
            if alone
            else solve_many(problems, tolerance=tolerance)
        )
        self._latest = [np.array(part, np.float64) for part in parts], solutions
        fields = np.stack([solution.field for solution in solutions])
        return fields.astype(np.float64).reshape(self.shape)

    def pull_back(self, field: Any, cotangent: Any, *parts: Any) -> tuple[NDArray[np.float64], ...]:
        """The derivatives of a scalar J by each part, of its shape.

        Args:
            field: u of these parts, of `shape`.
            cotangent: ∂J/∂u, of that shape.
            *parts: in the order of their names.
        """
        count = len(self.problems)
        cotangents = np.reshape(cotangent, (count, *self.problems[0].lattice))
        solutions = self._solutions(np.reshape(field, cotangents.shape), parts)
        each = [
            solution.vjp(one, self.tolerance)
            for solution, one in zip(solutions, cotangents, strict=True)
        ]
        results = []
        for name, part in zip(self.names, parts, strict=True):
            whole = np.array([derivatives[name] for derivatives in each], dtype=np.float64)
            results.append(whole if self._is_batch(name, np.shape(part)) else whole.sum(axis=0))
        return tuple(results)

    def _is_batch(self, name: str, shape: tuple[int, ...]) -> bool:
        """Whether a part of this shape has one entry for each of several problems."""
        lattice, count = self.problems[0].lattice, len(self.problems)
        if name.startswith("boundary") or shape == lattice or len(self.shape) == len(lattice):
            return False
        return shape in ((count, *lattice), (count,))

    def _solutions(self, fields: NDArray, parts: Sequence[Any]) -> list[Solution]:
        """The solutions of these parts: the latest ones, or made from the given fields."""
        latest = self._latest
        if latest and all(map(np.array_equal, latest[0], parts)):
            return latest[1]
        stats = SolveStatistics("given", 0, reached=self.tolerance)
        solutions = []
        for one, problem in zip(fields, self._with_parts(parts), strict=True):
            checked = problem.check_field("field", one).view()  # which a solution makes read-only
            solutions.append(Solution(checked, problem, stats=stats))
        return solutions

    def _with_parts(self, parts: Sequence[Any]) -> list[Problem]:
        arrays = {
            name: np.asarray(part, np.float64) for name, part in zip(self.names, parts, strict=True)
        }
        batch = {name for name, part in arrays.items() if self._is_batch(name, part.shape)}
        return [
            with_parts(problem, {name: a[k] if name in batch else a for name, a in arrays.items()})
            for k, problem in enumerate(self.problems)
        ]
