"""The section `data` of a configuration: the datasets and how they are read."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from diffkeras.config.sections import PhysicsConfig
from diffkeras.config.types import (
    Examples,
    Quantity,
    Radius,
    Section,
    Seed,
    SourceCounts,
    Split,
    section_of,
)
from diffkeras.physics import ExampleRecipe, Placement, TissueSampler
from diffkeras.physics.sampling.discs import check_radius, check_values

NARROWEST = 1.001  # the ends of a range differ by this factor, well above single precision


class DataConfig(Section):
    """The datasets (one per source count, each with three splits) and how they are read."""

    sources: SourceCounts = tuple(range(1, 21))
    """Source counts, e.g. "1-20", "1,5,20" or a list."""
    radius: Radius | tuple[Radius, Radius] = 5.0
    """Radius of the discs [lattice steps], or a range [smallest, largest]."""
    placement: Annotated[Placement, section_of(Placement)] = Placement()
    """How the centres of the discs are distributed."""
    values: (
        Literal["uniform", "constant"] | tuple[Literal["log_uniform", "scaled_uniform"], float]
    ) = "uniform"
    """Values of the discs: uniform on (0, 1] (as in the paper), constant (all 1), [log_uniform,
    smallest], or [scaled_uniform, smallest]: uniform on [smallest, 1], then divided by the largest
    of them. One disc always has the value 1."""
    divide_by_maximum: bool = False
    """Divide each field by its maximum, which is stored next to it. Only for physics.sources:
    production."""
    diffusion_length: tuple[Quantity, Quantity] | None = None
    """Range [shortest, longest] of diffusion lengths ℓ = √(D/γ) [length]. Each example draws one
    log-uniformly, and the network gets it as a second input channel. null: all examples have the
    medium of physics."""
    tissue: Annotated[TissueSampler | None, section_of(TissueSampler)] = None
    """Cells and regions, which change the medium of each example from node to node; physics has the
    medium between the cells. Each value is a number, or a range [smallest, largest] from which each
    example draws. Only for physics.sources: fixed_value. null: uniform media."""
    train_examples: Examples = 16_000
    """Training examples per source count."""
    validation_examples: Examples = 800
    """Validation examples per source count. They select the best model."""
    test_examples: Examples = 4_000
    """Test examples per source count."""
    seed: Seed = 0
    """Seed of the datasets."""
    train_fraction: float = Field(1.0, gt=0, le=1)
    """Fraction of the training examples that is used, per source count."""
    train_part: int = Field(0, ge=0, le=10_000_000)
    """Which of the disjoint parts of that size is used, counted from 0."""
    stream: bool = False
    """Solve training examples on the fly instead of reading them; each is used once. train_examples
    is then the length of an epoch."""
    cache: bool = False
    """Keep the examples in memory."""
    shares: Annotated[int, Field(gt=0, le=100_000)] | None = None
    """Number of equal shares into which the examples are divided. Each share is shuffled separately
    and contributes equally to every batch. With a fixed number, the batches are the same on every
    number of replicas that divides it. null: one share per replica."""

    @model_validator(mode="before")
    @classmethod
    def _without_family(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and "family" in values:
            raise ValueError(
                "family is no key any longer; in Python, train a ReducedBasis on a Family, which "
                "needs no configuration"
            )
        return values

    @field_validator("radius", "values")
    @classmethod
    def _the_sampler_takes_it(cls, value: Any, info: ValidationInfo) -> Any:
        (check_radius if info.field_name == "radius" else check_values)(value)
        return value

    @field_validator("diffusion_length")
    @classmethod
    def _ascending(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not value[0] * NARROWEST <= value[1]:
            raise ValueError(
                f"a range [shortest, longest] has to ascend by at least a thousandth, not "
                f"{list(value)}; for one diffusion length set physics.decay to D/ℓ²"
            )
        return value

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

    @property
    def maps(self) -> tuple[str, ...]:
        """The maps of an example's medium; none where it is uniform."""
        return () if self.tissue is None else self.tissue.maps

    def examples(self, split: Split) -> int:
        """Examples per source count of a split on the disk; a stream needs none for training."""
        absent = self.stream and split == "train"
        return 0 if absent else int(getattr(self, f"{split}_examples"))

    @property
    def train_examples_used(self) -> int:
        """Training examples per source count and epoch, after `train_fraction`; at least one."""
        return max(1, round(self.train_examples * self.train_fraction))

    @property
    def train_numbers(self) -> range:
        """Numbers of the training examples that are used, of each source count."""
        first = self.train_part * self.train_examples_used
        return range(first, first + self.train_examples_used)
