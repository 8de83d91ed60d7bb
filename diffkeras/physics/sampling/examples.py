"""Examples: random sources and their field, each a function of a few numbers.

Example k of a split is drawn from a generator that is seeded by (seed, split, source count, k) and
nothing else, so every worker, restart or subset gives the same one.

Training may turn and mirror its images, so two images are the same to it if a symmetry of the
lattice makes one of the other. All that are the same make up an orbit. If only few different orbits
can be drawn, for example of one disc on a small lattice, two splits would often draw the same one.
Then every orbit belongs to exactly one split, by a hash of its content, and a split draws again
until it gets one of its own. This doesn't depend on the dataset's seed or size.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
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
from diffkeras.physics.sampling.tissue import TissueSampler
from diffkeras.physics.steady_state import solve

# a stream's examples are in no split
SPLIT_KEYS = {"train": 0, "validation": 1, "test": 2, "stream": 3}
MAX_DRAWS = 1000  # enough for a split with a sixteenth of the images
SYMMETRIES = 3  # binary digits of the images in an orbit, at most: a square has 8 symmetries
# Splits draw independently from 2⁴¹ orbits or more. With the paper's 16,000 training and 4,800
# other images, the expected number of orbits in both is then below 4·10⁻⁵.
# The estimate decides which splits are drawn how: to change it, or this number, changes datasets.
FEW_ORBITS = 41
# Of 16 equal shares of the orbits, validation gets one, the test split three, and training the
# others: about the proportions of the paper.
SHARES = 16
HELD_OUT = {0: "validation", 1: "test", 2: "test", 3: "test"}
FLOAT32_VALUES = 23  # binary digits of a value that is uniform on (0, 1], at least
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
        diffusion_length: ℓ of its medium [length]; None where all examples share one medium.
        maximum: of the steady state, by which `field` is divided; None where it isn't divided.
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
        medium: the uniform medium; its decay isn't used with a range of diffusion lengths.
        radius: radius or range of radii [lattice steps].
        seed: the dataset's seed.
        placement: how centres are distributed.
        values: how the discs' values are distributed.
        diffusion_length: range [shortest, longest] from which each example draws its own [length].
        production: whether sources produce γ times the source image, or hold their values.
        divide_by_maximum: whether each field is divided by its maximum; for production only.
        tissue: how the cells and regions of each example are distributed; for fixed values only.

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
        _ = self.radii
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

    @cached_property
    def radii(self) -> tuple[float, float]:
        """The range (smallest, largest) of radii [lattice steps]."""
        return check_distribution(self.radius, self.values, self.placement)

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
        """All of example k of a split but the field and its maximum, by the names in a dataset."""
        sources = self.sources(split, k)
        drawn = {"sources": sources, "source_image": sources.image(self.lattice)}
        if self.diffusion_length is not None:
            shortest, longest = self.diffusion_length
            # of a generator of its own, as sources don't depend on it; and as it is stored
            share = self.rng(split, k, LENGTH_KEY).random()
            length = min(shortest * (longest / shortest) ** share, longest)  # rounding lifts powers
            drawn["diffusion_length"] = float(np.float32(length))
        return drawn | self.maps_of(split, k)

    @cached_property
    def has_few_images(self) -> bool:
        """Whether fewer than 2⁴¹ different orbits can be drawn, cautiously; radii don't count."""
        if not self.count:
            return False
        placement, largest = self.placement, self.radii[1]
        height, width = (max(side - 2 * math.ceil(largest), 1) for side in self.lattice)
        centres = height * width
        if placement.kind == "edge":
            ring = 2 * (math.floor(placement.margin) + 1)
            centres -= max(height - ring, 0) * max(width - ring, 0)
        near = centres
        if placement.kind == "clustered":  # the effective number of nodes in a normal distribution
            near = min(centres, round(4 * math.pi * placement.spread**2))
        # centres that one disc takes from the others
        occupied = 0.0 if placement.overlap else math.pi * (2 * largest + 1) ** 2
        bits = math.log2(centres) - math.log2(math.factorial(self.count))
        for placed in range(1, self.count):
            bits += math.log2(max(near - placed * occupied, 1))
        bits += (self.count - 1) * _bits_per_value(self.values) - SYMMETRIES
        return bits < FEW_ORBITS

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


def split_of(sources: Sources, lattice: tuple[int, int]) -> str:
    """The split that an image belongs to, with all its mirror images: train, validation or test."""
    digest = hashlib.blake2b(_least_of_orbit(sources, lattice), digest_size=8).digest()
    return HELD_OUT.get(int.from_bytes(digest, "little") % SHARES, "train")


def _least_of_orbit(sources: Sources, lattice: tuple[int, int]) -> bytes:
    """The content of the image, in the symmetry in which it is least.

    The symmetries are the rectangle's or square's, for sides of any kind: training uses some
    of them, or none. The content is the nodes that aren't 0, with their values relative to the
    largest, because networks see images divided by it.
    """
    if sources.overlap:  # the sums of overlapping discs must not depend on the order of the discs
        order = np.argsort(sources.values)
        lists: Any = {name: array[order] for name, array in sources.arrays().items()}
        sources = replace(sources, **lists)
    image = sources.image(lattice)
    nodes = np.nonzero(image)
    values = (image[nodes] / image.max()).astype("<f4")
    mirrored = [(i, side - 1 - i) for i, side in zip(nodes, lattice, strict=True)]
    orbit = [(row, column) for row in mirrored[0] for column in mirrored[1]]
    if lattice[0] == lattice[1]:
        orbit += [(column, row) for row, column in orbit]
    return min(_content(row * lattice[1] + column, values) for row, column in orbit)


def _content(nodes: NDArray[np.int64], values: NDArray[np.float32]) -> bytes:
    order = np.argsort(nodes)
    return nodes[order].astype("<i8").tobytes() + values[order].tobytes()


def _bits_per_value(values: ValueDistribution) -> float:
    if values == "constant":
        return 0.0
    if values == "uniform":
        return FLOAT32_VALUES
    smallest, one = np.array([values[1], 1.0], np.float32).view(np.int32).tolist()
    return min(math.log2(one - smallest + 1), FLOAT32_VALUES)
