"""A whole configuration: how it is found and read, and how keys in it are set."""

import math
import os
from collections.abc import Iterable, Mapping
from copy import deepcopy
from difflib import get_close_matches
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, field_validator, model_validator

from diffkeras.config.conflicts import baselines_of, conflicts
from diffkeras.config.data_section import DataConfig
from diffkeras.config.sections import (
    EvaluationConfig,
    ModelConfig,
    PhysicsConfig,
    TrainingConfig,
    long_form,
)
from diffkeras.config.types import Baseline, Name, Section
from diffkeras.config.validation_messages import explain, keys_of
from diffkeras.errors import ConfigurationError
from diffkeras.physics import ExampleRecipe
from diffkeras.system.messages import short
from diffkeras.system.yaml_io import read_yaml, to_yaml
from diffkeras.view.network_view import NetworkView

LOSS = ["training", "loss"]
DEFAULT_LOSS = TrainingConfig.model_fields["loss"].default
STUDY_KEYS = frozenset({"factors", "variants", "draws"})  # each study has one of them
MOST_COMPARED = 100  # comparing longer names with the shipped ones takes too long


class Config(Section):
    """A whole configuration."""

    name: Name = "diffkeras"
    """Name of the configuration. Run directories are named after it."""
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
    def _values_go_together(self) -> Self:
        for conflict in conflicts(self):
            raise ValueError(conflict)
        return self

    def baselines(self) -> tuple[Baseline, ...]:
        """The baselines of an evaluation, in the order in which they are shown."""
        return baselines_of(self)

    def recipe(self, count: int) -> ExampleRecipe:
        """How the examples of a source count are drawn and solved, for any program.

        Example:
            >>> example = load_config("quickstart").recipe(3).example("train", 0)
            >>> example.source_image.shape, example.field.shape
            ((64, 64), (64, 64))
        """
        return self.data.recipe(count, self.physics)

    @cached_property
    def view(self) -> NetworkView:
        """What the network sees of problems."""
        return NetworkView(
            self.recipe(self.data.sources[0]),
            self.data.sources,
            self.model.get_transform(),
            any_lattice=self.model.definition.knows_equation,
        )

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch; without `data.shares`, as on one replica."""
        return self.steps_per_epoch_in(self.data.shares or 1)

    def steps_per_epoch_in(self, shares: int) -> int:
        """Steps of an epoch: of one pass over the training examples, or as many as are configured.

        With several shares, a last batch of a pass that is smaller than the others is left out; 0
        if the examples don't fill one.
        """
        batch, counts = self.training.batch_size, len(self.data.sources)
        if self.training.steps_per_epoch:
            return self.training.steps_per_epoch
        if shares == 1:
            return math.ceil(counts * self.data.train_examples_used / batch)
        return counts * (self.data.train_examples_used // shares) // (batch // shares)

    @property
    def steps(self) -> int:
        """Optimisation steps of a run."""
        return self.training.epochs * self.steps_per_epoch

    def to_yaml(self, without: Iterable[str] = ()) -> str:
        """The configuration as YAML, which `load_config` reads back; some sections left out."""
        return to_yaml(self.model_dump(mode="json", exclude=set(without)))

    def with_overrides(self, overrides: Mapping[str, Any]) -> "Config":
        """A copy with values replaced, given by dotted keys such as "training.learning_rate".

        Raises:
            ConfigurationError: an unknown key, or a value that can't be used.
        """
        raw = self.model_dump(mode="json")
        for key, value in overrides.items():
            set_key(raw, key, value)
        return parse_config(raw)


def is_section(dotted: str) -> bool:
    """Whether a dotted key names a section, such as "training" or "data.placement"."""
    section: Any = Config
    for part in dotted.split("."):
        section = keys_of(section).get(part)
    return isinstance(section, type) and bool(keys_of(section))


def settings(dotted: str, value: Any) -> dict[str, Any]:
    """A value by its dotted key; a mapping for a section as the values in it, by their keys."""
    if not is_section(dotted):
        return {dotted: value}
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{dotted}: a section must be a mapping, not {short(value)}; set one of its keys, as "
            f"in {dotted}.KEY"
        )
    return {
        k: v for key, part in value.items() for k, v in settings(f"{dotted}.{key}", part).items()
    }


def set_key(raw: dict[str, Any], dotted: str, value: Any) -> None:
    """Set `raw["a"]["b"]` for the dotted key "a.b"; a mapping for a section is merged into it."""
    for key, part in settings(dotted, value).items():
        *path, last = key.split(".")
        node = raw
        for depth, name in enumerate(path, 1):
            child = node.get(name)
            if path[:depth] == LOSS:  # in which a name may stand for a mapping
                child = long_form(DEFAULT_LOSS if child is None else child)
            node[name] = child = {} if child is None else child
            if not isinstance(child, dict):
                raise ConfigurationError(f"{key}: {name} is a value, not a section")
            node = child
        node[last] = deepcopy(part)  # which later keys may change


def parse_config(raw: Any, origin: str = "", folder: Path = Path()) -> Config:
    """A configuration from plain data.

    Args:
        raw: the data.
        origin: the name of their file, for error messages.
        folder: where other files are that it names.
    """
    raw = {} if raw is None else raw
    prefix = f"{origin}: " if origin else ""
    if not isinstance(raw, Mapping):
        raise ConfigurationError(f"{prefix}a configuration is a mapping, not {type(raw).__name__}")
    try:
        return Config.model_validate(raw, context={"folder": folder})
    except ValidationError as error:
        raise ConfigurationError(prefix + explain(error, Config, raw)) from None


def shipped_configs() -> Path:
    """The folder of the configurations that diffkeras ships."""
    shipped = Path(str(resources.files("diffkeras") / "configs"))
    if not shipped.is_dir():  # an editable install keeps the folder where it stands in the checkout
        shipped = Path(__file__).resolve().parents[2] / "configs"
    return shipped


def find_config(name: str | Path) -> Path:
    """The file of a configuration: a path, or the name of one that diffkeras ships."""
    if not isinstance(name, str | Path):
        raise ConfigurationError(
            f"give the name of a file, or of a shipped configuration, not {short(name)}; "
            "of values, make a Config"
        )
    path = Path(name)
    if os.path.isfile(path):  # where pathlib raises an error, such as for long names, it says no
        return path
    shipped = shipped_configs()
    candidate = shipped / (f"{name}" if str(name).endswith(".yaml") else f"{name}.yaml")
    if not path.is_absolute() and os.path.isfile(candidate):
        return candidate
    if os.path.isdir(path):
        raise ConfigurationError(f"{path} is a directory; give the file of a configuration in it")
    studies = Path("paper", "studies", candidate.name)  # of a checkout, not shipped
    if os.path.isfile(studies):
        raise ConfigurationError(
            f"there is no configuration file {short(str(name))} here; did you mean "
            f"{studies.as_posix()}?"
        )
    names = [p.relative_to(shipped).with_suffix("").as_posix() for p in shipped.rglob("*.yaml")]
    alike = get_close_matches(str(name)[:MOST_COMPARED], names, n=3, cutoff=0.0)
    raise ConfigurationError(
        f"there is no configuration file {short(str(name))}; give a path, or the name of one of "
        f"the {len(names)} shipped ones, such as {', '.join(alike)}"
    )


def load_config(name: str | Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """The configuration in a YAML file (or a shipped one, by name), with values replaced.

    Args:
        name: a path, or e.g. "quickstart".
        overrides: values by dotted key, e.g. {"training.epochs": 3}; they win over the file.

    Raises:
        ConfigurationError: no such file, no YAML, unknown keys, wrong types, impossible values.

    Example:
        >>> load_config("quickstart", {"training.epochs": 3}).training.epochs
        3
    """
    if not isinstance(overrides, Mapping | None):
        raise ConfigurationError(
            f"overrides must be a mapping of keys to values, not {short(overrides)}"
        )
    path = find_config(name)
    raw = read_yaml(path)
    if isinstance(raw, dict) and not STUDY_KEYS.isdisjoint(raw):
        raise ConfigurationError(
            f"{path} is a study, no configuration; run it by `diffkeras study --config {name}`"
        )
    if not overrides or not isinstance(raw, dict | None):
        return parse_config(raw, str(path), path.parent)
    changed = deepcopy(raw) if raw else {}
    try:
        for key, value in overrides.items():
            set_key(changed, key, value)
        config = parse_config(changed, folder=path.parent)
        _check_model_keys(config, overrides)
        return config
    except ConfigurationError as error:
        parse_config(raw, str(path), path.parent)  # an error of the file alone names no override
        changes = ", ".join(f"{key}={short(value)}" for key, value in overrides.items())
        raise ConfigurationError(f"{path} with {changes}: {error}") from None


def _check_model_keys(config: Config, overrides: Mapping[str, Any]) -> None:
    """Raise a ConfigurationError for an override that has no effect with this architecture.

    A file may have keys of several architectures, of which an override chooses one.
    """
    model = config.model
    for key in (key for name, value in overrides.items() for key in settings(name, value)):
        section, _, name = key.partition(".")
        if section == "model" and name.partition(".")[0] not in model.keys_used:
            raise ConfigurationError(
                f"{key}: the architecture {model.architecture} has no such key, but "
                f"{', '.join(model.keys_used)}"
            )
