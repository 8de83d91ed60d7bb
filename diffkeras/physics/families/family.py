"""A family: the problems of one geometry, by named parameters with ranges."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_whole, real_array
from diffkeras.physics.families.parameters import (
    MAY_BE_TOO_SMALL,
    REMOVING,
    Scaling,
    corners,
    parameters_of,
)
from diffkeras.physics.problem.parts import ON_LATTICE, parts_of, with_parts, with_unchecked_parts
from diffkeras.physics.problem.problem import Problem

# where the classes of uptake were when bases were stored first, wherever they are now
UPTAKE_PATH = "diffkeras.physics.problem.uptake."
ROUNDING = 1e-12  # of an end of a range, relative to it
MOST_DRAWN = 1 << 24


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
        self.names = tuple(parameter.name for parameter in self.parameters)
        self.low = np.array([parameter.low for parameter in self.parameters])
        self.high = np.array([parameter.high for parameter in self.parameters])
        self.scaling = Scaling.of(problem, self.parameters)
        # below which an absolute value that isn't 0 may be too small for a problem
        self._smallest = np.array(
            [
                abs(p.nearest_to_zero) if MAY_BE_TOO_SMALL.fullmatch(p.part) else 0.0
                for p in self.parameters
            ]
        )
        for corner in corners(self.parameters):
            try:
                self._problem_of(np.array(corner))
            except PhysicsError as error:
                pairs = zip(self.names, corner, strict=True)
                shown = ", ".join(f"{name} {value:g}" for name, value in pairs)
                raise PhysicsError(
                    f"the ranges contain {shown}, which makes no problem: {error}"
                ) from None

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
        values: Any = parameters
        if isinstance(parameters, Mapping):
            if set(parameters) != set(self.names):
                wrong = [name for name in parameters if name not in self.names]
                lacking = [name for name in self.names if name not in parameters]
                what = f"has no parameter {wrong[0]!r:.60}" if wrong else f"needs {lacking[0]!r}"
                names = ", ".join(self.names)
                raise PhysicsError(f"this family {what}; its parameters are {names}")
            columns = [real_array(name, parameters[name]) for name in self.names]
            if len({column.shape for column in columns}) > 1:
                shapes = ", ".join(str(column.shape) for column in columns)
                raise PhysicsError(f"give one number or one array (n,) of each, not {shapes}")
            values = np.stack(columns, axis=-1)
        values = real_array("parameters", values)
        if values.ndim not in (1, 2) or values.shape[-1] != len(self.names) or not values.size:
            raise PhysicsError(
                f"parameters have shape ({len(self.names)},) or (n, {len(self.names)}), in the "
                f"order of {', '.join(self.names)}, not {values.shape}"
            )
        inside = self._are_inside(values)
        wanted = np.isfinite(values) if extrapolate else inside
        if not wanted.all():
            row, number = np.argwhere(~np.atleast_2d(wanted))[0]
            name, value = self.names[number], np.atleast_2d(values)[row, number]
            if not np.isfinite(value):
                raise PhysicsError(f"{name} must be finite, not {value}")
            raise PhysicsError(
                f"{name} is {value}, out of its range {self.low[number]:g} to "
                f"{self.high[number]:g}; extrapolate=True computes it all the same, with its bound"
            )
        return np.where(inside, np.clip(values, self.low, self.high), values)

    def _are_inside(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each number of points (…, p) is in its range, to rounding, (…, p)."""
        low = self.low - ROUNDING * np.abs(self.low)
        return (values >= low) & (values <= self.high + ROUNDING * np.abs(self.high))

    def contains(self, parameters: Mapping[str, float] | ArrayLike) -> NDArray[np.bool_]:
        """Whether points are in the ranges: a truth value, or one for each of (n, p)."""
        points = self.points(parameters, extrapolate=True)
        return np.asarray(self._are_inside(points).all(axis=-1))

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
        return self._problem_of(values)

    def quick_problem_at(self, values: NDArray[np.float64]) -> Problem:
        """The problem of a point (p,), which isn't checked where the ranges say that it is one."""
        is_small = (np.abs(values) < self._smallest) & (values != 0)
        if is_small.any() or not self._are_inside(values).all():
            return self.problem_at(values, extrapolate=True)
        return with_unchecked_parts(self.problem, self._parts(values))

    def draw(self, count: int, seed: int) -> NDArray[np.float64]:
        """Points that fill the ranges evenly, (count, p): Sobol' points with Owen's scrambling.

        Args:
            count: how many.
            seed: the same seed gives the same points.

        Raises:
            PhysicsError: a count or seed that is no whole number.
        """
        from scipy.stats import qmc  # half a second to import

        count, seed = check_whole("count", count, 1, MOST_DRAWN), check_whole("seed", seed, 0)
        size, rng = len(self.parameters), np.random.default_rng(seed)
        # a power of 2 keeps the points balanced; the first ones of a sequence are one, too
        unit = qmc.Sobol(size, rng=rng).random_base2((count - 1).bit_length())[:count]
        linear = self.low + unit * (self.high - self.low)
        is_logarithmic = np.array([parameter.is_logarithmic for parameter in self.parameters])
        start, end = (np.where(is_logarithmic, each, 1.0) for each in (self.low, self.high))
        powers = start * (end / start) ** unit
        return np.clip(np.where(is_logarithmic, powers, linear), self.low, self.high)

    @property
    def lowest_point(self) -> NDArray[np.float64]:
        """The point (p,) of the lower ends of what removes, with all else in the middle."""
        ends = [p.low if REMOVING.fullmatch(p.part) else p.middle for p in self.parameters]
        return np.array(ends)

    def pull_back(self, derivatives: Mapping[str, Any]) -> NDArray[np.float64]:
        """The derivatives by the parameters, (p,), from those by the parts of a problem.

        Args:
            derivatives: from `Solution.vjp`, at a problem of this family.

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
        own = self.problem
        if not isinstance(derivatives, Mapping):
            raise PhysicsError(f"pull_back needs the derivatives of `vjp`, not {derivatives!r:.60}")
        of = getattr(derivatives, "problem", own)
        if not np.array_equal(of.fixed, own.fixed):
            raise PhysicsError(
                f"these derivatives are of another problem, on {of.lattice} nodes or with other "
                f"fixed ones than this family on {own.lattice}: take `vjp` of a solution at one of "
                "this family's problems"
            )
        return np.array([parameter.derivative(derivatives) for parameter in self.parameters])

    def rows_of_values(self) -> NDArray[np.float64]:
        """Rows (p + 1, n) whose product with parameters and 1 gives the fixed values on n nodes."""
        values = self.problem.values
        rows = np.zeros((len(self.parameters) + 1, values.size))
        rows[-1] = values.ravel()
        for row, parameter in zip(rows, self.parameters, strict=False):
            if parameter.part == "values":
                row[parameter.where], rows[-1, parameter.where] = 1.0, 0.0
        return rows * self.problem.fixed.ravel()

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

    def _problem_of(self, point: NDArray[np.float64]) -> Problem:
        """The checked problem of a point (p,)."""
        return with_parts(self.problem, self._parts(point))

    def _parts(self, point: NDArray[np.float64]) -> dict[str, Any]:
        """The parts that parameters set, by name, with their numbers at a point (p,).

        A part is an array where parameters have nodes of their own, or where it always is one.
        """
        parts: dict[str, Any] = {}
        lattice = self.problem.lattice
        for parameter, value in zip(self.parameters, point.tolist(), strict=True):
            part = parameter.part
            if parameter.nodes is None:
                parts[part] = np.full(lattice, value) if part in ON_LATTICE else value
                continue
            if part not in parts:
                known = np.broadcast_to(self._known_parts[part], lattice)
                parts[part] = np.array(known, order="C")
            parts[part].reshape(-1)[parameter.nodes] = value
        return parts

    @cached_property
    def _known_parts(self) -> dict[str, Any]:
        return parts_of(self.problem)
