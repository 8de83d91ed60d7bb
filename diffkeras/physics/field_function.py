"""A field as a function of some parts of its problem, for programs that differentiate."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_relative_tolerance
from diffkeras.physics.derivatives.adjoint import BatchDerivatives
from diffkeras.physics.problem.parts import check_names, is_per_image, with_parts
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.solution import BatchSolution, Solution
from diffkeras.physics.solvers.interface import SolveStatistics
from diffkeras.physics.steady_state import solve

NO_SECOND = "fields have no second derivatives: take differences of first ones"


class FieldFunction:
    """Parts ↦ field, with its pull-back; what `diffkeras.torch`, `.jax` and `.tensorflow` call.

    Attributes:
        problem: one image or a batch; what is not among the parts stays as it is.
        names: of the parts, as in `parts_of`.
        tolerance: of fields and adjoints.
    """

    def __init__(self, problem: Problem, parts: Mapping[str, Any], tolerance: float) -> None:
        """Raises a PhysicsError for no name or one that is no part, or a bad tolerance."""
        if not isinstance(problem, Problem):
            raise PhysicsError(f"the first argument must be a Problem, not {problem!r:.60}")
        check_names(parts, problem)
        if not parts:
            raise PhysicsError("give one part of the problem at least, by its name in dk.parts_of")
        self.problem = problem
        self.names = tuple(parts)
        self.tolerance = check_relative_tolerance(tolerance)
        # the last parts and their solution, whose derivatives set nothing up again
        self._latest: tuple[list[NDArray[np.float64]], Solution] | None = None

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
            is_per_image(name, shape, self.problem)

    def field(self, *parts: Any) -> NDArray[np.float64]:
        """The field, of the problem's shape, for parts in the order of their names."""
        solution = solve(self._problem(parts), tolerance=self.tolerance)
        self._latest = [np.array(part, np.float64) for part in parts], solution
        return solution.field.astype(np.float64)

    def pull_back(self, field: Any, cotangent: Any, *parts: Any) -> tuple[NDArray[np.float64], ...]:
        """The derivatives of a scalar J by each part, of its shape.

        Args:
            field: u of these parts, of the problem's shape.
            cotangent: ∂J/∂u, of that shape.
            *parts: in the order of their names.
        """
        problem = self._problem(parts)
        whole = self._solution(problem, field, parts).vjp(cotangent, self.tolerance)
        images = whole.images if isinstance(whole, BatchDerivatives) else [whole]
        results = []
        for name, part in zip(self.names, parts, strict=True):
            each = np.array([image[name] for image in images], dtype=np.float64)
            # all images of a batch may share a part
            per_image = problem.is_batch and each.shape == np.shape(part)
            results.append(each if per_image else each.sum(axis=0))
        return tuple(results)

    def _solution(self, problem: Problem, field: Any, parts: Sequence[Any]) -> Solution:
        """The solution of these parts: the latest one, or the given field."""
        latest = self._latest
        if latest and all(map(np.array_equal, latest[0], parts)):
            return latest[1]
        fields = problem.check_field("field", field).view()  # which a solution makes read-only
        stats = SolveStatistics("given", 0, reached=self.tolerance)
        if not problem.is_batch:
            return Solution(fields, problem, stats, proof=None)
        pairs = zip(fields, problem.images, strict=True)
        images = [Solution(*pair, stats, proof=None) for pair in pairs]
        return BatchSolution.of(fields, problem, images)

    def _problem(self, parts: Sequence[Any]) -> Problem:
        arrays = [np.asarray(part, np.float64) for part in parts]
        return with_parts(self.problem, dict(zip(self.names, arrays, strict=True)))
