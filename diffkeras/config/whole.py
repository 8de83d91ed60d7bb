"""A whole configuration, and how keys in it are set."""

import math
from collections.abc import Mapping
from typing import Any, Self

import yaml
from pydantic import (
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from diffkeras.config.messages import explain
from diffkeras.config.sections import (
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    PhysicsConfig,
    TrainingConfig,
)
from diffkeras.config.types import (
    Section,
)
from diffkeras.errors import ConfigurationError


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
