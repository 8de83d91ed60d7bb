"""Plain data from YAML 1.2 and back: the one place that reads YAML."""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent

from diffkeras.errors import ConfigurationError

# Files from others must not keep a command busy: such a file is read within about a second.
MOST_BYTES = 1_000_000
MOST_VALUES = 50_000  # keys and values, those of an alias counted wherever it stands
DEEPEST = 50  # levels of nesting

# errors of the parser, e.g. for 2020-13-45, `!!int x` or 5000 digits
OTHERS = (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError)


class _LimitedComposer(Composer):
    """Stops at what is too deep or too large once its aliases stand for what they name."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader=loader)
        self.warn_double_anchors = False  # YAML 1.2 lets an anchor be used again
        self._depth = self._values = 0
        self._sizes: dict[int, int] = {}  # of the nodes that are complete, by their identity

    def compose_node(self, parent: Any, index: Any) -> Any:
        is_alias = self.parser.check_event(AliasEvent)
        mark = self.parser.peek_event().start_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}"
        before = self._values
        self._depth += 1
        self._values += 1
        if self._depth > DEEPEST:
            raise ConfigurationError(f"too deep: {where} is more than {DEEPEST} levels down")
        node = super().compose_node(parent, index)
        if is_alias:
            if id(node) not in self._sizes:
                raise ConfigurationError(f"no valid YAML: {where}: an alias stands for itself")
            self._values += self._sizes[id(node)] - 1
        else:
            self._sizes[id(node)] = self._values - before
        if self._values > MOST_VALUES:
            raise ConfigurationError(
                f"too large: it has more than {MOST_VALUES:,} keys and values up to {where}, "
                "aliases included"
            )
        self._depth -= 1
        return node


def from_yaml(text: str) -> Any:
    """Plain data from a text.

    Raises:
        ConfigurationError: it is no YAML, with line and column, or larger than `MOST_BYTES`,
            `MOST_VALUES` or `DEEPEST` say.
    """
    if len(text) > MOST_BYTES:
        raise ConfigurationError(f"too large: it has more than {MOST_BYTES:,} bytes")
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _LimitedComposer
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
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
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
