"""Configuration files: finding, reading and telling them apart."""

import hashlib
import json
import os
from collections.abc import Mapping
from copy import deepcopy
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any

from diffkeras.config.config import Config, parse_config, set_key
from diffkeras.config.families import beside
from diffkeras.config.validation_messages import short
from diffkeras.config.yaml_io import read_yaml
from diffkeras.errors import ConfigurationError

MOST_COMPARED = 100  # comparing longer names with the shipped ones takes too long


def shipped_configs() -> Path:
    """The folder of the configurations that diffkeras ships."""
    shipped = Path(str(resources.files("diffkeras") / "configs"))
    if not shipped.is_dir():  # an editable install keeps the folder where it stands in the checkout
        shipped = Path(__file__).resolve().parents[2] / "configs"
    return shipped


def find_config(name: str | Path) -> Path:
    """The file of a configuration: a path, or the name of one that diffkeras ships."""
    path = Path(name)
    if os.path.isfile(path):  # where pathlib raises an error, such as for long names, it says no
        return path
    shipped = shipped_configs()
    candidate = shipped / (f"{name}" if str(name).endswith(".yaml") else f"{name}.yaml")
    if not path.is_absolute() and os.path.isfile(candidate):
        return candidate
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
    path = find_config(name)
    raw = beside(read_yaml(path), path.parent)
    if not overrides or not isinstance(raw, dict | None):
        return parse_config(raw, origin=str(path))
    changed = deepcopy(raw) if raw else {}
    try:
        for key, value in overrides.items():
            set_key(changed, key, value)
        return parse_config(changed)
    except ConfigurationError as error:
        parse_config(raw, origin=str(path))  # an error of the file alone names no override
        changes = ", ".join(f"{key}={short(value)}" for key, value in overrides.items())
        raise ConfigurationError(f"{path} with {changes}: {error}") from None


def fingerprint(values: Mapping[str, Any], digits: int = 8) -> str:
    """Hexadecimal digits that differ for different mappings of plain data."""
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:digits]
