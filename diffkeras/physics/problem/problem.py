"""A problem: what is asked of a solver, checked once."""

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError, ProblemWarning
from diffkeras.physics.arguments import (
    LARGEST,
    SHAPES,
    SLOWEST,
    SMALLEST,
    SPACE,
    ShortRepr,
    largest,
    real_array,
    real_values,
    unknown_keyword,
)
from diffkeras.physics.problem.medium import Medium, MediumKeywords, show_keywords
from diffkeras.physics.problem.sides import terms_of_sides
from diffkeras.physics.problem.sources import Sources
from diffkeras.physics.problem.uptake import SaturatingUptake, largest_capacity, medium_with_uptake
from diffkeras.system.messages import level_outside

LARGEST_FIELD = LARGEST / SLOWEST  # of the largest production with the slowest decay
COLOURS = (3, 4)  # channels of a picture
SMALLEST_PICTURE = 16  # rows and columns, of one that is warned of
NEGLIGIBLE_NET_SHARE = 1e-12  # of the sum of all |productions|
ATTRIBUTES = ("medium", "values", "fixed", "production", "uptake")


class ProblemKeywords(MediumKeywords, total=False):
    """The arguments of a `Problem`, which its short forms take: `solve(image, fixed=…)`."""

    source_image: Any
    production: ArrayLike | None
    uptake: ArrayLike | SaturatingUptake | None  # k(x), or a rate φ(x, u)
    fixed: ArrayLike | None
    medium: Medium | None


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Problem(ShortRepr):
    """Find u with ∇·(D∇u) − γu − φ(u) + s = 0 on the free nodes and u = c on the fixed ones.

    It copies its arrays, and they can't be changed. Several problems are a list, for `solve_many`.

    Args:
        source_image: the values c of the fixed nodes, (rows, columns) or (planes, rows, columns);
            or `Sources`, which make one. Without it, a production is needed and no node is fixed.
        production: s on the lattice, of any sign: what sources release (cells take up, if negative)
            [concentration/time]. On fixed nodes it has no effect.
        uptake: what cells take up: k ≥ 0 [1/time] for a rate k·u, a number or one for each node,
            which adds to the decay; or a saturating rate φ(u), such as `MichaelisMenten`.
        fixed: which nodes are fixed; by default those whose value is not 0.
        medium: where the field diffuses; by default `Medium()`.
        **parts: diffusivity, decay, step and boundary of `Medium`, in place of `medium`; with a
            diffusivity alone, **the decay stays 1/400**.

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
            warn_of_labels("the source image", source_image, "diffkeras.from_labels")
        if production is not None:
            production = _on_lattice("production", production)
            check_finite("the production", production)
        values, mask = _fixed_values(source_image, fixed, production)
        medium, law = medium.on(mask.shape), None
        if uptake is not None:
            medium, law = medium_with_uptake(medium, uptake, mask)
        problem = cls.unchecked(medium, values, mask, production, law)
        reduced = problem.reduced
        _check_size_of_production(reduced)
        if reduced.medium.is_closed and not np.any(reduced.medium.decay) and not mask.any():
            _check_balance(reduced)
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
        """The problem of checked attributes, whose arrays become read-only and are not copied.

        Values may be None where no node is fixed.
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
        """A field on the lattice as float64, without further axes of length 1, such as a channel.

        Raises:
            PhysicsError: another shape, or numbers that are not finite or absurdly large.
        """
        values = real_array(f"the {name}", field)
        lattice = self.lattice
        kept, wanted = ([n for n in shape if n != 1] for shape in (values.shape, lattice))
        if values.ndim > len(lattice) and kept == wanted:
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

        It has the same field, and is what the solvers see.
        """
        other = self._reduced
        return self if other is None else other

    @cached_property
    def _reduced(self) -> "Problem | None":
        """`reduced`, or None if that is this problem, which would keep itself in memory."""
        medium, production = self.medium, self.production
        if not medium.has_homogeneous_sides:
            medium, production = _without_given_sides(medium, production, self.lattice)
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


def _without_given_sides(
    medium: Medium, production: NDArray[np.float64] | None, lattice: tuple[int, ...]
) -> tuple[Medium, NDArray[np.float64]]:
    """The medium whose sides only absorb or reflect, and the production with what they add.

    Raises a PhysicsError as `terms_of_sides`, and if a decay is out of range with theirs.
    """
    terms = terms_of_sides(medium.sides, medium.diffusivities, medium.step, lattice)
    produced = terms.productions if production is None else terms.productions + production
    decay = medium.decay
    medium = replace(medium, boundary=medium.side_kinds)
    if terms.draining:
        try:
            medium = replace(medium, decay=(decay + terms.decays).astype(np.float64))
        except PhysicsError as error:
            sides = " and ".join(terms.draining)
            raise PhysicsError(
                f"the decay, with what leaves at the {sides}, {error.problem}"
            ) from None
    return medium, produced.astype(np.float64)


def as_problem(
    problem: Any, keywords: ProblemKeywords, known: type[ProblemKeywords] = ProblemKeywords
) -> Problem:
    """The problem of a function with the `known` keywords that takes one or the arguments of one.

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


def problem_list(problems: Any) -> list[Problem]:
    """Problems as a list; a PhysicsError for one problem, an array of images and so on."""
    each = list(problems) if isinstance(problems, Iterable) else [problems]
    others = [type(one).__name__ for one in each if not isinstance(one, Problem)]
    if isinstance(problems, Problem) or others:
        what = f"a list with {others[0]}" if others else "one Problem"
        raise PhysicsError(
            f"give Problems in a list, [dk.Problem(image) for image in images], not {what}"
        )
    return each


def warn_of_labels(what: str, image: Any, use: str) -> None:
    """Warn where the values of fixed nodes look like labels of tissues, which `use` takes."""
    if not isinstance(image, np.ndarray) or image.dtype.kind not in "iu":
        return
    numbers = np.unique(image[image != 0])
    if numbers.size > 1 and 1 in numbers:
        shown = f"{', '.join(map(str, numbers[:4]))}{', …' * (numbers.size > 4)}"
        warnings.warn(
            f"{what} contains the whole numbers {shown}; if they are labels of tissues, use {use}; "
            "if they are values of the field, give them as floats, such as in a .npy",
            ProblemWarning,
            stacklevel=level_outside(),
        )


def warn_of_colours(what: str, image: Any) -> None:
    """Warn of a volume that looks like a colour picture, or raise an error for one of bytes."""
    if not (isinstance(image, np.ndarray) and image.ndim == SPACE and image.shape[-1] in COLOURS):
        return
    shape = image.shape
    said = f"{what} has shape {shape}, which is a volume of {shape[-1]} columns"
    instead = "of a colour picture, give one channel, such as image[..., 0]"
    if image.dtype == np.uint8:
        raise PhysicsError(f"{said} of bytes; {instead}, and a volume as floats")
    if min(shape[:-1]) >= SMALLEST_PICTURE:
        warnings.warn(f"{said}; {instead}", ProblemWarning, stacklevel=level_outside())


def check_finite(what: str, values: NDArray[np.float64]) -> float:
    """The largest |value|, or a PhysicsError that names the first value that is not finite."""
    size = largest(values)
    if not math.isfinite(size):
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        where = f" at node {bad}" if bad else ""
        raise PhysicsError(f"{what} holds {values[bad]}{where}")
    return size


def _on_lattice(name: str, array: Any) -> NDArray[np.float64]:
    """Numbers on a lattice, copied."""
    values = real_values(f"the {name}", array).astype(np.float64, order="C")
    if values.ndim not in SHAPES or values.size == 0:
        hint = "; for several images use diffkeras.solve_many" * (values.ndim > SPACE)
        raise PhysicsError(
            f"a {name} has shape {' or '.join(SHAPES.values())} with at least one node, not "
            f"{values.shape}{hint}"
        )
    return values


def _fixed_values(
    source_image: Any, fixed: Any, production: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64] | None, NDArray[np.bool_]]:
    """The values of fixed nodes, None without an image, and which nodes are fixed."""
    if source_image is None:
        if production is None or fixed is not None:
            raise PhysicsError(
                "there is no source image: give one, which holds the values of fixed nodes, "
                "or a production without fixed nodes"
            )
        return None, np.zeros(production.shape, dtype=bool)
    values = _on_lattice("source image", source_image)
    size, numbers = check_finite("the source image", values), values
    if fixed is not None:
        numbers = real_array("the fixed mask", fixed)
        check_finite("the fixed mask", numbers)
    others = {"fixed mask": numbers, "production": values if production is None else production}
    for name, other in others.items():
        if other.shape != values.shape:
            raise PhysicsError(
                f"the {name} has shape {other.shape}, the source image {values.shape}"
            )
    mask = numbers != 0
    if fixed is not None:
        size = largest(values[mask])
    if size and not SMALLEST <= size <= LARGEST:
        raise PhysicsError(
            f"the largest |value| of a fixed node is {size:.3g}; it must be 0 or "
            f"{SMALLEST:g} to {LARGEST:g}: choose other units"
        )
    return values, mask


def _check_size_of_production(reduced: Problem) -> None:
    """Raise an error for a production, sides included, in absurd units."""
    if reduced.production is None:
        return
    size = largest(reduced.production)
    step = size / reduced.medium.unit
    if not SMALLEST <= step <= LARGEST:
        raise PhysicsError(
            f"the largest |production| is {size:.3g} (sides included), and about {step:.3g} in the "
            "time h²/D in which the field diffuses over one lattice step; that must be 0 or "
            f"{SMALLEST:g} to {LARGEST:g}: choose other units"
        )


def _check_balance(reduced: Problem) -> None:
    """Raise an error unless cells take up the production, where nothing else takes it away."""
    production = np.zeros(1) if reduced.production is None else reduced.production
    net, capacity = math.fsum(production.ravel().tolist()), 0.0
    if reduced.uptake is not None:
        each = np.broadcast_to(reduced.uptake.capacity, reduced.lattice)
        capacity = math.fsum(each.ravel().tolist())
    elif abs(net) <= NEGLIGIBLE_NET_SHARE * float(np.abs(production).sum()):
        raise PhysicsError(
            "no node is fixed, and with decay 0 and no absorbing boundary every constant "
            "solves the problem: fix a node, or give decay, uptake or an absorbing boundary"
        )
    if not 0 <= net < capacity:
        cells = f"cells take up less than {capacity:.6g} in all, " if capacity else ""
        raise PhysicsError(
            f"there is no steady state: the productions of all nodes sum to {net:.6g} (sides "
            f"included), {cells}and with decay 0, no absorbing boundary and no fixed node nothing "
            f"{'else ' if cells else ''}balances that; give decay, uptake, an absorbing boundary "
            "or a fixed node"
        )
