"""The validated configuration: five sections, unknown keys refused, every value checked.

A configuration comes from a YAML file; explicit command-line flags and `--set section.key=value`
win over it. It says what is computed and with what; where data and runs lie on the disk is for the
command line (`--data-dir`, `--run-dir`) alone, so that a configuration means the same anywhere.
"""

from diffkeras.config.config import Config, is_section, parse_config, set_key, settings
from diffkeras.config.files import find_config, fingerprint, load_config
from diffkeras.config.losses import long_form
from diffkeras.config.sections import (
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    PhysicsConfig,
    PlacementConfig,
    TrainingConfig,
)
from diffkeras.config.types import (
    SPLITS,
    Lattice,
    Name,
    Section,
    SourceCounts,
    Split,
    format_counts,
    parse_counts,
)
from diffkeras.config.validation_messages import explain, short
from diffkeras.config.yaml_io import from_yaml, read_yaml, to_yaml

__all__ = [
    "SPLITS",
    "Config",
    "DataConfig",
    "EvaluationConfig",
    "Lattice",
    "ModelConfig",
    "Name",
    "PhysicsConfig",
    "PlacementConfig",
    "Section",
    "SourceCounts",
    "Split",
    "TrainingConfig",
    "explain",
    "find_config",
    "fingerprint",
    "format_counts",
    "from_yaml",
    "is_section",
    "load_config",
    "long_form",
    "parse_config",
    "parse_counts",
    "read_yaml",
    "set_key",
    "settings",
    "short",
    "to_yaml",
]
