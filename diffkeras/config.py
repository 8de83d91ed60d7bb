"""The validated configuration: five sections, unknown keys refused, every value checked.

A configuration comes from a YAML file; explicit command-line flags and `--set section.key=value`
win over it. It says what is computed and with what; where data and runs lie on the disk is for the
command line (`--data-dir`, `--run-dir`) alone, so that a configuration means the same anywhere.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PositiveInt,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from diffkeras.errors import ConfigurationError
from diffkeras.physics import Medium, Placement, check_radius
from diffkeras.physics.boundaries import BoundaryName
from diffkeras.physics.placement import PlacementKind
from diffkeras.physics.sources import ValueDistribution, check_values
from diffkeras.transforms import TRANSFORMS, Transform, get_transform

# far beyond any unit, and far from where squares overflow
Quantity = Annotated[float, Field(ge=1e-30, le=1e30, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
BatchSize = Annotated[int, Field(gt=0, le=1_000_000)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
LARGEST_COUNT = 100_000  # of sources: a slip of the keyboard shouldn't fill the memory


def parse_counts(text: Any) -> Any:
    """Source counts from "1-20", "1,5,20", "1-3,7", a number, or a list of those.

    Returns:
        An ascending tuple without repeats; anything else comes back as it is, to be refused.
    """
    if isinstance(text, bool):
        return text
    if isinstance(text, int):
        return (text,)
    if isinstance(text, str):
        counts: set[int] = set()
        for part in text.split(","):
            first, dash, last = (word.strip() for word in part.partition("-"))
            if not first.isdecimal() or (dash and not last.isdecimal()):
                raise ValueError(
                    f'{text!r} is no list of source counts; write e.g. "1-20" or "1,5"'
                )
            low, high = int(first), int(last or first)
            if low > high:
                raise ValueError(f"{part.strip()!r} runs backwards; write {high}-{low}")
            if high > LARGEST_COUNT:
                raise ValueError(f"{high} is more than {LARGEST_COUNT} sources")
            counts.update(range(low, high + 1))
        return tuple(sorted(counts))
    if isinstance(text, list | tuple) and any(isinstance(part, str) for part in text):
        return parse_counts(",".join(str(part) for part in text))
    if isinstance(text, list | tuple) and all(type(part) is int for part in text):
        return tuple(sorted(set(text)))
    return text


def format_counts(counts: Iterable[int]) -> str:
    """The shortest text that `parse_counts` reads back, e.g. "1-20" or "1,5-7"."""
    ranges: list[list[int]] = []
    for count in sorted(set(counts)):
        if ranges and count == ranges[-1][1] + 1:
            ranges[-1][1] = count
        else:
            ranges.append([count, count])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ranges)


def _square(value: Any) -> Any:
    return (value, value) if type(value) is int else value


Lattice = Annotated[
    tuple[PositiveInt, PositiveInt],
    BeforeValidator(_square),
    PlainSerializer(lambda v: v[0] if v[0] == v[1] else list(v)),
]
SourceCounts = Annotated[
    tuple[PositiveInt, ...],
    BeforeValidator(parse_counts),
    PlainSerializer(format_counts, return_type=str),
]


class Section(BaseModel):
    """Base of the sections: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        # YAML reads yes, no, on and off as truth values, and Pydantic those as 1 and 0
        field = cls.model_fields[info.field_name or ""]
        if isinstance(value, bool) and field.annotation is not bool:
            raise ValueError(f"{str(value).lower()} is a truth value, which has no place here")
        return value


class PhysicsConfig(Section):
    """The problem that is solved: D∇²u − γu = 0 outside the sources."""

    lattice: Lattice = Field((512, 512), description="Nodes a side, or [rows, columns].")
    step: Quantity = Field(1.0, description="Lattice step h [length].")
    diffusivity: Quantity = Field(1.0, description="D [length²/time].")
    decay: float = Field(1 / 400, ge=0, le=1e30, allow_inf_nan=False, description="γ [1/time].")
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
    clusters: PositiveInt = Field(1, description="Points that clustered discs gather around.")
    spread: Positive = Field(
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
    train_examples: PositiveInt = Field(16_000, description="Training examples per source count.")
    validation_examples: PositiveInt = Field(
        800, description="Validation examples per source count; they choose the best model."
    )
    test_examples: PositiveInt = Field(4_000, description="Test examples per source count.")
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

    @field_validator("sources")
    @classmethod
    def _some_sources(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value:
            raise ValueError("name at least one source count")
        return value

    @field_validator("radius")
    @classmethod
    def _radius_range(cls, value: float | tuple[float, float]) -> float | tuple[float, float]:
        check_radius(value)
        return value

    @field_validator("values")
    @classmethod
    def _known_values(cls, value: ValueDistribution) -> ValueDistribution:
        check_values(value)
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
    width: int = Field(64, ge=2, multiple_of=2, description="Channels of the first convolution.")
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
    optimizer: Literal["adam", "adamw", "muon"] = Field("adam", description="Kind.")
    learning_rate: Positive = Field(
        1e-4, description="Of the optimizer; with a schedule, the largest."
    )
    weight_decay: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="Decoupled weight decay of adamw and muon."
    )
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="Course of the learning rate over all steps."
    )
    warmup: float = Field(
        0.0, ge=0, lt=1, description="Share of all steps over which the rate rises linearly."
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


class Config(Section):
    """A whole configuration.

    Raises:
        ConfigurationError: from `load_config` and `with_overrides`, for a value that can't be used.
    """

    name: str = Field(
        "diffkeras",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Names the run directory.",
    )
    physics: PhysicsConfig = PhysicsConfig()
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    @field_validator("physics", "data", "model", "training", "evaluation", mode="before")
    @classmethod
    def _empty_section(cls, value: Any) -> Any:
        return {} if value is None else value  # `data:` with every key below it commented out

    @model_validator(mode="after")
    def _network_fits_lattice(self) -> Self:
        factor = 2**self.model.depth
        for side in self.physics.lattice:
            if side % factor and not self.model.pad:
                below, above = side // factor * factor, math.ceil(side / factor) * factor
                nearest = " or ".join(str(s) for s in (below, above) if s)
                raise ValueError(
                    f"physics.lattice: a network of depth {self.model.depth} halves the lattice "
                    f"{self.model.depth} times, so each side must be a multiple of {factor}, not "
                    f"{side}: choose {nearest}, a smaller model.depth, or model.pad: true"
                )
        return self

    def to_yaml(self) -> str:
        """The configuration as YAML that `load_config` reads back."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    def with_overrides(self, overrides: Mapping[str, Any]) -> "Config":
        """A copy with values replaced, given by dotted keys such as "training.learning_rate".

        Raises:
            ConfigurationError: an unknown key, or a value that can't be used.
        """
        raw = self.model_dump(mode="json")
        for key, value in overrides.items():
            set_key(raw, key, value)
        return parse_config(raw)


LOSS = ["training", "loss"]
SHORTHANDS = {"loss": "error", "weight": "name", "first": "name", "second": "name"}


def set_key(raw: dict[str, Any], dotted: str, value: Any) -> None:
    """Set `raw["a"]["b"]` for the dotted key "a.b"; deeper keys merge into mappings.

    Raises:
        ConfigurationError: the key leads through something that is no mapping.
    """
    *path, last = dotted.split(".")
    node = raw
    for part in path:
        if node.get(part) is None:
            default = TrainingConfig.model_fields["loss"].default
            node[part] = default if path[:2] == LOSS and part == "loss" else {}
        child = node[part]
        # `loss: absolute` is short for `loss: {error: absolute}`, and `weight: tanh` likewise
        if isinstance(child, str) and path[:2] == LOSS and part in SHORTHANDS:
            child = node[part] = {SHORTHANDS[part]: child}
        if not isinstance(child, dict):
            raise ConfigurationError(f"{dotted}: {part} is a value, not a section")
        node = child
    node[last] = value


def parse_config(raw: Any, origin: str = "") -> Config:
    """A configuration from plain data.

    Args:
        raw: what YAML gives.
        origin: the file's name, for messages.

    Raises:
        ConfigurationError: unknown keys, wrong types or impossible values, each by its key.
    """
    if raw is None:
        raw = {}
    prefix = f"{origin}: " if origin else ""
    if not isinstance(raw, Mapping):
        raise ConfigurationError(f"{prefix}a configuration is a mapping, not {type(raw).__name__}")
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigurationError(prefix + explain(error, Config)) from None


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Pydantic's findings in one line, each with its key, its value and what would do."""
    findings: dict[str, str] = {}
    for finding in error.errors(include_url=False):
        parts = [str(part) for part in finding["loc"]]
        key = ".".join(
            part
            for part in parts
            if not part.startswith(("tuple[", "float", "str", "dict[", "literal["))
        )
        message = finding["msg"].removeprefix("Value error, ")
        if finding["type"] == "extra_forbidden":
            known = ", ".join(_known_keys(model, finding["loc"][:-1]))
            message = f"unknown key; known here: {known}"
        elif finding["type"] not in ("value_error", "missing"):
            message = f"{message[0].lower()}{message[1:]}, not {finding['input']!r}"
        findings.setdefault(key, message)
    return "; ".join(f"{key}: {text}" if key else text for key, text in findings.items())


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location:
        annotation = (
            model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        )
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)


def find_config(name: str | Path) -> Path:
    """The file of a configuration: a path, or the name of one that diffkeras ships.

    Raises:
        ConfigurationError: there is no such file; the message lists what is shipped.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = Path(str(resources.files("diffkeras") / "configs"))
    if not shipped.is_dir():  # an editable install keeps the folder where it stands in the checkout
        shipped = Path(__file__).resolve().parent.parent / "configs"
    candidate = shipped / (f"{name}" if str(name).endswith(".yaml") else f"{name}.yaml")
    if not path.is_absolute() and candidate.is_file():
        return candidate
    if str(name) and path.is_dir():
        raise ConfigurationError(f"{path} is a directory, no configuration file")
    names = sorted(
        p.relative_to(shipped).with_suffix("").as_posix() for p in shipped.rglob("*.yaml")
    )
    raise ConfigurationError(
        f"there is no configuration file {str(name)!r}; give a path, or a shipped one: "
        f"{', '.join(names)}"
    )


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which would let the last of two equal keys win, refusing them."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for index, name in enumerate(names):
            if name in names[:index] and name != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {name!r} is given twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """The plain data of a YAML file.

    Raises:
        ConfigurationError: unreadable, or no YAML.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}") from None
    except (yaml.YAMLError, RecursionError) as error:
        where = " ".join(str(error).split())
        raise ConfigurationError(f"{path} is no valid YAML: {where}") from None


def load_config(name: str | Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """The configuration in a YAML file (or a shipped one, by name), with values replaced.

    Args:
        name: a path, or e.g. "quickstart".
        overrides: values by dotted key, e.g. {"training.epochs": 3}; they win over the file.

    Raises:
        ConfigurationError: no such file, no YAML, unknown keys, wrong types, impossible values.
    """
    path = find_config(name)
    raw = read_yaml(path)
    if overrides:
        raw = {} if raw is None else raw
        if isinstance(raw, dict):
            for key, value in overrides.items():
                set_key(raw, key, value)
    return parse_config(raw, origin=str(path))


def fingerprint(values: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits that tell mappings of plain data apart."""
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:8]
