"""The validated configuration: five sections, unknown keys refused, every value checked.

A configuration comes from a YAML file; explicit command-line flags and `--set section.key=value`
win over it. It says what is computed and with what; where data and runs lie on the disk is for the
command line (`--data-dir`, `--run-dir`) alone, so that a configuration means the same anywhere.
"""

from diffkeras.config.files import find_config, fingerprint, load_config, read_yaml
from diffkeras.config.messages import explain
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
    Section,
    SourceCounts,
    Split,
    format_counts,
    parse_counts,
)
from diffkeras.config.whole import Config, parse_config, set_key

__all__ = [
    "SPLITS",
    "Config",
    "DataConfig",
    "EvaluationConfig",
    "ModelConfig",
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
    "load_config",
    "parse_config",
    "parse_counts",
    "read_yaml",
    "set_key",
]
