"""The sections `physics` and `data` of a configuration: the examples, and how they are read."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

from diffkeras.physics import ExampleRecipe, Medium, Placement, TissueSampler
from diffkeras.physics.arguments import check_number
from diffkeras.physics.problem.given_sides import GIVEN, GivenSide, plain_sides, side_of
from diffkeras.physics.problem.sides import canonical_boundary
from diffkeras.physics.sampling.discs import UNIFORM
from diffkeras.system.messages import short
from diffkeras.system.section import Form, KeyProblem, Limits, Section

Quantity = Annotated[float, Limits(1e-30, 1e30)]
Radius = Annotated[float, Limits(0, 1_000_000)]  # lattice steps
Side = Annotated[int, Limits(1, 10_000_000)]
# per source count: listing the files of more would take hours
Examples = Annotated[int, Limits(1, 10_000_000)]
Seed = Annotated[int, Limits(0, 2**32 - 1)]
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
MOST_SOURCES = 100_000
MOST_NODES = 2**26  # an example of more nodes doesn't fit into a protocol buffer, 2 GB
NARROWEST = 1.001  # the ends of a range differ by this factor, well above single precision
# Diffusion lengths in lattice steps. With shorter ones the field vanishes at the next node; with
# longer ones rounding dominates if no boundary absorbs.
SHORTEST_LENGTH, LONGEST_LENGTH = 0.05, 1e4
AXES = 2
OF_NO_STREAM = (
    "is of stored examples, and a stream solves each example when it is needed and uses it once; "
    "leave out --stream (data.stream), or this key"
)


def parse_counts(value: Any) -> tuple[int, ...]:
    """Source counts from "1-20", "1,5,20", a number, or a list of those, ascending."""
    counts: set[int] = set()
    for part in value if isinstance(value, list | tuple) else [value]:
        for text in part.split(",") if isinstance(part, str) else [part]:
            match = re.fullmatch(r"\s*([0-9]{1,9})\s*(?:-\s*([0-9]{1,9}))?\s*", str(text))
            low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
            if not 1 <= low <= high <= MOST_SOURCES or not isinstance(text, str | int):
                raise ValueError(
                    f"{short(text)} is neither a source count from 1 to {MOST_SOURCES:,} nor an "
                    'ascending range such as "1-20"'
                )
            if twice := counts.intersection(range(low, high + 1)):
                raise ValueError(f"{min(twice)} is named twice; name each source count once")
            counts.update(range(low, high + 1))
    if not counts:
        raise ValueError("name at least one source count")
    return tuple(sorted(counts))


def format_counts(counts: Iterable[int]) -> str:
    """The shortest text that `parse_counts` reads back, e.g. "1-20" or "1,5-7"."""
    ranges: list[list[int]] = []
    for count in sorted(set(counts)):
        if ranges and count == ranges[-1][1] + 1:
            ranges[-1][1] = count
        else:
            ranges.append([count, count])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ranges)


def _boundary(value: Any) -> Any:
    """The boundary of a `Medium`, in the spelling that a dataset is known by."""
    boundary = canonical_boundary(_with_sides(value), AXES)
    if isinstance(boundary, GivenSide):
        return (boundary,) * AXES
    # a list of two names has always been another spelling than one name, and names other datasets
    pairs = isinstance(value, list | tuple) and any(isinstance(v, list | tuple) for v in value)
    if (pairs or isinstance(value, Mapping)) and isinstance(boundary[0], str):
        return boundary[0] if len(set(boundary)) == 1 else boundary
    return boundary


def _with_sides(value: Any) -> Any:
    """The value with sides in place of mappings such as {value: 1.0} and {flux: 0.1}."""
    if isinstance(value, list | tuple):
        return tuple(map(_with_sides, value))
    if not isinstance(value, Mapping):
        return value
    if not frozenset.union(*GIVEN) & value.keys():
        return {name: _with_sides(side) for name, side in value.items()}
    side = side_of(value)
    for name, number in value.items():
        check_number(f"the {name} of a side", number)  # and no array, which a text can't hold
    return side


def _sides(value: Any) -> Any:
    """The rows and columns of a lattice."""
    if isinstance(value, int):
        return value, value
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be a whole number or [rows, columns], not {short(value)}")
    return value


SourceCounts = Annotated[
    tuple[int, ...],
    Form(
        parse_counts, format_counts, 'text such as "1-20" or "1,5,20", integer, or list of integers'
    ),
]
Lattice = Annotated[
    tuple[Side, Side],
    Form(
        _sides,
        lambda value: value[0] if value[0] == value[1] else list(value),
        "integer ≥ 1, or [integer, integer]",
    ),
]
Boundaries = Annotated[
    Any,
    Form(
        _boundary,
        plain_sides,
        "absorbing | reflecting | periodic | {value: number} | {flux: number}, or a list of two, "
        "or a mapping of the four sides",
    ),
]


@dataclass(frozen=True)
class PhysicsConfig(Section):
    """The diffusion problem: D∇²u − γu + s = 0 on the free nodes.

    Sources of fixed value hold u, and s = 0. Sources that produce hold no node: s is γ times the
    source image.

    Attributes:
        lattice: Number of nodes per side, or [rows, columns]; at most 67,108,864 in all.
        step: Distance h between neighbouring nodes [length].
        diffusivity: Diffusivity D [length²/time].
        decay: Decay rate γ [1/time]. It doesn't follow the diffusivity: give both. Not used if
            data.diffusion_length is set.
        boundary: One of absorbing, reflecting, periodic, {value: V}, {flux: J}, or a list of two:
            [rows, columns]. Where the two sides of an axis differ, each may be a list of two:
            [top, bottom] and [left, right]; or sides are named, such as {top: {value: 0.8},
            bottom: {flux: 0.01}, left: reflecting}; those that are not named absorb. V is the
            concentration one step outside, J what flows in [concentration·length/time].
        sources: What sources do. fixed_value: the field takes their value on their nodes (the text
            of the paper). production: they add their value times the decay rate (the computation
            of its authors).
    """

    lattice: Lattice = (512, 512)
    step: Quantity = 1.0
    diffusivity: Quantity = 1.0
    decay: Annotated[float, Limits(0, 1e30)] = 1 / 400
    boundary: Boundaries = "absorbing"
    sources: Literal["fixed_value", "production"] = "fixed_value"

    def check(self) -> None:
        """Check the number of nodes, and that there is such a medium."""
        if (nodes := math.prod(self.lattice)) > MOST_NODES:
            raise KeyProblem(
                f"{self.lattice[0]}×{self.lattice[1]} are {nodes:,} nodes, and an example has at "
                f"most {MOST_NODES:,}; choose a coarser lattice",
                "lattice",
            )
        _ = self.medium

    @cached_property
    def produces(self) -> bool:
        """Whether sources produce; otherwise they hold the field at their values."""
        return self.sources == "production"

    @cached_property
    def medium(self) -> Medium:
        """The medium as the solver takes it."""
        return Medium(self.diffusivity, self.decay, self.step, self.boundary)


@dataclass(frozen=True)
class DataConfig(Section):
    """The datasets (one per source count, each with three splits) and how they are read.

    Attributes:
        sources: Source counts, e.g. "1-20", "1,5,20" or a list.
        radius: Radius of the discs [lattice steps], or a range [smallest, largest].
        placement: How the centres of the discs are distributed.
        values: Values of the discs: uniform on (0, 1] (as in the paper), constant (all 1),
            [log_uniform, smallest], or [scaled_uniform, smallest]: uniform on [smallest, 1], then
            divided by the largest of them. One disc always has the value 1.
        divide_by_maximum: Divide each field by its maximum, which is stored next to it. Only for
            physics.sources: production.
        diffusion_length: Range [shortest, longest] of diffusion lengths ℓ = √(D/γ) [length]. Each
            example draws one log-uniformly, and the network gets it as a second input channel.
            null: all examples have the medium of physics.
        tissue: Cells and regions, which change the medium of each example from node to node;
            physics has the medium between the cells. Each value is a number, or a range
            [smallest, largest] from which each example draws. Only for physics.sources:
            fixed_value. null: uniform media.
        train_examples: Training examples per source count.
        validation_examples: Validation examples per source count. They select the best model.
        test_examples: Test examples per source count.
        seed: Seed of the datasets.
        train_fraction: Fraction of the training examples that is used, per source count.
        train_part: Which of the disjoint parts of that size is used, counted from 0.
        stream: Solve training examples on the fly instead of reading them; each is used once.
            train_examples is then the length of an epoch.
        cache: Keep the examples in memory.
        shares: Number of equal shares into which the examples are divided. Each share is shuffled
            separately and contributes equally to every batch. With a fixed number, the batches are
            the same on every number of replicas that divides it. null: one share per replica.
    """

    sources: SourceCounts = tuple(range(1, 21))
    radius: Radius | tuple[Radius, Radius] = 5.0
    placement: Placement = UNIFORM
    values: (
        Literal["uniform", "constant"] | tuple[Literal["log_uniform", "scaled_uniform"], float]
    ) = "uniform"
    divide_by_maximum: bool = False
    diffusion_length: tuple[Quantity, Quantity] | None = None
    tissue: TissueSampler | None = None
    train_examples: Examples = 16_000
    validation_examples: Examples = 800
    test_examples: Examples = 4_000
    seed: Seed = 0
    train_fraction: Annotated[float, Limits(most=1, above=0)] = 1.0
    train_part: Annotated[int, Limits(0, 10_000_000)] = 0
    stream: bool = False
    cache: bool = False
    shares: Annotated[int, Limits(1, 100_000)] | None = None

    def check(self) -> None:
        """Check the keys that exclude each other."""
        if self.train_numbers.stop > self.train_examples and not self.stream:
            parts = self.train_examples // self.train_examples_used
            raise KeyProblem(
                f"{self.train_examples} training examples per source count have {parts} part(s) of "
                f"{self.train_examples_used}, counted from 0, so part {self.train_part} does not "
                f"exist; choose one up to {parts - 1}, or a smaller train_fraction",
                "train_part",
            )
        for key in ("train_fraction", "train_part", "cache") if self.stream else ():
            if getattr(self, key) != getattr(DataConfig, key):
                raise KeyProblem(OF_NO_STREAM, key)

    def check_lengths(self, physics: PhysicsConfig) -> None:
        """Raise a KeyProblem if the lattice can't hold fields of all diffusion lengths."""
        if self.diffusion_length is None:
            return
        shortest, longest = (length / physics.step for length in self.diffusion_length)
        ascends = longest >= NARROWEST * shortest
        hint = "" if ascends else "; for one length set physics.decay to D/ℓ²"
        if hint or shortest < SHORTEST_LENGTH or longest > LONGEST_LENGTH:
            problem = (
                f"must be a range [shortest, longest] that ascends by at least a thousandth, from "
                f"{SHORTEST_LENGTH:g} to {LONGEST_LENGTH:g} lattice steps of physics.step "
                f"{physics.step:g}, not {list(self.diffusion_length)}{hint}"
            )
        elif physics.decay != PhysicsConfig.decay:
            problem = (
                f"each example gets the decay D/ℓ², so physics.decay {physics.decay:g} would have "
                "no effect; leave it out, or choose diffusion_length: null"
            )
        else:
            return
        raise KeyProblem(problem, "data", "diffusion_length")

    def recipe(self, count: int, physics: PhysicsConfig) -> ExampleRecipe:
        """How the examples of so many sources are drawn and solved."""
        return ExampleRecipe(
            count,
            physics.lattice,
            physics.medium,
            self.radius,
            seed=self.seed,
            placement=self.placement,
            values=self.values,
            diffusion_length=self.diffusion_length,
            production=physics.produces,
            divide_by_maximum=self.divide_by_maximum,
            tissue=self.tissue,
        )

    @cached_property
    def maps(self) -> tuple[str, ...]:
        """The maps of an example's medium; none where it is uniform."""
        return () if self.tissue is None else self.tissue.maps

    def examples(self, split: Split) -> int:
        """Examples per source count of a split on the disk; a stream needs none for training."""
        absent = self.stream and split == "train"
        return 0 if absent else int(getattr(self, f"{split}_examples"))

    @cached_property
    def train_examples_used(self) -> int:
        """Training examples per source count and epoch, after `train_fraction`; at least one."""
        return max(1, round(self.train_examples * self.train_fraction))

    @cached_property
    def numbers(self) -> Mapping[Split, range]:
        """Numbers of the examples that are used of each split, of each source count."""
        held_out = (range(self.validation_examples), range(self.test_examples))
        return dict(zip(SPLITS, (self.train_numbers, *held_out), strict=True))

    @cached_property
    def train_numbers(self) -> range:
        """Numbers of the training examples that are used, of each source count."""
        first = self.train_part * self.train_examples_used
        return range(first, first + self.train_examples_used)
