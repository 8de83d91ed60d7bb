"""A problem: what is asked of a solver, checked once; one image or a batch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.limits import LARGEST, SLOWEST
from diffkeras.physics.problem.arrays import (
    Arrays,
    check_balance,
    check_finite,
    check_production_size,
    checked_production,
    fixed_values,
    warn_of_labels,
)
from diffkeras.physics.problem.keywords import MediumKeywords, ProblemKeywords, show_keywords
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.other_names import unknown_keyword
from diffkeras.physics.problem.side_terms import without_sides
from diffkeras.physics.problem.sources import Sources
from diffkeras.physics.problem.uptake import (
    SaturatingUptake,
    check_capacity,
    check_uptake,
    largest_capacity,
    medium_with_uptake,
)
from diffkeras.physics.real_arrays import real_array
from diffkeras.physics.short_repr import ShortRepr

LARGEST_FIELD = LARGEST / SLOWEST  # of the largest production with the slowest decay
ATTRIBUTES = ("medium", "values", "fixed", "production", "uptake")


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Problem(ShortRepr):
    """Find u with ∇·(D∇u) − γu − φ(u) + s = 0 on the free nodes and u = c on the fixed ones.

    One image, or a batch of images of one lattice, which is a `BatchProblem`. It copies its arrays,
    and they can't be changed.

    Args:
        source_image: (rows, columns), the values c of the fixed nodes; or a batch of such images,
            (batch, rows, columns); or `Sources`, which make one. So one image of three axes,
            (planes, rows, columns), needs `dimensions=3`, of the medium or as a keyword: **without
            it, a volume is a batch of its planes**. It can be left out if a production is given;
            then no node is fixed.
        production: s, (rows, columns) or (batch, rows, columns), of any sign: what sources release
            (cells take up, if negative) [concentration/time]. On fixed nodes it has no effect.
        uptake: what cells take up: k ≥ 0 [1/time] for a rate k·u, a number or (rows, columns),
            which adds to the decay; or a saturating rate φ(u), such as `MichaelisMenten`.
        fixed: (rows, columns), which nodes are fixed, or a mask for each image of a batch; by
            default those whose value is not 0.
        medium: where the field diffuses; by default `Medium()`.
        **parts: diffusivity, decay, step, boundary and dimensions of `Medium`, in place of
            `medium`. Those that are left out have the medium's defaults: with a diffusivity alone,
            **the decay stays 1/400**.

    Attributes:
        medium: D, γ with a linear uptake, h and the boundary.
        values: c, float64, of the shape of the images; read on the fixed nodes only.
        fixed: the fixed nodes, of that shape.
        production: s without that of sides; None if none is given.
        uptake: a saturating uptake, also one that takes up nothing; None without one.
        images: the problems of a batch, one for each image; of one image, itself.

    Raises:
        PhysicsError: an image of another dimension or not finite, a medium out of its range, or a
            problem without a unique solution, such as a net production that nothing takes away.

    Warns:
        ProblemWarning: a source image of whole numbers looks like a label image (`from_labels`).

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
        axes = len(source_image.centres) if isinstance(source_image, Sources) else None
        medium = Medium.of(medium, parts, axes)
        if fixed is None:
            warn_of_labels(source_image)
        arrays = Arrays.of(source_image, fixed, production, medium.dimensions)
        law = None
        if uptake is not None:
            medium, law = medium_with_uptake(medium, uptake, arrays.lattice)
        if not arrays.is_batch:
            return _checked(arrays, medium, law)
        return cls.batch([_checked(image, medium, law) for image in arrays.images()])

    @classmethod
    def batch(cls, problems: "Sequence[Problem]") -> "BatchProblem":
        """One problem of several images of one lattice, each with its own medium and uptake.

        Raises:
            PhysicsError: no problem, one that is a batch itself, or different lattices.
        """
        if not isinstance(problems, Iterable):
            raise PhysicsError(f"a batch is made of a sequence of Problems, not {problems!r:.60}")
        problems = tuple(problems)
        for problem in problems:
            if not isinstance(problem, Problem) or problem.is_batch:
                raise PhysicsError(
                    f"a batch consists of Problems of one image, not {problem!r:.60}"
                )
        if len({problem.lattice for problem in problems}) != 1:
            shapes = " and ".join(sorted({str(problem.lattice) for problem in problems}))
            raise PhysicsError(
                f"the problems of a batch have one lattice, not {shapes}"
                if problems
                else "a batch has at least one problem"
            )
        made = object.__new__(BatchProblem)
        object.__setattr__(made, "_images", problems)
        return made

    @classmethod
    def unchecked(
        cls,
        medium: Medium,
        values: NDArray[np.float64],
        fixed: NDArray[np.bool_],
        production: NDArray[np.float64] | None,
        uptake: SaturatingUptake | None,
    ) -> "Problem":
        """One image of attributes that are checked already.

        Arrays are not copied, and can't be changed any more.
        """
        made = object.__new__(Problem)
        for name, part in zip(ATTRIBUTES, (medium, values, fixed, production, uptake), strict=True):
            if isinstance(part, np.ndarray):
                part.setflags(write=False)
            object.__setattr__(made, name, part)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Without what was computed from the parts."""
        return Problem.unchecked, tuple(getattr(self, name) for name in ATTRIBUTES)

    @property
    def is_batch(self) -> bool:
        """Whether it has several images, or a batch of one."""
        return isinstance(self, BatchProblem)

    @property
    def images(self) -> "tuple[Problem, ...]":
        """The problems of a batch, one for each image; of one image, itself."""
        return (self,)

    @property
    def lattice(self) -> tuple[int, ...]:
        """(rows, columns) or (planes, rows, columns)."""
        return self.images[0].values.shape

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its fields; of a batch, the number of images comes before the lattice."""
        return (len(self.images), *self.lattice) if self.is_batch else self.lattice

    def check_field(self, name: str, field: Any, *, shared: bool = False) -> NDArray[np.float64]:
        """A field of this problem as float64; `shared`, one may stand for all images of a batch.

        More axes of length 1, such as a channel of PyTorch or Keras, are removed.

        Raises:
            PhysicsError: another shape, or numbers that are not finite or absurdly large.
        """
        values = real_array(f"the {name}", field)
        if shared and self.is_batch and values.shape == self.lattice:
            values = np.broadcast_to(values, self.shape)
        if values.ndim > len(self.shape) and _longer(values.shape) == _longer(self.shape):
            values = values.reshape(self.shape)
        if values.shape != self.shape:
            raise PhysicsError(
                f"the {name} has shape {values.shape}, the problem {self.shape}; `squeeze` removes "
                "an axis of length 1, and `movedim` or `moveaxis` moves one"
            )
        size = check_finite(f"the {name}", values)
        if size > LARGEST_FIELD:
            raise PhysicsError(
                f"the {name} holds {size:.3g}, more than {LARGEST_FIELD:g}: choose other units"
            )
        return values

    def with_fixed_values(self, field: NDArray[np.floating]) -> NDArray[np.float64]:
        """A field in float64 with the values of the fixed nodes; itself if it has them."""
        if np.array_equal(field[self.fixed], self.values[self.fixed]):
            return field.astype(np.float64, copy=False)
        return np.where(self.fixed, self.values, field)

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


class BatchProblem(Problem):
    """The problems of several images of one lattice.

    Attributes:
        images: the problem of each.
        values: those of all, (batch, rows, columns).
        fixed: likewise.
        production: likewise, 0 where an image has none; None if no image has one.
        medium: of all images; a PhysicsError if they differ.
        uptake: likewise.
    """

    _images: tuple[Problem, ...]

    @property
    def images(self) -> tuple[Problem, ...]:
        """See the attributes."""
        return self._images

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """See the attributes."""
        return self._stacked([image.values for image in self.images])

    @cached_property
    def fixed(self) -> NDArray[np.bool_]:
        """See the attributes."""
        return self._stacked([image.fixed for image in self.images])

    @cached_property
    def production(self) -> NDArray[np.float64] | None:
        """See the attributes."""
        each = [image.production for image in self.images]
        if all(one is None for one in each):
            return None
        return self._stacked([np.zeros(self.lattice) if one is None else one for one in each])

    @property
    def medium(self) -> Medium:
        """See the attributes."""
        return self._common("medium")

    @property
    def uptake(self) -> SaturatingUptake | None:
        """See the attributes."""
        return self._common("uptake")

    @property
    def reduced(self) -> Problem:
        """See `Problem`, of each image."""
        return Problem.batch([image.reduced for image in self.images])

    @cached_property
    def is_uniform(self) -> bool:
        """Whether all images are."""
        return all(image.is_uniform for image in self.images)

    def __reduce__(self) -> tuple[Any, ...]:
        return Problem.batch, (self.images,)

    def __repr__(self) -> str:
        """One line, with shapes and ranges of arrays of its first image."""
        return f"Problem.batch(<{len(self.images)} × {self.images[0]!r}>)"

    def _stacked(self, arrays: list[NDArray]) -> NDArray:
        whole = np.stack(arrays)
        whole.setflags(write=False)
        return whole

    def _common(self, name: str) -> Any:
        first, *others = (getattr(image, name) for image in self.images)
        if any(part is not first and part != first for part in others):
            raise PhysicsError(
                f"the images of this batch have no {name} in common; read that of "
                "problem.images[0], and so on"
            )
        return first


def _checked(arrays: Arrays, medium: Medium, uptake: SaturatingUptake | None) -> Problem:
    """The problem of one image, checked."""
    values, fixed = fixed_values(arrays)
    if medium.lattice not in (None, values.shape):
        raise PhysicsError(
            f"the medium has arrays of shape {medium.lattice}, the {arrays.leading} {values.shape}"
        )
    production = checked_production(arrays.production, fixed)
    if uptake is not None:
        check_uptake(uptake, fixed, medium)
    problem = Problem.unchecked(medium, values, fixed, production, uptake)
    reduced = problem.reduced
    check_production_size(reduced.production, reduced.medium)
    if reduced.medium.is_closed and not np.any(reduced.medium.decay) and not fixed.any():
        if reduced.uptake is not None:
            check_capacity(reduced.uptake, reduced.production, values.shape)
        else:
            check_balance(reduced.production)
    return problem


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
