"""Plain data from YAML 1.2 and back: the one place that reads YAML."""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from diffkeras.errors import ConfigurationError


def from_yaml(text: str) -> Any:
    """Plain data from a text; a ConfigurationError with line and column if it is no YAML."""
    try:
        return YAML(typ="safe", pure=True).load(text)
    except Exception as error:  # the parser raises any type, e.g. for 2020-13-45 and `!!int x`
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        words = " ".join(str(getattr(error, "problem", None) or error).split())
        raise ConfigurationError(f"no valid YAML: {where}{words}") from error


def to_yaml(values: Any) -> str:
    """The text that `from_yaml` reads back."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # typed as None only
    stream = io.StringIO()
    yaml.dump(values, stream)
    return stream.getvalue()


def read_yaml(path: Path) -> Any:
    """The plain data in a YAML file."""
    try:
        return from_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{path} is {error}") from None
