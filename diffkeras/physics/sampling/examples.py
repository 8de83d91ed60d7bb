"""Examples: random sources and their field, each a function of a few numbers.

Example k of a split is drawn from a generator that is seeded by (seed, split, source count, k) and
nothing else, so every worker, restart or subset gives the same one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PackingError, PhysicsError
from diffkeras.physics.arguments import (
    PLANE,
    ExplainedKeywords,
    ShortRepr,
    check_choice,
    check_lattice,
    check_truth,
    check_whole,
)
from diffkeras.physics.problem.maps import MAPS, problem_of_maps
from diffkeras.physics.problem.medium import Medium
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.problem.sources import Sources, production_of
from diffkeras.physics.sampling.discs import (
    UNIFORM,
    Placement,
    Radius,
    ValueDistribution,
    check_distribution,
    sample_sources,
)
from diffkeras.physics.sampling.held_out import few_images, split_of
from diffkeras.physics.sampling.tissue import TissueSampler
from diffkeras.physics.steady_state import solve

# a stream's examples are those of no split
SPLIT_KEYS = {"train": 0, "validation": 1, "test": 2, "stream": 3}
MAX_DRAWS = 1000  # enough for a split with a sixteenth of the images
# after an example's own key, for the generators of its diffusion length and of its tissue
LENGTH_KEY, TISSUE_KEY = 1, 2


@dataclass(frozen=True, repr=False)
class Example(ShortRepr):
    """A problem and its field.

    Attributes:
        problem: with the sources' values on fixed nodes, or their production.
        field: (rows, columns) float32, the steady state solved in float64 and rounded once.
        sources: its n discs.
        source_image: (rows, columns) float32, their values x.
        diffusion_length: ℓ of its medium [length], a float32's value; None where all examples
            share one medium.
        maximum: of the steady state, a float32's value, by which `field` is divided; None where it
            isn't divided.
        maps: of its tissue by name, (rows, columns) float32 each; none without tissue.
    """

    problem: Problem
    field: NDArray[np.float32]
    sources: Sources
    source_image: NDArray[np.float32]
    diffusion_length: float | None = None
    maximum: float | None = None
    maps: Mapping[str, NDArray[np.float32]] = dataclass_field(default_factory=dict)


@dataclass(frozen=True)
class ExampleRecipe(ExplainedKeywords):
    """Everything that examples depend on, except for split and number.

    Attributes:
        count: number n of discs.
        lattice: (rows, columns); a side is taken for both.
        medium: the uniform medium, whose sides may have a value or a flux; if there is a range of
            diffusion lengths, its decay isn't used.
        radius: radius or range of radii [lattice steps].
        seed: the dataset's seed.
        placement: how centres are distributed.
        values: how the discs' values are distributed.
        diffusion_length: range [shortest, longest] from which each example draws its own [length].
        production: whether sources produce γ times the source image; otherwise the field has
            their values on their nodes.
        divide_by_maximum: whether each field is divided by its maximum; for production only.
        tissue: how the cells and regions around the sources of each example are distributed; for
            fixed values only.

    Raises:
        PhysicsError: an argument of a wrong type or out of its range, or one that the kind
            of sources doesn't permit.

    Example:
        >>> recipe = ExampleRecipe(count=3, lattice=(32, 32))
        >>> example = recipe.example("train", 0)
        >>> example.source_image.shape, example.field.shape, example.sources.count
        ((32, 32), (32, 32), 3)
    """

    count: int
    lattice: tuple[int, int] = (512, 512)
    medium: Medium = dataclass_field(default_factory=Medium)
    radius: Radius = 5.0
    seed: int = 0
    placement: Placement = UNIFORM
    values: ValueDistribution = "uniform"
    diffusion_length: tuple[float, float] | None = None
    production: bool = False
    divide_by_maximum: bool = False
    tissue: TissueSampler | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "count", check_whole("the source count", self.count, 0))
        object.__setattr__(self, "lattice", check_lattice(self.lattice))
        if not isinstance(self.medium, Medium):
            raise PhysicsError(f"must be a Medium, not a {type(self.medium).__name__}", "medium")
        check_whole("seed", self.seed, 0, 2**128)
        check_distribution(self.radius, self.values, self.placement)
        self.medium.require("ExampleRecipe", "uniform", "plane")
        if self.diffusion_length is not None:
            ends = self.diffusion_length if isinstance(self.diffusion_length, tuple | list) else ()
            decays = [self.medium.with_diffusion_length(length).decay for length in ends]
            if len(decays) != 2 or decays[0] < decays[1]:
                raise PhysicsError(
                    f"must be a range [shortest, longest], not {self.diffusion_length!r:.60}",
                    "diffusion_length",
                )
        for name in ("production", "divide_by_maximum"):
            check_truth(name, getattr(self, name))
        if self.production:
            self._check_production()
        elif self.divide_by_maximum or self.placement.overlap:
            raise PhysicsError(
                "True needs sources that produce",
                "divide_by_maximum" if self.divide_by_maximum else "placement.overlap",
            )
        if self.tissue is not None:
            self._check_tissue(self.tissue)

    def _check_production(self) -> None:
        if self.tissue is not None:
            raise PhysicsError("needs sources of fixed values; leave out production", "tissue")
        if self.diffusion_length is None and not self.medium.decay:
            raise PhysicsError(
                "0 gives fields of 0, as sources that produce add the decay times their value; "
                "choose a larger one, or sources of fixed values",
                "decay",
            )

    def _check_tissue(self, tissue: TissueSampler) -> None:
        if not isinstance(tissue, TissueSampler):
            raise PhysicsError(f"must be a TissueSampler, not {tissue!r:.60}", "tissue")
        if self.diffusion_length is not None:
            raise PhysicsError(
                "excludes diffusion_length, as both set the decay; leave one out", "tissue"
            )
        tissue.check(self.lattice, self.medium)

    def rng(self, split: str, *numbers: int) -> np.random.Generator:
        """The generator of an example of a split, or of the stream, which has no end."""
        check_choice("split", split, SPLIT_KEYS)
        numbers = tuple(check_whole("an example's number", k, 0, 2**63) for k in numbers)
        key = (SPLIT_KEYS[split], self.count, *numbers)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def sources(self, split: str, k: int) -> Sources:
        """The sources of example k of a split.

        No image of the validation or test split occurs in training or in the stream.

        Raises:
            PackingError: the discs don't fit, or there are too few different images for all splits.
        """
        rng = self.rng(split, k)
        for _ in range(MAX_DRAWS):
            sources = sample_sources(
                self.count,
                self.lattice,
                radius=self.radius,
                placement=self.placement,
                values=self.values,
                rng=rng,
            )
            own = "train" if split == "stream" else split
            if not self.has_few_images or split_of(sources, self.lattice) == own:
                return sources
        raise PackingError(
            f"too few different images of {self.count} source(s) of radius {self.radius} can be "
            f"drawn on {self.lattice[0]}×{self.lattice[1]} for separate training, validation and "
            "test splits; choose a larger lattice, smaller discs or more sources"
        )

    def drawn(self, split: str, k: int) -> dict[str, Any]:
        """What is drawn of example k of a split, and its source image, by the names in a dataset.

        These are all features but the field and its maximum.
        """
        sources, length = self.sources(split, k), self.length_of(split, k)
        drawn = {"sources": sources, "source_image": sources.image(self.lattice)}
        drawn |= {} if length is None else {"diffusion_length": length}
        return drawn | self.maps_of(split, k)

    @cached_property
    def has_few_images(self) -> bool:
        """Whether splits share a small number of different images between them."""
        return few_images(self.count, self.lattice, self.radius, self.placement, self.values)

    def length_of(self, split: str, k: int) -> float | None:
        """ℓ of example k of a split [length], None where all examples share one medium."""
        if self.diffusion_length is None:
            return None
        shortest, longest = self.diffusion_length
        # of a generator of its own, as sources don't depend on it; and in float32, as it is stored
        share = self.rng(split, k, LENGTH_KEY).random()
        # rounding may lift the power beyond the end
        return float(np.float32(min(shortest * (longest / shortest) ** share, longest)))

    def maps_of(self, split: str, k: int) -> dict[str, NDArray[np.float32]]:
        """The maps of the tissue of example k of a split, none without tissue."""
        if self.tissue is None:
            return {}
        tissue = self.tissue.sample(self.lattice, self.rng(split, k, TISSUE_KEY))
        return tissue.maps(self.lattice, self.medium)

    def problem_of(self, drawn: Mapping[str, Any]) -> Problem:
        """The problem of an example.

        Args:
            drawn: by the names of a dataset, its "source_image", the "diffusion_length" [length] if
                examples differ in it, and the maps that vary; images with a channel or without.
        """
        arrays = {
            name: _without_channel(drawn[name]) for name in ("source_image", *MAPS) if name in drawn
        }
        length, image = drawn.get("diffusion_length"), arrays.pop("source_image")
        medium = self.medium
        if length is not None:  # the decay is γ = D/ℓ², D the larger diffusivity
            medium = medium.with_diffusion_length(float(length))
        if self.production:
            return Problem(production=production_of(image, medium), medium=medium)
        return problem_of_maps(image, medium, arrays)

    def example(self, split: str, k: int) -> Example:
        """Example k of a split, solved."""
        drawn, maximum = self.drawn(split, k), None
        problem = self.problem_of(drawn)
        field = solve(problem).field
        if self.divide_by_maximum:
            largest = field.max() or 1.0  # without sources the field is 0
            field, maximum = field / largest, float(np.float32(largest))
        maps = {name: drawn.pop(name) for name in MAPS if name in drawn}
        return Example(problem, field.astype(np.float32), maximum=maximum, maps=maps, **drawn)

    def examples(self, split: str, numbers: Iterable[int]) -> Iterator[Example]:
        """The examples of these numbers, in their order."""
        if not isinstance(numbers, Iterable):
            raise PhysicsError(
                f"give the numbers of the examples, such as range(3), not {numbers!r:.60}"
            )
        return (self.example(split, k) for k in numbers)


def _without_channel(image: Any) -> NDArray:
    values = np.asarray(image)
    return values[..., 0] if values.ndim > PLANE else values
