"""A problem: what is asked of a solver, checked once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import LARGEST, SLOWEST, real_array
from diffkeras.physics.problem.arrays import (
    check_balance,
    check_finite,
    check_production_size,
    checked_production,
    fixed_values,
    warn_of_colours,
    warn_of_labels,
)
from diffkeras.physics.problem.keywords import MediumKeywords, ProblemKeywords, show_keywords
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.side_terms import without_sides
from diffkeras.physics.problem.sources import Sources
from diffkeras.physics.problem.uptake import (
    SaturatingUptake,
    check_capacity,
    check_uptake,
    largest_capacity,
    medium_with_uptake,
)
from diffkeras.physics.values import ShortRepr, unknown_keyword

LARGEST_FIELD = LARGEST / SLOWEST  # of the largest production with the slowest decay
ATTRIBUTES = ("medium", "values", "fixed", "production", "uptake")


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Problem(ShortRepr):
    """Find u with ∇·(D∇u) − γu − φ(u) + s = 0 on the free nodes and u = c on the fixed ones.

    It copies its arrays, and they can't be changed. Several problems are a list, for `solve_many`.

    Args:
        source_image: the values c of the fixed nodes, (rows, columns) or (planes, rows, columns);
            or `Sources`, which make one. It can be left out if a production is given; then no node
            is fixed.
        production: s on the lattice, of any sign: what sources release (cells take up, if negative)
            [concentration/time]. On fixed nodes it has no effect.
        uptake: what cells take up: k ≥ 0 [1/time] for a rate k·u, a number or one for each node,
            which adds to the decay; or a saturating rate φ(u), such as `MichaelisMenten`.
        fixed: which nodes are fixed; by default those whose value is not 0.
        medium: where the field diffuses; by default `Medium()`.
        **parts: diffusivity, decay, step and boundary of `Medium`, in place of `medium`. Those that
            are left out have the medium's defaults: with a diffusivity alone, **the decay stays
            1/400**.

    Attributes:
        lattice: (rows, columns) or (planes, rows, columns).
        medium: D, γ with a linear uptake, h and the boundary.
        values: c on the lattice, float64; read on the fixed nodes only.
        fixed: the fixed nodes.
        production: s without the terms of sides; None if none is given.
        uptake: a saturating uptake, even if it takes up nothing; or None.

    Raises:
        PhysicsError: an image of another dimension or not finite, a medium out of its range, or a
            problem without a unique solution, such as a net production that nothing takes away.

    Warns:
        ProblemWarning: a source image looks like a label image (`from_labels`) or like a colour
            picture.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> image = np.zeros((64, 64))
        >>> image[30:34, 30:34] = 1.0
        >>> problem = dk.Problem(image, decay=0.01, boundary="reflecting")
        >>> problem.lattice, int(problem.fixed.sum()), problem.medium.diffusion_length
        ((64, 64), 16, 10.0)
        >>> dk.solve(problem).error_bound < 1e-9
        True
    """

    medium: Medium
    values: NDArray[np.float64]
    fixed: NDArray[np.bool_]
    production: NDArray[np.float64] | None
    uptake: SaturatingUptake | None

    @show_keywords
    def __new__(
        cls,
        source_image: Any = None,
        *,
        production: Any = None,
        uptake: Any = None,
        fixed: Any = None,
        medium: Medium | None = None,
        **parts: Unpack[MediumKeywords],
    ) -> "Problem":
        """See the class."""
        medium = Medium.of(medium, parts)
        if isinstance(production, Sources):
            raise PhysicsError(
                "a production is an array of rates, not Sources; multiply their image() by a rate"
            )
        if isinstance(source_image, Sources):
            source_image = source_image.image(dtype=np.float64)
        if fixed is None:
            warn_of_colours("the source image", source_image)
            warn_of_labels(source_image)
        values, mask = fixed_values(source_image, fixed, production)
        production = checked_production(production, mask)
        medium, law = medium_with_uptake(medium.on(mask.shape), uptake, mask.shape)
        if law is not None:
            check_uptake(law, mask, medium)
        problem = cls.unchecked(medium, values, mask, production, law)
        reduced = problem.reduced
        check_production_size(reduced.production, reduced.medium)
        if reduced.medium.is_closed and not np.any(reduced.medium.decay) and not mask.any():
            if reduced.uptake is not None:
                check_capacity(reduced.uptake, reduced.production, mask.shape)
            else:
                check_balance(reduced.production)
        return problem

    @classmethod
    def unchecked(
        cls,
        medium: Medium,
        values: NDArray[np.float64] | None,
        fixed: NDArray[np.bool_],
        production: NDArray[np.float64] | None,
        uptake: SaturatingUptake | None,
    ) -> "Problem":
        """The problem of attributes that are checked already.

        Arrays are not copied and become read-only. Values may be None where no node is
        fixed.
        """
        made = object.__new__(Problem)
        if values is None:
            values = np.broadcast_to(0.0, fixed.shape)  # a view of one number
        for name, part in zip(ATTRIBUTES, (medium, values, fixed, production, uptake), strict=True):
            if isinstance(part, np.ndarray):
                part.setflags(write=False)
            object.__setattr__(made, name, part)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Without what was computed from the parts, and a view of one number as it is."""
        values = self.values if any(self.values.strides) else None
        return Problem.unchecked, (self.medium, values, self.fixed, self.production, self.uptake)

    @property
    def lattice(self) -> tuple[int, ...]:
        """See the attributes."""
        return self.values.shape

    def check_field(self, name: str, field: Any) -> NDArray[np.float64]:
        """A field on the lattice as float64.

        More axes of length 1, such as a channel of PyTorch or Keras, are removed.

        Raises:
            PhysicsError: another shape, or numbers that are not finite or absurdly large.
        """
        values = real_array(f"the {name}", field)
        lattice = self.lattice
        if values.ndim > len(lattice) and _longer(values.shape) == _longer(lattice):
            values = values.reshape(lattice)
        if values.shape != lattice:
            raise PhysicsError(
                f"the {name} has shape {values.shape}, the problem {lattice}; `squeeze` removes "
                "an axis of length 1, and `movedim` or `moveaxis` moves one"
            )
        size = check_finite(f"the {name}", values)
        if size > LARGEST_FIELD:
            raise PhysicsError(
                f"the {name} holds {size:.3g}, more than {LARGEST_FIELD:g}: choose other units"
            )
        return values

    @property
    def reduced(self) -> "Problem":
        """The same without given numbers of sides and without terms that are 0 on all free nodes.

        Sides add to its production and decay (`problem.side_terms`). It has the same field, and
        is what the solvers see.
        """
        other = self._reduced
        return self if other is None else other

    @cached_property
    def _reduced(self) -> "Problem | None":
        """`reduced`, or None if that is this problem, which would keep itself in memory."""
        medium, production = self.medium, self.production
        if not medium.has_homogeneous_sides:
            medium, production = without_sides(medium, production, self.lattice)
        if production is not None:
            if production[self.fixed].any():
                production = np.where(self.fixed, 0.0, production)
            if not production.any():
                production = None
        uptake = self.uptake
        if uptake is not None and not largest_capacity(uptake, self.fixed):
            uptake = None
        is_same = medium is self.medium and production is self.production
        if is_same and uptake is self.uptake:
            return None
        return Problem.unchecked(medium, self.values, self.fixed, production, uptake)

    @cached_property
    def is_uniform(self) -> bool:
        """Whether transforms solve it, which need a uniform medium without saturating uptake."""
        return self.reduced.medium.is_uniform and self.reduced.uptake is None


def as_problem(
    problem: Any, keywords: ProblemKeywords, known: type[ProblemKeywords] = ProblemKeywords
) -> Problem:
    """The problem of a function that takes either one or the arguments of one.

    Args:
        problem: a Problem, or a source image.
        keywords: as given.
        known: keywords of the function.

    Raises:
        TypeError: a keyword that the function doesn't have.
        PhysicsError: a Problem and keywords, or arguments that make no problem.
    """
    if not isinstance(problem, Problem):
        if problem is not None and "source_image" in keywords:
            raise PhysicsError("give either the problem or source_image, not both")
        return Problem(**{"source_image": problem, **keywords})
    if unknown := [name for name in keywords if name not in known.__annotations__]:
        raise unknown_keyword(unknown[0])
    if keywords:
        raise PhysicsError(
            f"give either a Problem or {', '.join(keywords)}: a Problem holds its own "
            f"{next(iter(keywords))}"
        )
    return problem


def _longer(shape: tuple[int, ...]) -> list[int]:
    return [length for length in shape if length != 1]
