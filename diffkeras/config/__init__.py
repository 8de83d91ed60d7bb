"""Configurations: five sections, read from YAML, every value checked.

A configuration defines what is computed. The command line names the directories of data and runs,
so that a configuration means the same on any machine.
"""

from diffkeras.config.config import (
    Config,
    find_config,
    is_section,
    load_config,
    parse_config,
    settings,
)
from diffkeras.config.data_section import DataConfig
from diffkeras.config.sections import PhysicsConfig, long_form
from diffkeras.config.types import (
    BASELINES,
    SPLITS,
    Baseline,
    Lattice,
    Name,
    Section,
    SourceCounts,
    Split,
    format_counts,
    parse_counts,
)
from diffkeras.config.validation_messages import explain
