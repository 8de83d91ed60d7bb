"""The sections of a configuration: physics, data, model, training, evaluation."""

import logging
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from diffkeras.config.baselines import Baseline
from diffkeras.config.loss_spellings import with_alternating_losses
from diffkeras.config.tissue import TissueConfig
from diffkeras.config.types import (
    LARGEST_COUNT,
    Boundary,
    Count,
    Examples,
    Lattice,
    Positive,
    Quantity,
    Radius,
    Section,
    Seed,
    SourceCounts,
    Split,
)
from diffkeras.physics import Medium, Placement, check_radius
from diffkeras.physics.sources.placement import PlacementKind
from diffkeras.physics.sources.sampling import check_values
from diffkeras.representation.network_input import MAPS
from diffkeras.representation.transforms import TRANSFORMS, Transform, get_transform

logger = logging.getLogger(__name__)

Architecture = Literal[
    "encoder_decoder",
    "joined_pair",
    "u_net",
    "fourier_neural_operator",
    "ring_density_network",
    "unrolled_cg",
]

NARROWEST = 1.001  # ratio of a range's ends that single precision tells well apart


class PhysicsConfig(Section):
    """The diffusion problem: D∇²u − γu + s = 0 on the free nodes.

    Sources of fixed value hold u, and s = 0. Sources that produce hold no node: s is γ times the
    source image.
    """

    lattice: Lattice = (512, 512)
    """Number of nodes per side, or [rows, columns]."""
    step: Quantity = 1.0
    """Distance h between neighbouring nodes [length]."""
    diffusivity: Quantity = 1.0
    """Diffusivity D [length²/time]."""
    decay: float = Field(1 / 400, ge=0, le=1e30, allow_inf_nan=False)
    """Decay rate γ [1/time]. Not used if data.diffusion_length is set."""
    boundary: Boundary | tuple[Boundary, Boundary] = "absorbing"
    """absorbing, reflecting or periodic, or a list of two: [rows, columns]."""
    sources: Literal["fixed_value", "production"] = "fixed_value"
    """What sources do. fixed_value: the field takes their value on their nodes (the text of the
    paper). production: they add their value times the decay rate (the computation of its
    authors)."""

    @model_validator(mode="after")
    def _production_decays(self) -> Self:
        if self.sources == "production" and not self.decay:
            raise ValueError(
                "decay: sources that produce add the decay rate times their value, so a decay of 0 "
                "gives fields of 0; choose a decay above 0, or sources: fixed_value"
            )
        return self

    @property
    def medium(self) -> Medium:
        """The medium as the solver takes it."""
        return Medium(self.diffusivity, self.decay, self.step, self.boundary)


class PlacementConfig(Section):
    """How the centres of the discs are distributed."""

    kind: PlacementKind = "uniform"
    """uniform (as in the paper), clustered, or edge (near the edge of the lattice)."""
    clusters: int = Field(1, ge=1, le=LARGEST_COUNT)
    """Number of clusters (for clustered)."""
    spread: Quantity = 20.0
    """Standard deviation of a cluster along each axis [lattice steps]."""
    margin: float = Field(10.0, ge=0, allow_inf_nan=False)
    """Largest distance between a disc's rim and the edge of the lattice [lattice steps] (for edge).
    """
    overlap: bool = False
    """Place each disc independently of the others; where discs overlap, their values add. Only for
    physics.sources: production."""

    @property
    def placement(self) -> Placement:
        """The placement as the sampler takes it."""
        return Placement(self.kind, self.clusters, self.spread, self.margin, self.overlap)


class DataConfig(Section):
    """The datasets (one per source count, each with three splits) and how they are read."""

    sources: SourceCounts = tuple(range(1, 21))
    """Source counts, e.g. "1-20", "1,5,20" or a list."""
    radius: Radius | tuple[Radius, Radius] = 5.0
    """Radius of the discs [lattice steps], or a range [smallest, largest]."""
    placement: PlacementConfig = PlacementConfig()
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
    tissue: TissueConfig | None = None
    """Cells and regions, which change the medium of each example from node to node; physics has the
    medium between the cells. Each value is a number, or a range [smallest, largest] from which each
    example draws. Only for physics.sources: fixed_value. null: uniform media."""
    train_examples: Examples = 16_000
    """Training examples per source count."""
    validation_examples: Examples = 800
    """Validation examples per source count. They select the best model."""
    test_examples: Examples = 4_000
    """Test examples per source count."""
    seed: int = Field(0, ge=0, lt=2**63)
    """Seed of the datasets."""
    train_fraction: float = Field(1.0, gt=0, le=1)
    """Fraction of the training examples that is used, per source count."""
    train_part: int = Field(0, ge=0, le=10_000_000)
    """Which of the disjoint parts of that size is used, counted from 0."""
    storage: Literal["dense", "compact"] = "dense"
    """dense stores the fields; compact stores ring densities (a few kB per example), from which the
    fields are restored when they are read."""
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
    def _without_shuffle_buffer(cls, value: Any) -> Any:
        # Earlier versions wrote this key into the configuration of every run.
        if isinstance(value, Mapping) and "shuffle_buffer" in value:
            logger.warning("data.shuffle_buffer has no effect: each epoch shuffles all examples")
            return {key: value[key] for key in value if key != "shuffle_buffer"}
        return value

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

    @model_validator(mode="after")
    def _stream_alone(self) -> Self:
        if self.stream and self.train_fraction < 1:
            raise ValueError(
                f"train_fraction: a stream has no end, so {self.train_fraction:g} of it has no "
                "meaning; shorten its epochs by train_examples, or choose stream: false"
            )
        if self.stream and self.train_part:
            raise ValueError(
                f"train_part: a stream has no end and so no part {self.train_part}; choose another "
                "seed for other examples, or stream: false"
            )
        if self.stream and self.cache:
            raise ValueError(
                "cache: a stream has each example only once, so there is nothing to keep; choose "
                "cache: false or stream: false"
            )
        return self

    @model_validator(mode="after")
    def _tissue_alone(self) -> Self:
        if self.tissue is None:
            return self
        if self.diffusion_length is not None:
            raise ValueError(
                "tissue: physics.decay and the cells' uptake give the decay of each node, so a "
                "range of diffusion lengths has no place; choose diffusion_length: null"
            )
        if self.storage == "compact":
            raise ValueError(
                "storage: ring densities give a field in a uniform medium only, so tissues can't "
                "be stored as compact; choose dense"
            )
        return self

    @model_validator(mode="after")
    def _part_exists(self) -> Self:
        if self.train_numbers.stop > self.train_examples:
            parts = self.train_examples // self.train_examples_used
            raise ValueError(
                f"train_part: {self.train_examples} training examples per source count have "
                f"{parts} part(s) of {self.train_examples_used}, counted from 0, so part "
                f"{self.train_part} does not exist; choose one up to {parts - 1}, or a smaller "
                "train_fraction"
            )
        return self

    @property
    def maps(self) -> tuple[str, ...]:
        """Which of the maps "diffusivity" and "decay" vary between examples."""
        if self.tissue is None:
            return ()
        vary = {"diffusivity": self.tissue.diffusivity != (1, 1), "decay": self.tissue.cells[1] > 0}
        return tuple(name for name in MAPS if vary[name])

    def examples(self, split: Split) -> int:
        """Examples per source count of a split on the disk, where a stream needs no training."""
        return 0 if self.stream and split == "train" else int(getattr(self, f"{split}_examples"))

    @property
    def train_examples_used(self) -> int:
        """Training examples per source count and epoch, after `train_fraction`; at least one."""
        return max(1, round(self.train_examples * self.train_fraction))

    @property
    def train_numbers(self) -> range:
        """Numbers of the training examples that are used, of each source count."""
        first = self.train_part * self.train_examples_used
        return range(first, first + self.train_examples_used)


class ModelConfig(Section):
    """The network and the scale of its inputs and outputs."""

    architecture: Architecture = "encoder_decoder"
    """Network architecture. encoder_decoder: that of the paper. joined_pair: as in the prior work,
    this network and a plain convolutional one, joined by learned weights. u_net: with skip
    connections. fourier_neural_operator: convolutions by learned Fourier coefficients; pad and
    initial_weights have no effect. ring_density_network: a U-Net that predicts ring densities, from
    which the field is computed. unrolled_cg: corrections alone, with a few learned numbers; width,
    depth, pad and initial_weights have no effect."""
    width: int = Field(64, ge=2, le=65_536, multiple_of=2)
    """Channels of the first convolution (in a joined pair, of the encoder-decoder's), or of all
    convolutions of a fourier_neural_operator."""
    depth: int = Field(5, ge=1, le=10)
    """Number of pooling and of upsampling layers (in a joined pair, of the encoder-decoder's), or
    of spectral convolutions in a fourier_neural_operator."""
    modes: int = Field(12, ge=1, le=4096)
    """Frequencies along each axis that the convolutions of a fourier_neural_operator keep, zero
    included. Other architectures don't use it."""
    fixed_values: bool = False
    """Write the known values of the source image onto the sources of the predicted field. Only for
    physics.sources: fixed_value. A ring_density_network and corrections always do."""
    corrections: int = Field(0, ge=0, le=100)
    """Number of corrections by the equation that the field goes through before it leaves the
    network. Only for physics.sources: fixed_value."""
    pad: bool = False
    """If 2**depth does not divide a side, pad with zeros and crop the prediction."""
    initial_weights: Literal["keras", "pytorch"] = "keras"
    """Initial weights of the convolutions. keras: normal kernels that preserve the variance of the
    features (He), biases of 0. pytorch: PyTorch's default, as in the paper's program: kernels and
    biases uniform on ±1/√fan_in."""
    transform: str = Field(
        "linear", description=f"Scale of inputs and outputs: {', '.join(TRANSFORMS)}."
    )

    @field_validator("transform")
    @classmethod
    def _known_transform(cls, value: str) -> str:
        return get_transform(value).name

    def get_transform(self) -> Transform:
        """The transform of source images and fields."""
        return get_transform(self.transform)

    @property
    def solves_equation(self) -> bool:
        """Whether the field is computed from densities on the sources."""
        return self.corrections > 0 or self.architecture in ("ring_density_network", "unrolled_cg")

    @property
    def side_divisor(self) -> int:
        """The number of nodes of each side must be a multiple of this."""
        pools = self.architecture not in ("fourier_neural_operator", "unrolled_cg")
        return int(2**self.depth) if pools and not self.pad else 1


class HardExamplesConfig(Section):
    """A second stage of training, in which more examples join those of the first stage."""

    number: Examples
    """Training examples per source count that join, of those that the first stage does not use."""
    choice: Literal["hardest", "random"] = "hardest"
    """hardest: those with the largest mean absolute error of the first stage's best model. random:
    as many at random, by the seed of the order."""
    epochs: Count
    """Epochs of the second stage, with an optimizer and a schedule of its own."""


class TrainingConfig(Section):
    """How the network is trained."""

    loss: str | dict[str, Any] = "absolute"
    """Name of an error, or a mapping with `error`, its parameters and `weight`, or with `error:
    alternating` and two losses, `first` and `second`."""
    optimizer: Literal["adam", "adamw", "muon"] = "muon"
    """Optimizer."""
    learning_rate: Positive = 3e-3
    """Peak learning rate."""
    weight_decay: float = Field(0.0, ge=0, allow_inf_nan=False)
    """Decoupled weight decay of adamw and muon."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """Learning-rate schedule over all steps."""
    warmup: float = Field(0.05, ge=0, lt=1)
    """Fraction of all steps over which the learning rate rises linearly."""
    final_factor: float = Field(0.0, ge=0, le=1)
    """Final learning rate of cosine, as a fraction of the peak."""
    scale_learning_rate: Literal["none", "linear", "sqrt"] = "none"
    """How the learning rate scales with batch_size / base_batch_size."""
    base_batch_size: Count = 32
    """Batch size that learning_rate refers to when it is scaled."""
    clip_norm: Positive | None = None
    """Largest global norm of the gradient; null for no clipping."""
    ema: float | None = Field(None, gt=0, lt=1)
    """Momentum of a moving average of the weights. If set, the averaged weights are validated and
    saved. null for no average."""
    batch_size: Count = 32
    """Global batch size, over all replicas."""
    epochs: Count = 100
    """Passes over the training examples, or with steps_per_epoch that many steps each."""
    steps_per_epoch: Count | None = None
    """Steps of an epoch. Training sets of different sizes then train for equally many steps, and
    passes over the examples follow each other without regard to epochs. null: one pass."""
    early_stopping: Count | None = None
    """Stop after this many epochs without a better validation MAE; null for never."""
    rollback_factor: Positive | None = 10.0
    """Undo an epoch if its loss rises by more than this factor times the mean change of recent
    epochs; null for never."""
    rollback_window: Count = 20
    """Number of recent epochs whose changes are averaged for rollback_factor."""
    zero_field_epochs: Count = 3
    """Warn if the model is no better than a field of zeros after this many epochs."""
    checkpoint_minutes: Positive = 10.0
    """Longest time between checkpoints. Every epoch also ends with one."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """Precision of the layers in training. Weights, output, loss and the saved model are always
    float32."""
    jit: bool | Literal["auto"] = "auto"
    """Compile the training step with XLA. auto leaves the choice to Keras, which does not use XLA
    on CPUs or with MirroredStrategy, i.e. on GPUs."""
    steps_per_execution: Annotated[int, Field(gt=0, le=100_000)] = 1
    """Number of steps per call of TensorFlow. Nothing is logged or saved between them. Must divide
    the steps of an epoch, and be 1 with several replicas."""
    deterministic: bool = False
    """Use deterministic operations, so that runs repeat bit for bit; slower."""
    seed: Seed = 0
    """Seed of the initial weights and of the order of the examples."""
    symmetries: bool = False
    """Turn and mirror the training examples: pass by pass, each is seen in the 8 symmetries of the
    square (4 if the lattice is not square, or the boundaries of rows and columns differ)."""
    order_seed: Seed | None = None
    """Seed of the order of the examples alone. null: that of seed."""
    hard_examples: HardExamplesConfig | None = None
    """After training, go on from the best model with more examples, which that model chooses. null:
    one stage."""

    @property
    def seed_of_order(self) -> int:
        """Seed of the order of the examples."""
        return self.seed if self.order_seed is None else self.order_seed

    @field_validator("loss", mode="before")
    @classmethod
    def _losses_alternate(cls, value: Any) -> Any:
        return with_alternating_losses(value)

    @model_validator(mode="after")
    def _used_settings(self) -> Self:
        if self.weight_decay and self.optimizer == "adam":
            raise ValueError("weight_decay: adam has none; choose the optimizer adamw or muon")
        return self


class EvaluationConfig(Section):
    """How a trained surrogate is evaluated."""

    batch_size: Count = 32
    """Number of examples predicted at once."""
    bounds: int = Field(10, ge=0, le=1_000_000)
    """Number of images per source count for which error bounds are computed."""
    cases: Count = 3
    """Number of worst and of median cases shown in the report."""
    baselines: tuple[Baseline, ...] | None = None
    """Methods without a network that are measured on the same images, a list of superposition,
    one_number, three_numbers, five_numbers, seven_numbers, zero_rounds, one_round, two_rounds,
    exact_solver and zero_field (of production: exact_solver and zero_field; in tissues: these and
    mean_medium). null: all."""
    pictures: SourceCounts | None = None
    """Source counts of which the report shows an example. null: the smallest, the largest and the
    middle one."""
