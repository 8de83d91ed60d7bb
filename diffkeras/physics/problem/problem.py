"""A problem: what is asked of a solver, checked once; one image or a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import largest, real_array
from diffkeras.physics.equations.axis import Axis, lattice_axes
from diffkeras.physics.equations.ring import Ring, find_ring
from diffkeras.physics.equations.side_terms import without_sides
from diffkeras.physics.equations.spectral import SpectralOperator, spectral_operator
from diffkeras.physics.problem.arrays import (
    Arrays,
    check_balance,
    check_finite,
    check_production_size,
    checked_production,
    fixed_values,
)
from diffkeras.physics.problem.keywords import (
    MediumKeywords,
    ProblemKeywords,
    as_medium,
    show_keywords,
)
from diffkeras.physics.problem.limits import LARGEST, SLOWEST
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.uptake import (
    SaturatingUptake,
    check_capacity,
    check_uptake,
    medium_with_uptake,
)
from diffkeras.physics.short_repr import ShortRepr

LARGEST_FIELD = LARGEST / SLOWEST  # of the largest production with the slowest decay
PARTS = ("medium", "values", "fixed", "production", "uptake")


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Problem(ShortRepr):
    """Find u with ∇·(D∇u) − γu − φ(u) + s = 0 on the free nodes and u = c on the fixed ones.

    One image, or a batch of images of one lattice. It copies its arrays, and they can't be changed.

    Args:
        source_image: (rows, columns), the values c of the fixed nodes; or a batch of such images,
            (batch, rows, columns); or `Sources`, which make one. So one image of three axes,
            (planes, rows, columns), needs `dimensions=3`, of the medium or as a keyword. It can be
            left out if a production is given; then no node is fixed. A batch whose neighbouring
            images are alike, as the planes of a volume are, gives a UserWarning unless the
            dimensions are given, 2 or 3.
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
        uptake: a saturating uptake; None without one.
        images: the problems of a batch, one for each image; of one image, itself.

    Raises:
        PhysicsError: an image of another dimension or not finite, a medium out of its range, or a
            problem without a unique solution, such as a net production that nothing takes away.

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
    def __init__(
        self,
        source_image: Any = None,
        *,
        production: Any = None,
        uptake: Any = None,
        fixed: Any = None,
        medium: Medium | None = None,
        **parts: Unpack[MediumKeywords],
    ) -> None:
        medium = as_medium(medium, parts, source_image)
        arrays = Arrays.of(source_image, fixed, production, medium.dimensions)
        medium, law = medium_with_uptake(medium, uptake, arrays.lattice)
        if not arrays.is_batch:
            self._check(arrays, medium, law)
            return
        if not (medium.states_dimensions or law):
            arrays.warn_of_volume()
        images = []
        for image in arrays.images():
            images.append(Problem.__new__(Problem))
            images[-1]._check(image, medium, law)
        self._set_images(images)

    @classmethod
    def batch(cls, problems: "Sequence[Problem]") -> "Problem":
        """One problem of several images of one lattice, each with its own medium and uptake.

        Raises:
            PhysicsError: no problem, one that is a batch itself, or different lattices.
        """
        problems = list(problems)
        for problem in problems:
            if not isinstance(problem, Problem) or problem.is_batch:
                raise PhysicsError(
                    f"a batch consists of Problems of one image, not {problem!r:.60}"
                )
        if len({problem.lattice for problem in problems}) != 1:
            shapes = " and ".join(sorted({str(problem.lattice) for problem in problems}))
            raise PhysicsError(f"the problems of a batch have one lattice, not {shapes or 'none'}")
        made = cls.__new__(cls)
        made._set_images(problems)
        return made

    @classmethod
    def of_parts(
        cls,
        medium: Medium,
        values: NDArray[np.float64],
        fixed: NDArray[np.bool_],
        production: NDArray[np.float64] | None,
        uptake: SaturatingUptake | None,
    ) -> "Problem":
        """One image of parts that are checked already."""
        made = cls.__new__(cls)
        made._set(medium, values, fixed, production, uptake)
        return made

    def _set(self, *parts: Any) -> None:
        for name, part in zip(PARTS, parts, strict=True):
            if isinstance(part, np.ndarray):
                part.setflags(write=False)
            object.__setattr__(self, name, part)

    def _check(self, arrays: Arrays, medium: Medium, uptake: SaturatingUptake | None) -> None:
        """Set the parts of one image, checked."""
        values, fixed = fixed_values(arrays)
        if medium.lattice not in (None, values.shape):
            raise PhysicsError(
                f"the medium has arrays of shape {medium.lattice}, the {arrays.leading} "
                f"{values.shape}"
            )
        production = checked_production(arrays.production, fixed)
        if uptake is not None:
            uptake = check_uptake(uptake, fixed, medium)
        self._set(medium, values, fixed, production, uptake)
        plain = self.homogeneous
        check_production_size(plain.production, plain.medium)
        if plain.medium.is_closed and not np.any(plain.medium.decay) and not fixed.any():
            if uptake is not None:
                check_capacity(uptake, plain.production, values.shape)
            else:
                check_balance(plain.production)

    def _set_images(self, images: "Sequence[Problem]") -> None:
        object.__setattr__(self, "_images", tuple(images))

    def __getattr__(self, name: str) -> Any:
        """A part of a batch: arrays of all images, and the medium and uptake that they share."""
        images = self.__dict__.get("_images")
        if images is None or name not in PARTS:
            raise AttributeError(f"'Problem' object has no attribute {name!r}")
        parts = [getattr(image, name) for image in images]
        if name in ("medium", "uptake"):
            if any(part is not parts[0] and part != parts[0] for part in parts):
                raise PhysicsError(
                    f"the images of this batch have no {name} in common; read that of "
                    "problem.images[0], and so on"
                )
            return parts[0]
        if all(part is None for part in parts):
            return None
        whole = np.stack([np.zeros(self.lattice) if part is None else part for part in parts])
        whole.setflags(write=False)
        object.__setattr__(self, name, whole)
        return whole

    def __getstate__(self) -> dict[str, Any]:
        """Without what was computed from the parts."""
        return {name: part for name, part in self.__dict__.items() if name in (*PARTS, "_images")}

    def __repr__(self) -> str:
        """One line, with shapes and ranges of arrays; of a batch, its first image."""
        if not self.is_batch:
            return super().__repr__()
        return f"Problem.batch(<{len(self.images)} × {self.images[0]!r}>)"

    @property
    def is_batch(self) -> bool:
        """Whether it has several images, or a batch of one."""
        return "_images" in self.__dict__

    @property
    def images(self) -> "tuple[Problem, ...]":
        """The problems of a batch, one for each image; of one image, itself."""
        return self.__dict__.get("_images", (self,))

    @property
    def lattice(self) -> tuple[int, ...]:
        """(rows, columns) or (planes, rows, columns)."""
        return self.images[0].values.shape

    @property
    def shape(self) -> tuple[int, ...]:
        """That of its fields: the lattice, or the number of images and the lattice."""
        return (len(self.images), *self.lattice) if self.is_batch else self.lattice

    def check_field(self, name: str, field: Any, *, shared: bool = False) -> NDArray[np.float64]:
        """A field of this problem as float64; `shared`, one may stand for all images of a batch.

        Raises:
            PhysicsError: another shape, or numbers that are not finite or absurdly large.
        """
        values = real_array(f"the {name}", field)
        if shared and self.is_batch and values.shape == self.lattice:
            values = np.broadcast_to(values, self.shape)
        if values.shape != self.shape:
            raise PhysicsError(
                f"the {name} has shape {values.shape}, the problem {self.shape}; "
                f"give a {name} of the problem's shape, or the problem that it belongs to"
            )
        check_finite(f"the {name}", values)
        size = largest(values)
        if size > LARGEST_FIELD:
            raise PhysicsError(
                f"the {name} holds {size:.3g}, more than {LARGEST_FIELD:g}: choose other units"
            )
        return values

    @cached_property
    def homogeneous(self) -> "Problem":
        """The same without given numbers of sides and without production on fixed nodes.

        Sides add to its production and decay (`equations.side_terms`). It has the same field, and
        is what the solvers see.
        """
        medium, production = without_sides(self.medium, self.production, self.lattice)
        if production is not None:
            free = np.where(self.fixed, 0.0, production)
            if not free.any():
                production = None
            elif medium is not self.medium or self.fixed.any():
                production = free
        if medium is self.medium and production is self.production:
            return self
        return Problem.of_parts(medium, self.values, self.fixed, production, self.uptake)

    @cached_property
    def is_uniform(self) -> bool:
        """Whether transforms solve it: a uniform medium without saturating uptake."""
        return self.homogeneous.medium.is_uniform and self.uptake is None

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The lattice's axes with their boundaries."""
        return lattice_axes(self.lattice, self.medium.boundaries)

    @cached_property
    def ring(self) -> Ring:
        """The fixed nodes that have a free neighbour: no other value plays a part."""
        return find_ring(self.fixed, self.axes)

    @cached_property
    def scale(self) -> float:
        """What solvers divide the field by; 0 if the field is 0.

        Without production it is the largest |value| on the ring, to which tolerances are relative.
        With production, the field's largest |value| is not known before; the scale is 1. It is also
        1 with saturating uptake, which is not linear.
        """
        if self.homogeneous.production is not None:
            return 1.0
        size = largest(self.values[self.ring.nodes])
        return 1.0 if size and self.uptake else size

    @cached_property
    def ring_values(self) -> NDArray[np.float64]:
        """The ring's values divided by `scale`, (m,)."""
        return self.values[self.ring.nodes] / (self.scale or 1.0)

    @cached_property
    def supply(self) -> NDArray[np.float64] | None:
        """A u on the free nodes: the production in the units of the normalised medium."""
        unit, production = self.medium.unit, self.homogeneous.production
        return production if production is None or unit == 1 else production / unit

    @cached_property
    def largest_supply(self) -> float:
        """The largest |value| of `supply`, 0 without production."""
        return 0.0 if self.supply is None else largest(self.supply)

    @cached_property
    def operator(self) -> SpectralOperator:
        """A of the normalised medium, which must be uniform."""
        return spectral_operator(self.lattice, self.homogeneous.medium.normalised())


def as_problem(problem: Any, keywords: ProblemKeywords) -> Problem:
    """The problem of a function that takes either one or the arguments of one.

    Raises:
        PhysicsError: a Problem and keywords, or arguments that make no problem.
    """
    if not isinstance(problem, Problem):
        if problem is not None and "source_image" in keywords:
            raise PhysicsError("give either the problem or source_image, not both")
        return Problem(**{"source_image": problem, **keywords})
    if keywords:
        raise PhysicsError(
            f"give either a Problem or {', '.join(keywords)}: a Problem holds its own "
            f"{next(iter(keywords))}"
        )
    return problem
