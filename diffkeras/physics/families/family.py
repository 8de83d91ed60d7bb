"""A family: the problems of one geometry, by named parameters with ranges."""

import hashlib
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_choice, check_whole
from diffkeras.physics.families.draws import METHODS, MOST_DRAWN, in_ranges, unit_points
from diffkeras.physics.families.parameters import nodes_with_effect, parameters_of
from diffkeras.physics.families.scaling import Scaling
from diffkeras.physics.problem.parts import parts_of, with_parts, with_unchecked_parts
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.real_arrays import real_array

ROUNDING = 1e-12  # of an end of a range, relative to it
SAME = 1e-6  # relative difference of parts up to which a problem is one of the family
UPTAKE_PATH = "diffkeras.physics.problem.uptake."  # see `Family.fingerprint`
# parts at whose lower ends, with the upper ends of all others, a steady state is least likely, the
# last one being a side's; the constants of an uptake don't matter for that
REMOVING = re.compile(r"decay|uptake\..*|boundary\..*\.coefficient")


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
            is not finite or reversed, or has an end that makes no problem (see `Problem`).

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
        if not isinstance(problem, Problem) or problem.is_batch:
            raise PhysicsError(f"a family needs a Problem of one image, not {problem!r:.60}")
        if not parameters:
            raise PhysicsError(
                "a family needs at least one parameter, such as {'decay': (low, high)}"
            )
        self.problem = problem
        self.parameters = parameters_of(problem, parameters, regions or {}, linear)
        self.names = tuple(parameter.name for parameter in self.parameters)
        self.low = np.array([parameter.low for parameter in self.parameters])
        self.high = np.array([parameter.high for parameter in self.parameters])
        self._check_ends()
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
        if isinstance(parameters, Mapping):
            if set(parameters) != set(self.names):
                wrong = [name for name in parameters if name not in self.names]
                lacking = [name for name in self.names if name not in parameters]
                what = f"has no parameter {wrong[0]!r:.60}" if wrong else f"needs {lacking[0]!r}"
                raise PhysicsError(
                    f"this family {what}; its parameters are {', '.join(self.names)}"
                )
            columns = [real_array(name, parameters[name]) for name in self.names]
            if len({column.shape for column in columns}) > 1:
                shapes = ", ".join(str(column.shape) for column in columns)
                raise PhysicsError(f"give one number or one array (n,) of each, not {shapes}")
            parameters = np.stack(columns, axis=-1)
        values = real_array("parameters", parameters)
        if values.ndim not in (1, 2) or values.shape[-1] != len(self.names) or not values.size:
            raise PhysicsError(
                f"parameters have shape ({len(self.names)},) or (n, {len(self.names)}), in the "
                f"order of {', '.join(self.names)}, not {values.shape}"
            )
        if not np.isfinite(values).all():
            row, number = np.argwhere(~np.isfinite(np.atleast_2d(values)))[0]
            raise PhysicsError(
                f"{self.names[number]} must be finite, not {np.atleast_2d(values)[row, number]}"
            )
        inside = self._contains(values)
        if not (inside.all() or extrapolate):
            row, number = np.argwhere(~np.atleast_2d(inside))[0]
            raise PhysicsError(
                f"{self.names[number]} is {np.atleast_2d(values)[row, number]}, out of its range "
                f"{self.low[number]:g} to {self.high[number]:g}; extrapolate=True computes it all "
                "the same, with its bound"
            )
        return np.where(inside, np.clip(values, self.low, self.high), values)

    def contains(self, parameters: Mapping[str, float] | ArrayLike) -> NDArray[np.bool_]:
        """Whether points are in the ranges: a truth value, or one for each of (n, p)."""
        return np.asarray(self._contains(self.points(parameters, extrapolate=True)).all(axis=-1))

    def _contains(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        # a rounding beyond an end, such as of a logarithm's exponential, is in the range
        low = self.low - ROUNDING * np.abs(self.low)
        return (values >= low) & (values <= self.high + ROUNDING * np.abs(self.high))

    def problem_at(
        self, parameters: Mapping[str, float] | ArrayLike, *, extrapolate: bool = False
    ) -> Problem:
        """The problem of a point, or the batch of problems of several.

        Raises:
            PhysicsError: parameters as in `points`, or that make no problem.
        """
        values = self.points(parameters, extrapolate=extrapolate)
        if values.ndim == 1:
            return with_parts(self.problem, self._parts(values))
        return Problem.batch([with_parts(self.problem, self._parts(each)) for each in values])

    def point_of(self, problem: Problem) -> NDArray[np.float64]:
        """The parameters (p,) of one of the family's problems, within the ranges or not.

        Raises:
            PhysicsError: a problem that differs from the family's in more than the parameters.
        """
        own = self.problem
        if not isinstance(problem, Problem):
            raise PhysicsError(f"parameters are those of a Problem, not of {problem!r:.60}")
        if problem.is_batch or problem.lattice != own.lattice:
            raise PhysicsError(f"this family has the lattice {own.lattice}, not {problem.shape}")
        given, known = parts_of(problem), self._known_parts
        if not np.array_equal(problem.fixed, own.fixed):
            raise PhysicsError("the problem has other fixed nodes than this family")
        if problem.medium.side_kinds != own.medium.side_kinds or given.keys() != known.keys():
            raise PhysicsError("the problem has other sides, or another uptake, than this family")
        values = np.empty(len(self.parameters))
        for number, parameter in enumerate(self.parameters):
            part, nodes = np.asarray(given[parameter.part]), self.own_nodes[number]
            mask = np.broadcast_to(nodes_with_effect(parameter.part, own), own.lattice)
            nodes = np.flatnonzero(mask) if nodes is None else nodes[mask.flat[nodes]]
            if not nodes.size:  # regions have all nodes of the part
                values[number] = parameter.middle
            else:
                values[number] = part.flat[nodes[0] if part.shape == own.lattice else 0]
        wanted = {**known, **self._parts(values)}
        for name, part in given.items():
            where = nodes_with_effect(name, own)
            one, other = (np.where(where, each, 0.0) for each in (part, wanted[name]))
            if not np.allclose(one, other, rtol=SAME, atol=0):
                raise PhysicsError(
                    f"the problem has another {name} than this family where no parameter sets it; "
                    f"the parameters are {', '.join(self.names)}"
                )
        return values

    def quick_problem_at(self, values: NDArray[np.float64]) -> Problem:
        """The problem of a point (p,) in the ranges, without checking it again.

        So it takes a decay above 0 that is too slow for a `Medium`, where a range begins at 0.
        """
        if not self._contains(values).all():
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
        count, seed = check_whole("count", count, 1, MOST_DRAWN), check_whole("seed", seed, 0)
        check_choice("method", method, METHODS)
        return in_ranges(unit_points(count, len(self.names), seed, method), self.parameters)

    @property
    def lowest_point(self) -> NDArray[np.float64]:
        """The point (p,) of the lower ends of what removes, with all else in the middle."""
        return np.array(
            [p.low if REMOVING.fullmatch(p.part) else p.middle for p in self.parameters]
        )

    def pull_back(self, derivatives: Mapping[str, Any]) -> NDArray[np.float64]:
        """The derivatives by the parameters, (p,), from those by the parts of a problem.

        Args:
            derivatives: those of `Solution.vjp` at a problem of this family; of a batch of n, for
                which the result is (n, p).

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
        images = getattr(derivatives, "images", None)
        if images is not None:
            return np.stack([self.pull_back(image) for image in images])
        if not isinstance(derivatives, Mapping):
            raise PhysicsError(f"derivatives are those of `vjp`, not {derivatives!r:.60}")
        of = getattr(derivatives, "problem", self.problem)
        if not np.array_equal(of.fixed, self.problem.fixed):
            raise PhysicsError(
                f"these derivatives are of another problem, on {of.lattice} nodes or with other "
                f"fixed ones than this family on {self.problem.lattice}: take `vjp` of a solution "
                "at one of this family's problems"
            )
        result = np.zeros(len(self.parameters))
        for number, parameter in enumerate(self.parameters):
            if parameter.part not in derivatives:
                raise PhysicsError(
                    f"these derivatives have no {parameter.part}: take `vjp` of a solution at one "
                    "of this family's problems"
                )
            each = np.asarray(derivatives[parameter.part])
            nodes = self.own_nodes[number]
            if nodes is not None and not each.ndim:
                raise PhysicsError(
                    f"these derivatives are of a problem whose {parameter.part} is one number for "
                    f"all nodes, and {parameter.name} has nodes of its own: take `vjp` of a "
                    "solution of this family's `problem_at`"
                )
            result[number] = each.sum() if nodes is None else each.flat[nodes].sum()
        return result

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the problem, the regions and the ranges."""
        digest = hashlib.sha256()
        medium = self.problem.medium
        digest.update(repr((self.problem.lattice, medium.side_kinds, self.names)).encode())
        uptake = self.problem.uptake
        # where its class was when bases were stored first, wherever it is now
        path = "NoneType" if uptake is None else UPTAKE_PATH + type(uptake).__name__
        digest.update(f"<class '{path}'>".encode())
        for name, part in parts_of(self.problem).items():
            digest.update(name.encode() + np.asarray(part, np.float64).tobytes())
        digest.update(np.packbits(self.problem.fixed).tobytes())
        for parameter in self.parameters:
            nodes = parameter.nodes
            digest.update(b"" if nodes is None else nodes.astype(np.int64).tobytes())
        digest.update(np.stack([self.low, self.high, self.scaling.is_logarithmic]).tobytes())
        return digest.hexdigest()

    @cached_property
    def own_nodes(self) -> list[NDArray[np.intp] | None]:
        """The nodes of each parameter.

        A parameter without a region has those that no region of its part has; None for all.
        """
        nodes: list[NDArray[np.intp] | None] = []
        for parameter in self.parameters:
            others = [
                p.nodes for p in self.parameters if p.part == parameter.part and p.nodes is not None
            ]
            if parameter.nodes is None and others:
                mask = np.ones(self.problem.values.size, bool)
                mask[np.concatenate(others)] = False
                nodes.append(np.flatnonzero(mask))
            else:
                nodes.append(parameter.nodes)
        return nodes

    def _parts(self, values: NDArray[np.float64]) -> dict[str, Any]:
        """The parts of the problem of a point (p,) that parameters replace."""
        parts: dict[str, Any] = {}
        known, pairs = self._known_parts, list(zip(self.parameters, values, strict=True))
        for parameter, value in pairs:
            if parameter.nodes is None:
                parts[parameter.part] = self._whole(parameter.part, float(value))
        for parameter, value in pairs:
            if parameter.nodes is not None:
                part = parts.get(parameter.part, known[parameter.part])
                if parameter.part not in parts or np.ndim(part) == 0:
                    part = np.array(np.broadcast_to(part, self.problem.lattice), order="C")
                part.reshape(-1)[parameter.nodes] = value
                parts[parameter.part] = part
        return parts

    def _whole(self, part: str, value: float) -> Any:
        """A part that has one value, as an array where problems need one."""
        if part == "values":  # read on the fixed nodes only
            return np.where(self.problem.fixed, value, self.problem.values)
        return np.full(self.problem.lattice, value) if part == "production" else value

    @cached_property
    def _known_parts(self) -> dict[str, Any]:
        return parts_of(self.problem)

    def _check_ends(self) -> None:
        """Raise an error for an end of a range that makes no problem."""
        middles = np.array([parameter.middle for parameter in self.parameters])
        for number, name in enumerate(self.names):
            for end, values in (("lower", self.low), ("upper", self.high)):
                point = middles.copy()
                point[number] = values[number]
                self._check_point(point, f"the {end} end of {name}, {values[number]:g}")
        removes = [REMOVING.fullmatch(p.part) is not None for p in self.parameters]
        corner = np.where(removes, self.low, self.high)
        ends = ", ".join(f"{n} {v:g}" for n, v in zip(self.names, corner, strict=True))
        self._check_point(corner, f"the corner {ends}")

    def _check_point(self, point: NDArray[np.float64], what: str) -> None:
        try:
            with_parts(self.problem, self._parts(point))
        except PhysicsError as error:
            raise PhysicsError(f"{what}, makes no problem: {error}") from None
