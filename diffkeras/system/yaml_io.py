"""Plain data from YAML 1.2 and back: the one place that reads YAML."""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent

from diffkeras.errors import ConfigurationError

MOST_BYTES = 1_000_000

# errors of the parser, e.g. for 2020-13-45, `!!int x` or 5000 digits
OTHERS = (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError)


class _PlainComposer(Composer):
    """Refuses aliases: a few lines of them can stand for more values than any memory holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.parser.check_event(AliasEvent):
            mark = self.parser.peek_event().start_mark
            raise ConfigurationError(
                f"no valid YAML: line {mark.line + 1}, column {mark.column + 1}: aliases are not "
                "read; repeat the value"
            )
        return super().compose_node(parent, index)


def from_yaml(text: str) -> Any:
    """Plain data from a text.

    Raises:
        ConfigurationError: it is no YAML, with line and column, or larger than a megabyte.
    """
    if len(text) > MOST_BYTES:
        raise ConfigurationError(f"too large: it has more than {MOST_BYTES:,} bytes")
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _PlainComposer
    try:
        return yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigurationError(
            f"no valid YAML: {where}{error.problem or error.context}"
        ) from None
    except ConfigurationError:
        raise
    except (YAMLError, *OTHERS) as error:
        raise ConfigurationError(f"no valid YAML: {' '.join(str(error).split())}") from None


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
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1).decode("utf-8")
        return from_yaml(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{path} is {error}") from None
