"""Plain data from YAML 1.2 and back: the one place that reads YAML."""

import io
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.scanner import Scanner

from diffkeras.config.validation_messages import short, underflows
from diffkeras.errors import ConfigurationError

# Files from others must not keep a command busy: these are read within about a second.
MOST_BYTES = 1_000_000
MOST_VALUES = 50_000  # keys and values, those of an alias counted wherever it stands
DEEPEST = 50  # levels of nesting

# of the parser, e.g. for 2020-13-45, `!!int x` or 5000 digits
OTHERS = (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError)


class _Scanner(Scanner):
    """Takes YAML 1.2 alone: in 1.1, 010 is eight, and `on` is a truth value."""

    def scan_yaml_directive_value(self, start_mark: Any) -> Any:
        version = super().scan_yaml_directive_value(start_mark)
        if version != (1, 2):
            given = short(".".join(map(str, version)))
            raise ConfigurationError(
                f"no valid YAML: line {start_mark.line + 1}: %YAML says version {given}, and only "
                "1.2 is read; leave out this line"
            )
        return version


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


class _DecimalConstructor(SafeConstructor):
    """Takes numbers as people write them: 1000, not 1_000 or 0x3e8; and none for 0 that isn't."""

    def construct_scalar(self, node: Any) -> Any:
        text = super().construct_scalar(node)
        number = str(node.tag).endswith((":int", ":float"))
        wrong = ""
        if number and re.search(r"_|^[-+]?0[xob]", str(text), re.IGNORECASE):
            wrong = "an unusual number; write it in decimal digits alone"
        elif number and underflows(str(text)):
            wrong = "so small that it would be 0; write 0 or a larger one"
        if wrong:
            mark = node.start_mark
            raise ConfigurationError(
                f"no valid YAML: line {mark.line + 1}, column {mark.column + 1}: {short(text)} is "
                f"{wrong}"
            )
        return text


def from_yaml(text: str) -> Any:
    """Plain data from a text.

    Raises:
        ConfigurationError: it is no YAML, with line and column, or larger than `MOST_BYTES`,
            `MOST_VALUES` or `DEEPEST` say.
    """
    if len(text) > MOST_BYTES:
        raise ConfigurationError(f"too large: it has more than {MOST_BYTES:,} bytes")
    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner = _Scanner
    yaml.Composer, yaml.Constructor = _LimitedComposer, _DecimalConstructor
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
