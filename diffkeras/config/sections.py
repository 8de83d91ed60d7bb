"""The sections of a configuration: physics, data, model, training, evaluation."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    PositiveInt,
    field_validator,
    model_validator,
)

from diffkeras.config.types import (
    LARGEST_COUNT,
    BatchSize,
    Examples,
    Lattice,
    Positive,
    Quantity,
    Section,
    Seed,
    SourceCounts,
    Split,
)
from diffkeras.config.validation_messages import short
from diffkeras.physics import Medium, Placement, check_radius
from diffkeras.physics.operators.axis import BoundaryName
from diffkeras.physics.sources.discs import ValueDistribution, check_values
from diffkeras.physics.sources.placement import PlacementKind
from diffkeras.representation.transforms import TRANSFORMS, Transform, get_transform

LARGEST_RADIUS = 1e6  # lattice steps
NARROWEST = 1.001  # ratio of a range's ends that single precision tells well apart


class PhysicsConfig(Section):
    """The problem that is solved: D∇²u − γu = 0 outside the sources."""

    lattice: Lattice = Field((512, 512), description="Nodes a side, or [rows, columns].")
    step: Quantity = Field(1.0, description="Lattice step h [length].")
    diffusivity: Quantity = Field(1.0, description="D [length²/time].")
    decay: float = Field(
        1 / 400,
        ge=0,
        le=1e30,
        allow_inf_nan=False,
        description="γ [1/time]; of no effect where data.diffusion_length gives each example its "
        "own.",
    )
    boundary: BoundaryName | tuple[BoundaryName, BoundaryName] = Field(
        "absorbing",
        description="absorbing, reflecting or periodic; a list of two where the axes differ.",
    )

    @property
    def medium(self) -> Medium:
        """The medium as the solver takes it."""
        return Medium(self.diffusivity, self.decay, self.step, self.boundary)


class PlacementConfig(Section):
    """How centres of discs are distributed."""

    kind: PlacementKind = Field(
        "uniform", description="uniform (the paper), clustered, or edge (near the lattice's edge)."
    )
    clusters: int = Field(
        1, ge=1, le=LARGEST_COUNT, description="Points that clustered discs gather around."
    )
    spread: Quantity = Field(
        20.0, description="Standard deviation of a cluster along each axis [lattice steps]."
    )
    margin: float = Field(
        10.0,
        ge=0,
        allow_inf_nan=False,
        description="Largest distance of an edge disc's rim from the edge [lattice steps].",
    )

    @property
    def placement(self) -> Placement:
        """The placement as the sampler takes it."""
        return Placement(self.kind, self.clusters, self.spread, self.margin)


class DataConfig(Section):
    """The datasets: one per source count, each with three splits; and how they are read."""

    sources: SourceCounts = Field(
        tuple(range(1, 21)), description='Source counts, e.g. "1-20", "1,5,20" or a list.'
    )
    radius: float | tuple[float, float] = Field(
        5.0, description="Radius of the discs [lattice steps], or a range [smallest, largest]."
    )
    placement: PlacementConfig = PlacementConfig()
    values: Literal["uniform", "constant"] | tuple[Literal["log_uniform"], float] = Field(
        "uniform",
        description="Values of the discs, one of which is always 1: uniform on (0, 1] (the paper), "
        "constant (all 1), or [log_uniform, smallest].",
    )
    diffusion_length: tuple[Quantity, Quantity] | None = Field(
        None,
        description="Range [shortest, longest] from which each example draws its diffusion length "
        "ℓ = √(D/γ) [length], log-uniformly; the network then gets it as a second input channel. "
        "null for one medium, that of physics.",
    )
    train_examples: Examples = Field(16_000, description="Training examples per source count.")
    validation_examples: Examples = Field(
        800, description="Validation examples per source count; they choose the best model."
    )
    test_examples: Examples = Field(4_000, description="Test examples per source count.")
    seed: int = Field(0, ge=0, description="Seed of the datasets.")
    train_fraction: float = Field(
        1.0, gt=0, le=1, description="Share of the training examples used, alike per source count."
    )
    storage: Literal["dense", "compact"] = Field(
        "dense",
        description="Fields as they are, or as ring densities, from which they are restored as "
        "they are read: a few kB an example.",
    )
    stream: bool = Field(
        False,
        description="Train on examples that are solved as they are needed, each only once; "
        "train_examples is then the length of an epoch.",
    )
    cache: bool = Field(False, description="Keep the examples in memory after the first epoch.")
    shuffle_buffer: PositiveInt = Field(
        1_024, description="Examples from which the next one is drawn at random."
    )
    shares: Annotated[int, Field(gt=0, le=100_000)] | None = Field(
        None,
        description="Equal shares that the examples are read in, each shuffled by itself and in "
        "every batch alike; null for one a replica. A fixed number gives the same batches on any "
        "number of replicas that divides it.",
    )

    @field_validator("sources")
    @classmethod
    def _some_sources(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value:
            raise ValueError("name at least one source count")
        return value

    @field_validator("radius")
    @classmethod
    def _radius_range(cls, value: float | tuple[float, float]) -> float | tuple[float, float]:
        if check_radius(value)[1] > LARGEST_RADIUS:
            raise ValueError(
                f"a radius is at most {LARGEST_RADIUS:g} lattice steps, more than any lattice has, "
                f"not {value}"
            )
        return value

    @field_validator("values")
    @classmethod
    def _known_values(cls, value: ValueDistribution) -> ValueDistribution:
        check_values(value)
        return value

    @field_validator("diffusion_length", mode="before")
    @classmethod
    def _a_range(cls, value: Any) -> Any:
        if value is not None and not (isinstance(value, list | tuple) and len(value) == 2):
            raise ValueError(
                f"a range [shortest, longest], not {short(value)}; for one diffusion length set "
                "physics.decay to D/ℓ²"
            )
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

    @model_validator(mode="after")
    def _stream_alone(self) -> Self:
        if self.stream and self.train_fraction < 1:
            raise ValueError(
                f"train_fraction: a stream has no end of which {self.train_fraction:g} could be a "
                "share; shorten its epochs by train_examples, or choose stream: false"
            )
        if self.stream and self.cache:
            raise ValueError(
                "cache: a stream has each example only once, so there is nothing to keep; choose "
                "cache: false or stream: false"
            )
        return self

    def examples(self, split: Split) -> int:
        """Examples per source count of a split on the disk, where a stream needs no training."""
        return 0 if self.stream and split == "train" else int(getattr(self, f"{split}_examples"))

    @property
    def train_examples_used(self) -> int:
        """Training examples per source count and epoch, after `train_fraction`; at least one."""
        return max(1, round(self.train_examples * self.train_fraction))


class ModelConfig(Section):
    """The network, and the scale on which it sees source images and fields."""

    architecture: Literal["encoder_decoder"] = Field(
        "encoder_decoder", description="The network: the paper's encoder-decoder."
    )
    width: int = Field(
        64, ge=2, le=65_536, multiple_of=2, description="Channels of the first convolution."
    )
    depth: int = Field(5, ge=1, le=10, description="Number of poolings and of upsamplings.")
    pad: bool = Field(
        False,
        description="Pad sides that 2**depth doesn't divide with zeros, and crop the prediction.",
    )
    transform: str = Field("linear", description=f"One of {', '.join(TRANSFORMS)}.")

    @field_validator("transform")
    @classmethod
    def _known_transform(cls, value: str) -> str:
        return get_transform(value).name

    def get_transform(self) -> Transform:
        """The transform of source images and fields."""
        return get_transform(self.transform)


class TrainingConfig(Section):
    """How the network is fitted."""

    loss: str | dict[str, Any] = Field(
        "absolute",
        description="Name of an error, or a mapping with `error`, its parameters and `weight`.",
    )
    optimizer: Literal["adam", "adamw", "muon"] = Field("muon", description="Kind.")
    learning_rate: Positive = Field(
        3e-3, description="Of the optimizer; with a schedule, the largest."
    )
    weight_decay: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="Decoupled weight decay of adamw and muon."
    )
    schedule: Literal["constant", "cosine"] = Field(
        "cosine", description="Course of the learning rate over all steps."
    )
    warmup: float = Field(
        0.05, ge=0, lt=1, description="Share of all steps over which the rate rises linearly."
    )
    final_factor: float = Field(
        0.0, ge=0, le=1, description="Share of the learning rate on which cosine ends."
    )
    scale_learning_rate: Literal["none", "linear", "sqrt"] = Field(
        "none", description="How the learning rate grows with batch_size / base_batch_size."
    )
    base_batch_size: BatchSize = Field(
        32, description="Batch for which `learning_rate` is stated, where it is scaled."
    )
    clip_norm: Positive | None = Field(
        None, description="Largest norm of the gradient of all weights together; null for none."
    )
    ema: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Momentum of the moving average of the weights, which is then what is "
        "validated and kept; null for none.",
    )
    batch_size: BatchSize = Field(32, description="Global batch, over all replicas.")
    epochs: PositiveInt = Field(100, description="Passes over the training examples.")
    early_stopping: PositiveInt | None = Field(
        None, description="Epochs without a better validation MAE that end it; null for never."
    )
    rollback_factor: Positive | None = Field(
        10.0,
        description="An epoch whose loss jumps by more than this times its mean change is undone; "
        "null for never.",
    )
    rollback_window: PositiveInt = Field(20, description="Epochs whose changes are averaged.")
    zero_field_epochs: PositiveInt = Field(
        3, description="Epochs after which it should be better than a field of zeros."
    )
    checkpoint_minutes: Positive = Field(
        10.0, description="Longest time between checkpoints; each epoch ends with one as well."
    )
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = Field(
        "float32",
        description="Of the network's layers in training; weights, field and loss are float32. The "
        "kept model computes in float32.",
    )
    jit: bool | Literal["auto"] = Field(
        "auto",
        description="Compile the training step by XLA: auto on a single GPU, not on CPUs, where "
        "it is slower.",
    )
    steps_per_execution: Annotated[int, Field(gt=0, le=100_000)] = Field(
        1,
        description="Steps done at once, between which nothing is logged or saved; a divisor of "
        "the steps an epoch; 1 with several replicas.",
    )
    deterministic: bool = Field(
        False, description="Operations whose sums don't depend on thread timing; slower."
    )
    seed: Seed = Field(0, description="Seed of the initial weights and the minibatch order.")

    @model_validator(mode="after")
    def _used_settings(self) -> Self:
        if self.weight_decay and self.optimizer == "adam":
            raise ValueError("weight_decay: adam has none; choose the optimizer adamw or muon")
        return self


class EvaluationConfig(Section):
    """How a trained surrogate is judged."""

    batch_size: BatchSize = Field(32, description="Examples predicted at once.")
    bounds: int = Field(
        10, ge=0, description="Images per source count whose errors are bounded by proof."
    )
    cases: PositiveInt = Field(3, description="Worst and median cases shown in the report.")
