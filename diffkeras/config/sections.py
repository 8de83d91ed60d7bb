"""The sections of a configuration but for `data`: physics, model, training, evaluation."""

import math
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    Field,
    JsonValue,
    ValidationInfo,
    create_model,
    field_validator,
)

from diffkeras.config.types import (
    Baseline,
    Boundaries,
    Count,
    Lattice,
    Positive,
    Quantity,
    Section,
    Seed,
    SourceCounts,
)
from diffkeras.nn.architectures import ARCHITECTURES
from diffkeras.nn.architectures.architecture import Architecture, LatticeRule
from diffkeras.nn.architectures.own import check_place, own_architecture
from diffkeras.physics import Medium
from diffkeras.system.messages import short
from diffkeras.view.scales import TRANSFORMS, Transform, get_transform

MOVED = ("deeponet", "transformer")
MOST_NODES = 2**26  # an example of more nodes doesn't fit into a protocol buffer, 2 GB


class PhysicsConfig(Section):
    """The diffusion problem: D∇²u − γu + s = 0 on the free nodes.

    Sources of fixed value hold u, and s = 0. Sources that produce hold no node: s is γ times the
    source image.
    """

    lattice: Lattice = (512, 512)
    """Number of nodes per side, or [rows, columns]; at most 67,108,864 in all."""
    step: Quantity = 1.0
    """Distance h between neighbouring nodes [length]."""
    diffusivity: Quantity = 1.0
    """Diffusivity D [length²/time]."""
    decay: float = Field(1 / 400, ge=0, le=1e30, allow_inf_nan=False)
    """Decay rate γ [1/time]. It doesn't follow the diffusivity: give both. Not used if
    data.diffusion_length is set."""
    boundary: Boundaries = "absorbing"
    """absorbing, reflecting, periodic, {value: V} or {flux: J}, or a list of two: [rows, columns].
    Where the two sides of an axis differ, each may be a list of two: [top, bottom] and [left,
    right]; or sides are named, such as {top: {value: 0.8}, bottom: {flux: 0.01}, left: reflecting};
    those that are not named absorb. V is the concentration one step outside, J what flows in
    [concentration·length/time]."""
    sources: Literal["fixed_value", "production"] = "fixed_value"
    """What sources do. fixed_value: the field takes their value on their nodes (the text of the
    paper). production: they add their value times the decay rate (the computation of its
    authors)."""

    @field_validator("lattice")
    @classmethod
    def _a_record_holds_it(cls, value: tuple[int, int]) -> tuple[int, int]:
        if (nodes := math.prod(value)) > MOST_NODES:
            raise ValueError(
                f"{value[0]}×{value[1]} are {nodes:,} nodes, and an example has at most "
                f"{MOST_NODES:,}; choose a coarser lattice"
            )
        return value

    @property
    def produces(self) -> bool:
        """Whether sources produce; otherwise they hold the field at their values."""
        return self.sources == "production"

    @cached_property
    def medium(self) -> Medium:
        """The medium as the solver takes it."""
        return Medium(self.diffusivity, self.decay, self.step, self.boundary)


def _model_keys() -> dict[str, Any]:
    """`architecture`, and the parameters of all architectures, as fields of Pydantic."""
    summaries = "; ".join(f"{name}: {a.summary}" for name, a in ARCHITECTURES.items())
    text = f"Kind of network. {summaries}. Or module:function, an architecture of your own."
    fields: dict[str, Any] = {
        "architecture": (str, Field("encoder_decoder", description=text)),
        "arguments": (
            dict[str, JsonValue],
            Field({}, description="Keyword arguments of the function of your own."),
        ),
    }
    parameters = dict.fromkeys(p for a in ARCHITECTURES.values() for p in a.parameters)
    for parameter in parameters:
        meanings: dict[str, list[str]] = {}
        for name, architecture in ARCHITECTURES.items():
            if meaning := architecture.parameters.get(parameter):
                meanings.setdefault(meaning, []).append(name)
        text = " ".join(f"{', '.join(names)}: {m}." for m, names in meanings.items())
        fields[parameter.name] = (parameter.type, Field(parameter.default, description=text))
    return fields


if TYPE_CHECKING:

    class _ModelKeys(Section):
        architecture: str = "encoder_decoder"
        arguments: dict[str, Any] = Field({})

        def __getattr__(self, name: str) -> Any: ...  # a parameter of an architecture

else:
    _ModelKeys = create_model("_ModelKeys", __base__=Section, **_model_keys())


class ModelConfig(_ModelKeys):
    """The network and the scale of its inputs and outputs.

    Its keys are also those of all architectures; each architecture has its own.
    """

    @field_validator("architecture")
    @classmethod
    def _known_architecture(cls, value: str) -> str:
        if value in MOVED:
            raise ValueError(
                f"{value} has moved to benchmarks/ of the repository: choose "
                f"benchmarks.own_architectures.{value}:build, with its width, depth and others in "
                "model.arguments"
            )
        if ":" in value:
            check_place(value)
        elif value not in ARCHITECTURES:
            raise ValueError(
                f"must be {', '.join(ARCHITECTURES)}, or module:function of your own, not "
                f"{short(value)}"
            )
        return value

    @field_validator("arguments")
    @classmethod
    def _of_a_function(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        architecture = info.data.get("architecture", ":")
        if value and ":" not in architecture:
            raise ValueError(
                f"are those of a function of your own, and {architecture} has keys of its own; "
                "write them beside `architecture`"
            )
        for name in ("channels", "lattice"):
            if name in value:
                raise ValueError(f"{name} follows from physics and data; leave it out")
        return value

    fixed_values: bool = False
    """Write the known values of the source image onto the sources of the predicted field. Only for
    physics.sources: fixed_value. Corrections always do."""
    corrections: int = Field(0, ge=0, le=100)
    """Number of corrections by the equation that the field goes through before it leaves the
    network. Only for physics.sources: fixed_value."""
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
    def definition(self) -> Architecture:
        """The architecture."""
        if self.is_own:
            return own_architecture(self.architecture)
        return ARCHITECTURES[self.architecture]

    @property
    def is_own(self) -> bool:
        """Whether a function of the user builds the network."""
        return ":" in self.architecture

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the architecture, by name."""
        if self.is_own:
            return dict(self.arguments)
        return {p.name: getattr(self, p.name) for p in self.definition.parameters}

    @property
    def keys_used(self) -> tuple[str, ...]:
        """The keys of this section that have an effect with this architecture."""
        common = ["architecture", "fixed_values", "corrections", "transform"]
        if self.definition.knows_equation:
            common.remove("fixed_values")
        used = {*common, *(["arguments"] if self.is_own else self.parameters)}
        return tuple(key for key in type(self).model_fields if key in used)

    @property
    def solves_equation(self) -> bool:
        """Whether the field is corrected by the equation."""
        return self.corrections > 0

    @property
    def lattices(self) -> LatticeRule:
        """The lattices that the network takes."""
        return self.definition.lattices(self.parameters)


# Parts of a loss that may be a name alone → the key of the mapping that the name stands for:
# `loss: absolute` is short for `loss: {error: absolute}`.
LOSS_NAMES = {"loss": "error", "weight": "name", "first": "error", "second": "error"}


def long_form(value: Any, part: str = "loss") -> Any:
    """A loss without names that stand for mappings, so that two spellings of one loss are equal."""
    if isinstance(value, str):
        value = {LOSS_NAMES[part]: value}
    if not isinstance(value, Mapping):
        return value
    return {key: long_form(v, key) if key in LOSS_NAMES else v for key, v in value.items()}


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
    initial_model: Annotated[str, Field(min_length=1)] | None = None
    """Start from the weights of the best model of this finished run (fine-tuning): its directory,
    or the name of a shipped surrogate. Its network must be the same. null: random weights."""

    @property
    def seed_of_order(self) -> int:
        """Seed of the order of the examples."""
        return self.seed if self.order_seed is None else self.order_seed

    @field_validator("weight_decay")
    @classmethod
    def _has_an_effect(cls, value: float, info: ValidationInfo) -> float:
        if value and info.data.get("optimizer") == "adam":
            raise ValueError("adam has none; choose the optimizer adamw or muon")
        return value


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
    one_number, three_numbers, exact_solver and zero_field (of production: exact_solver and
    zero_field; in tissues: these and mean_medium). null: all."""
    pictures: SourceCounts | None = None
    """Source counts of which the report shows an example. null: the smallest, the largest and the
    middle one."""
