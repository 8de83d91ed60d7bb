"""The equations of a problem, F(u) = A u + φ(u) − s = 0 on the free nodes.

φ increases, so F is the gradient of a strictly convex function, and an M-function (Rheinboldt
1970; Ortega & Rheinboldt 1970, §13.5): F(v) ≥ F(u) on the free nodes and v ≥ u on the fixed ones
give v ≥ u everywhere. The operator A is in `finite_volumes`.

Solvers see a problem in units of its own: rates are divided by `unit`, a power of 2, and fields by
`scale`. `enter` and `leave` convert fields; nothing else does.
"""

from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import largest
from diffkeras.physics.linear.block_cycles import BlockCycle
from diffkeras.physics.linear.finite_volumes import (
    EPSILON,
    EQUATION,
    EXTENDED,
    SLACK,
    FiniteVolumes,
    MediumNumbers,
    Ring,
    find_ring,
    finite_volumes,
    rounding_of,
)
from diffkeras.physics.linear.spectral import SpectralOperator, spectral_operator
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.problem import Problem, ProblemKeywords, as_problem
from diffkeras.physics.problem.sides import SideTerms, terms_of_sides
from diffkeras.physics.problem.uptake import SaturatingUptake
from diffkeras.system.environment import keep_freed_memory

SIMILAR = 1e-3  # see `Equations.cycle_at`
# No rounding may miss a corner of φ: of u ± r, of the sum with this share of it, and of k u
CORNER = rounding_of(4, np.float64)
Bound = TypeVar("Bound", bound=NDArray | None)


class Equations:
    """The equations of a problem, and what is set up to solve them.

    Each attribute is computed when it is first read, and kept. `solve` and `certify` make equations
    for each call, which the solution keeps for its derivatives. Programs that call them several
    times for one problem make the equations themselves and pass them in place of the problem. They
    take several times the memory of a field.

    Args:
        problem: without saturating uptake φ = 0.
        like: equations of a similar problem on the same lattice. The ring is shared if fixed nodes
            and boundaries are the same, the couplings if diffusivity, step and boundaries are, and
            the cache if ring and medium are.

    Attributes:
        given_problem: the problem as it was given.
        problem: the same without given numbers of sides (`Problem.reduced`).
        values, fixed, free: its values, its fixed nodes and the others, on the lattice.
        is_linear: whether φ = 0.
        cache: what solvers of the ring have set up, by name.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> image = np.eye(64)
        >>> equations = dk.physics.Equations(dk.Problem(image, decay=0.01 + 0.1 * image))
        >>> rough = dk.solve(equations, tolerance=1e-3).field
        >>> dk.certify(rough, equations).error_bound < 2e-3
        True
    """

    def __init__(self, problem: Problem, like: "Equations | None" = None) -> None:
        if not isinstance(problem, Problem):
            raise PhysicsError(f"Equations needs a Problem, not {problem!r:.60}")
        if not (like is None or isinstance(like, Equations)):
            raise PhysicsError(f"like must be the Equations of a problem, not {like!r:.60}")
        keep_freed_memory()  # here, as all that takes much of it comes from equations
        self.given_problem = problem
        self.problem = problem.reduced
        self.values, self.fixed, self.free = problem.values, problem.fixed, ~problem.fixed
        self.lattice = problem.lattice
        uptake = self.problem.uptake
        self.is_linear = uptake is None
        self._uptake = uptake.in_unit(problem.medium.unit) if uptake else None
        self._couplings: tuple[NDArray[np.float64], ...] = ()
        self.cache: dict[str, Any] = {}
        self.solved: Any = None  # the solution of a uniform medium, once a proof has needed it
        # the last slopes, and their cycle
        self._cycle_of_slope: tuple[NDArray | float, BlockCycle] | None = None
        if like is not None and like.lattice == self.lattice:
            medium, other = self.problem.medium, like.problem.medium
            # on a periodic axis, the nodes at its ends are neighbours
            if _same(problem.fixed, like.fixed) and medium.side_kinds == other.side_kinds:
                self.ring = like.ring
                if medium == other:
                    self.cache = like.cache
            if same_diffusivity(medium, other):
                self._couplings = like.volumes.couplings

    def __reduce__(self) -> tuple[Any, ...]:
        """Without what was computed."""
        return Equations, (self.given_problem,)

    def linear(
        self, production: NDArray, values: NDArray | None = None, decay: NDArray | float = 0.0
    ) -> "Equations":
        """The equations (A + decay) x = production, x = values on the fixed nodes, of any size."""
        medium = self.problem.medium
        if np.any(decay):
            medium = replace(medium, decay=medium.decay + decay)
        source = np.where(self.fixed, 0.0, production)
        # a view of one number, as an array takes memory
        held = np.broadcast_to(0.0, self.lattice)
        if values is not None:
            held = np.where(self.fixed, values, 0.0)
        made = Equations(Problem.unchecked(medium, held, self.fixed, source, None), self)
        made.scale = max(largest(source) / self.unit, made.ring_size)
        return made

    @property
    def unit(self) -> float:
        """[1/time], by which A is divided (`Medium.unit`)."""
        return self.problem.medium.unit

    @cached_property
    def ring(self) -> Ring:
        """The fixed nodes that have a free neighbour; no other value plays a part."""
        return find_ring(self.fixed, self.problem.medium.side_kinds)

    @cached_property
    def ring_size(self) -> float:
        """The largest |value| on the ring."""
        return largest(self.values[self.ring.nodes])

    @cached_property
    def scale(self) -> float:
        """What solvers divide the field by; 0 if the field is 0."""
        if self.problem.production is not None:  # the size of the field is not known before
            return 1.0
        return 1.0 if self.ring_size and not self.is_linear else self.ring_size

    def enter(self, field: NDArray) -> NDArray:
        """A field or values in solvers' units: divided by `scale`."""
        return field if self.scale == 1 else field / (self.scale or 1.0)

    def leave(self, field: NDArray, bound: Bound) -> tuple[NDArray, Bound]:
        """A solver's field in the problem's units, and at least its bound, both in place."""
        if self.scale not in (0.0, 1.0):
            field *= self.scale
            if bound is not None:
                np.multiply(bound, self.scale * SLACK, out=bound)
        return field, bound

    def hold(self, field: NDArray) -> NDArray:
        """A field of the problem, with the values of the fixed nodes, in place."""
        np.copyto(field, self.values, where=self.fixed, casting="same_kind")
        return field

    def held(self, field: NDArray[np.floating]) -> NDArray[np.float64]:
        """A field in float64 with the values of the fixed nodes; itself if it has them."""
        if np.array_equal(field[self.fixed], self.values[self.fixed]):
            return field.astype(np.float64, copy=False)
        return self.hold(field.astype(np.float64))

    @cached_property
    def ring_values(self) -> NDArray[np.float64]:
        """The ring's values in solvers' units, (m,)."""
        return self.enter(self.values[self.ring.nodes])

    @cached_property
    def production(self) -> NDArray[np.float64] | None:
        """A u on the free nodes: the production in solvers' units; None without any."""
        production = self.problem.production
        return None if production is None else self._per_unit(production)

    def _per_unit(self, production: NDArray) -> NDArray:
        divisor = self.unit * (self.scale or 1.0)
        return production if divisor == 1 else production / divisor

    @cached_property
    def _terms_of_sides(self) -> SideTerms | None:
        """What sides add, which the production includes; None if they have no numbers."""
        medium = self.given_problem.medium
        if medium.has_homogeneous_sides:
            return None
        return terms_of_sides(medium.sides, medium.diffusivities, medium.step, self.lattice)

    @cached_property
    def sizes_of_production(self) -> NDArray | None:
        """What the roundings of `production` are relative to.

        It is a rounded sum, whose terms are summed in extended precision, and may cancel.
        """
        if self.production is None:
            return None
        sizes = np.abs(self.production)
        if self._terms_of_sides is not None:
            share = float(np.finfo(EXTENDED).eps) / EPSILON
            sizes += (share * self._sizes_of_terms).astype(np.float64)
        return sizes

    @property
    def largest_size_of_production(self) -> float:
        """The largest of `sizes_of_production`, 0 without production."""
        return 0.0 if self.sizes_of_production is None else largest(self.sizes_of_production)

    @property
    def _sizes_of_terms(self) -> NDArray:
        """The sums of the |terms| of `production`, in extended precision."""
        assert self._terms_of_sides is not None
        given = self.given_problem.production
        sizes = self._terms_of_sides.sizes * self.free
        if given is not None:
            sizes += np.abs(given) * self.free
        return self._per_unit(sizes)

    @cached_property
    def _extended_production(self) -> tuple[NDArray, NDArray] | None:
        """`production` in extended precision, and the sums of its |terms|."""
        if self.problem.production is None:
            return None
        if self._terms_of_sides is None:
            produced = self._per_unit(self.problem.production.astype(EXTENDED))
            return produced, np.abs(produced)
        given = self.given_problem.production
        produced = self._terms_of_sides.productions + (0.0 if given is None else given)
        return self._per_unit(produced * self.free), self._sizes_of_terms

    @cached_property
    def _extended_volumes(self) -> FiniteVolumes:
        """`volumes` from the problem's numbers in extended precision."""
        medium = self.problem.medium
        decay: Any = medium.decay
        if self._terms_of_sides is not None:
            decay = self.given_problem.medium.decay + self._terms_of_sides.decays
        return finite_volumes(self.lattice, MediumNumbers.extended(medium, decay), self.unit)

    def volumes_in(self, precision: DTypeLike) -> FiniteVolumes:
        """`volumes` whose numbers have the digits of a precision, at least double's."""
        return self._extended_volumes if np.dtype(precision) == EXTENDED else self.volumes

    @cached_property
    def largest_production(self) -> float:
        """The largest |value| of `production`, 0 without production."""
        return 0.0 if self.production is None else largest(self.production)

    @cached_property
    def operator(self) -> SpectralOperator:
        """A by transforms; the medium must be uniform."""
        return spectral_operator(self.lattice, self.problem.medium.normalised())

    @cached_property
    def volumes(self) -> FiniteVolumes:
        """A by its stencil."""
        if self.problem.is_uniform and not self._couplings:
            return self.operator.volumes
        return finite_volumes(self.lattice, self.problem.medium, self.unit, self._couplings)

    @cached_property
    def cycle(self) -> BlockCycle:
        """The multigrid cycle of A on the free nodes."""
        return BlockCycle(self.volumes.on(self.free))

    def cycle_at(self, slope: NDArray | float) -> BlockCycle:
        """The multigrid cycle of about A + d on the free nodes, for slopes d.

        Only the last one is kept. It serves again for slopes d' with |d' − d| ≤ `SIMILAR` (σ + d),
        where σ + d are the row sums of A + d. Then |(A + d)⁻¹ (d' − d)| ≤ `SIMILAR`, so that each
        correction by the one leaves at most this share of the other's error.
        """
        if not np.any(slope):
            return self.cycle
        kept = self._cycle_of_slope  # read once, as another thread may replace it
        if kept is not None:
            last, cycle = kept
            change = np.abs(slope - last)
            change -= SIMILAR * (self.volumes.row_sums + last)
            if not change.max(where=self.free, initial=0.0) > 0:
                return cycle
        self._cycle_of_slope = None  # its memory is free for the new one
        cycle = self.cycle.plus((slope * self.free).astype(np.float64))
        self._cycle_of_slope = slope, cycle
        return cycle

    @cached_property
    def is_positive(self) -> bool:
        """Whether fixed values and productions are ≥ 0, so that u ≥ 0."""
        lowest = self.ring_values.min(initial=0.0)
        return bool(lowest >= 0 and (self.production is None or self.production.min() >= 0))

    def residual(self, field: NDArray) -> NDArray:
        """F(u) on the lattice in the field's precision; 0 on the fixed nodes."""
        return self._complete(self.volumes_in(field.dtype).apply(field), field)

    def residual_with_rounding(
        self, field: NDArray, precision: DTypeLike
    ) -> tuple[NDArray, NDArray]:
        """F(u), and at least its error, computed in that precision; both 0 on the fixed nodes."""
        field = field.astype(precision, copy=False)
        result, sizes = self.volumes_in(precision).apply_with_sizes(field)
        if field.dtype == EXTENDED and self._extended_production is not None:
            sizes += self._extended_production[1]
        elif self.sizes_of_production is not None:
            sizes += self.sizes_of_production
        if self._uptake:
            sizes += np.abs(self._uptake.rate(field))
        sizes *= self.free
        sizes *= rounding_of(self.roundings, precision)
        return self._complete(result, field), sizes

    def residual_and_largest_rounding(self, field: NDArray[np.float64]) -> tuple[NDArray, float]:
        """F(u) in double precision, and at least its error on any node.

        The largest |u| stands for each node's: it takes less time than `residual_with_rounding`.
        """
        terms = largest(field) * self.most_slopes + self.largest_size_of_production
        return self.residual(field), rounding_of(self.roundings, np.float64) * terms

    @property
    def roundings(self) -> float:
        """Unit roundoffs of F."""
        return EQUATION + (self._uptake.rounding if self._uptake else 0.0)

    @cached_property
    def most_slopes(self) -> float:
        """At least the sum of all |terms| of F on any node, but for s, over the largest |u|."""
        most = self.volumes.most_terms
        # φ is concave, so that it is below its tangent at 0
        return most + self._uptake.steepest if self._uptake else most

    def _complete(self, result: NDArray, field: NDArray) -> NDArray:
        if field.dtype == EXTENDED and self._extended_production is not None:
            result -= self._extended_production[0]
        elif self.production is not None:
            result -= self.production
        if self._uptake:
            result += self._uptake.rate(field)
        np.copyto(result, 0.0, where=self.fixed)
        return result

    def slope(self, field: NDArray) -> NDArray | float:
        """dφ/du on the lattice."""
        return self._uptake.slope(field) if self._uptake else 0.0

    def least_slope(self, field: NDArray, radius: NDArray | float) -> NDArray | float:
        """At most the slopes of φ between u − radius and u + radius, node by node."""
        return 0.0 if self._uptake is None else least_slope(self._uptake, field, radius)

    def change_of_slope(self, field: NDArray, radius: NDArray) -> NDArray | float:
        """At least |φ'(v) − φ'(u)| for all v between u − radius and u + radius, node by node."""
        if self._uptake is None:
            return 0.0
        slope = self._uptake.slope(field)
        # one more of the product with it, and one of the difference
        slack = rounding_of(self._uptake.rounding + 2, np.float64)
        lower = field - radius
        lower -= CORNER * np.abs(lower)
        most = self._uptake.slope(lower) * (1 + slack)
        return np.maximum(most - slope, slope - self.least_slope(field, radius)) + slack * slope

    def release(self) -> None:
        """Free the memory of the cycle of the last slopes."""
        self._cycle_of_slope = None

    def operator_at(
        self, slope: NDArray | float, precision: DTypeLike = np.float64
    ) -> FiniteVolumes:
        """The operator A + d of slopes d, rounded down."""
        volumes = self.volumes_in(precision)
        if not np.any(slope):
            return volumes
        row_sums = volumes.row_sums + slope
        row_sums /= SLACK
        return FiniteVolumes(volumes.couplings, row_sums)


def least_slope(
    uptake: SaturatingUptake, field: NDArray, radius: NDArray | float
) -> NDArray | float:
    """At most the slopes of φ between u − radius and u + radius; 0 if the radius is infinite."""
    if not np.isfinite(radius).all():
        return 0.0
    # as φ is concave, the slope at u + radius
    # the rounding of the slope is relative; one more of the product with it
    slack = 1 - rounding_of(uptake.rounding + 1, np.float64)
    upper = field + radius
    upper += CORNER * np.abs(upper)
    return uptake.slope(upper) * slack


def problem_and_equations(
    problem: Any, keywords: ProblemKeywords
) -> tuple[Problem, Equations | None]:
    """The problem of a function that takes one, its equations or its parts; given equations."""
    if isinstance(problem, Equations):
        return as_problem(problem.given_problem, keywords), problem
    return as_problem(problem, keywords), None


def same_diffusivity(one: Medium, other: Medium) -> bool:
    """Whether two media of one lattice have the same couplings: diffusivity, step and sides."""
    pairs = zip(one.diffusivities, other.diffusivities, strict=True)
    steps = (one.step, one.side_kinds) == (other.step, other.side_kinds)
    return steps and all(_same(*pair) for pair in pairs)


def _same(one: Any, other: Any) -> bool:
    return one is other or np.array_equal(one, other)
