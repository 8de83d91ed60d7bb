"""A family: the problems of one geometry, by named parameters with ranges."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.families.parameters import parameters_of
from diffkeras.physics.families.point_parts import parts_at, point_of, pulled_back
from diffkeras.physics.families.ranges import Ranges, check_corners, drawn, lowest_point
from diffkeras.physics.families.scaling import Scaling
from diffkeras.physics.problem.parts import parts_of, with_parts, with_unchecked_parts
from diffkeras.physics.problem.problem import Problem

# where the classes of uptake were when bases were stored first, wherever they are now
UPTAKE_PATH = "diffkeras.physics.problem.uptake."


class Family:
    """The problems of one geometry, whose numbers vary within ranges.

    Fixed nodes, regions and sides stay. A parameter is a part of the problem, by its name in
    `parts_of`, on the whole lattice or in a region:

    - "decay": the decay of all nodes;
    - "uptake.maximum[tumour]": the maximum of uptake on the nodes of the region "tumour". Elsewhere
      it stays what it is in the problem, or what the parameter "uptake.maximum" says;
    - "values[vessels]": the value of the fixed nodes of a region.

    A point of the family is a mapping from all names to numbers, or an array of numbers in the
    order of `names`. Several are an array (n, p).

    Args:
        problem: one image.
        parameters: (low, high) of each parameter, in the unit of its part.
        regions: masks of the lattice's shape by name.
        linear: names of parameters whose draws are even in the number itself. By default they are
            so in its logarithm, unless the range includes 0 or negative numbers.

    Attributes:
        problem: from which the other problems differ by the parameters.
        parameters: each with its part, nodes and range.
        names: of the parameters, (p).
        low, high: ends of their ranges, (p,).

    Raises:
        PhysicsError: a name that is no part; a region that is not given, of another shape, empty,
            or on nodes where the part has no effect; regions of one part that overlap; a range that
            is not finite or reversed; ranges in which a point makes no problem (see `Problem`).

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> vessels = np.zeros((32, 32))
        >>> vessels[4:8, 4:8] = 1.0
        >>> tumour = np.zeros((32, 32), bool)
        >>> tumour[16:28, 16:28] = True
        >>> problem = dk.Problem(vessels, uptake=dk.MichaelisMenten(0.01 * tumour, 0.2))
        >>> family = dk.Family(
        ...     problem,
        ...     {"uptake.maximum[tumour]": (0.005, 0.05), "decay": (5e-4, 5e-3)},
        ...     regions={"tumour": tumour},
        ... )
        >>> family.problem_at({"uptake.maximum[tumour]": 0.02, "decay": 0.001}).medium.decay
        0.001
        >>> family.draw(4, seed=0).shape
        (4, 2)
    """

    def __init__(
        self,
        problem: Problem,
        parameters: Mapping[str, tuple[float, float]],
        regions: Mapping[str, ArrayLike] | None = None,
        linear: Any = (),
    ) -> None:
        if not isinstance(problem, Problem):
            raise PhysicsError(f"a family needs a Problem, not {problem!r:.60}")
        if not parameters:
            raise PhysicsError(
                "a family needs at least one parameter, such as {'decay': (low, high)}"
            )
        self.problem = problem
        self.parameters = parameters_of(problem, parameters, regions or {}, linear)
        check_corners(problem, self.parameters)
        self.names = tuple(parameter.name for parameter in self.parameters)
        self.low = np.array([parameter.low for parameter in self.parameters])
        self.high = np.array([parameter.high for parameter in self.parameters])
        self._ranges = Ranges.of(self.parameters)
        self.scaling = Scaling.of(problem, self.parameters)

    def __repr__(self) -> str:
        ranges = ", ".join(f"{p.name}: {p.low:g} to {p.high:g}" for p in self.parameters)
        return f"Family({ranges}; {'×'.join(map(str, self.problem.lattice))} nodes)"

    def points(
        self, parameters: Mapping[str, float] | ArrayLike, *, extrapolate: bool = False
    ) -> NDArray[np.float64]:
        """The numbers of one point, (p,), or several, (n, p), checked.

        A rounding beyond an end of a range becomes that end.

        Raises:
            PhysicsError: names that are missing or unknown, numbers that are not finite, another
                shape, or a number out of its range, unless `extrapolate`.
        """
        return self._ranges.points(parameters, extrapolate)

    def contains(self, parameters: Mapping[str, float] | ArrayLike) -> NDArray[np.bool_]:
        """Whether points are in the ranges: a truth value, or one for each of (n, p)."""
        points = self.points(parameters, extrapolate=True)
        return np.asarray(self._ranges.contain(points).all(axis=-1))

    def problem_at(
        self, parameters: Mapping[str, float] | ArrayLike, *, extrapolate: bool = False
    ) -> Problem:
        """The problem of a point.

        Raises:
            PhysicsError: parameters as in `points`, several points, or ones that make no problem.
        """
        values = self.points(parameters, extrapolate=extrapolate)
        if values.ndim > 1:
            raise PhysicsError("give one point; of several, call it for each one in a list")
        return with_parts(self.problem, self._parts(values))

    def point_of(self, problem: Problem) -> NDArray[np.float64]:
        """The parameters (p,) of one of the family's problems, within the ranges or not.

        Raises:
            PhysicsError: a problem that differs from the family's in more than the parameters.
        """
        return point_of(problem, self.problem, self._known_parts, self.parameters)

    def quick_problem_at(self, values: NDArray[np.float64]) -> Problem:
        """The problem of a point (p,), which isn't checked where the ranges say that it is one.

        Raises:
            PhysicsError: a point that makes no problem.
        """
        if not self._ranges.make_problems(values):
            return self.problem_at(values, extrapolate=True)
        return with_unchecked_parts(self.problem, self._parts(values))

    def draw(self, count: int, seed: int, method: str = "sobol") -> NDArray[np.float64]:
        """Points that fill the ranges evenly, (count, p).

        Args:
            count: how many.
            seed: the same seed gives the same points.
            method: "sobol", Sobol' points with Owen's scrambling, or "latin_hypercube"
                (`scipy.stats.qmc`).

        Raises:
            PhysicsError: an unknown method, or a count or seed that is no whole number.
        """
        return drawn(self.parameters, count, seed, method)

    @property
    def lowest_point(self) -> NDArray[np.float64]:
        """The point (p,) of the lower ends of what removes, with all else in the middle."""
        return lowest_point(self.parameters)

    def pull_back(self, derivatives: Mapping[str, Any]) -> NDArray[np.float64]:
        """The derivatives by the parameters, (p,), from those by the parts of a problem.

        Args:
            derivatives: those of `Solution.vjp` at a problem of this family.

        Raises:
            PhysicsError: derivatives of another problem: without one of the parts, on another
                lattice or other fixed nodes, or where a part is one number that has a parameter of
                a region here.

        Example:
            >>> import numpy as np, diffkeras as dk
            >>> family = dk.Family(dk.Problem(np.eye(8)), {"decay": (0.01, 0.1)})
            >>> solution = dk.solve(family.problem_at([0.05]))
            >>> gradient = family.pull_back(solution.vjp(np.ones((8, 8))))
            >>> gradient.shape, bool(gradient[0] < 0)
            ((1,), True)
        """
        return pulled_back(derivatives, self.problem, self.parameters)

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the problem, the regions and the ranges, 64 hexadecimal digits."""
        digest, problem = hashlib.sha256(), self.problem
        digest.update(repr((problem.lattice, problem.medium.side_kinds, self.names)).encode())
        uptake = problem.uptake
        path = "NoneType" if uptake is None else UPTAKE_PATH + type(uptake).__name__
        digest.update(f"<class '{path}'>".encode())
        for name, part in self._known_parts.items():
            digest.update(name.encode() + np.asarray(part, np.float64).tobytes())
        digest.update(np.packbits(problem.fixed).tobytes())
        for parameter in self.parameters:
            if parameter.has_region:
                digest.update(np.asarray(parameter.nodes, np.int64).tobytes())
        numbers = [(p.low, p.high, p.is_logarithmic) for p in self.parameters]
        digest.update(np.array(numbers, np.float64).T.tobytes())
        return digest.hexdigest()

    def _parts(self, point: NDArray[np.float64]) -> dict[str, Any]:
        """The parts of the problem of a point (p,) that parameters set."""
        return parts_at(self._known_parts, self.parameters, point)

    @cached_property
    def _known_parts(self) -> dict[str, Any]:
        return parts_of(self.problem)
