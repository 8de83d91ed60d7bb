"""Plain data from YAML and back."""

import re
from pathlib import Path
from typing import Any

import yaml

from diffkeras.errors import ConfigurationError

FLOAT = "tag:yaml.org,2002:float"
# YAML 1.1 takes 1e-3 and 2e5 for text, since its numbers need a dot and a sign
EXPONENT = re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$")
# what PyYAML's constructors let through, e.g. for 2020-13-45, `!!int x` or 5000 digits
LEAKS = (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError)


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, refusing what it would let pass: equal keys, and what holds itself."""

    def construct_sequence(self, node: Any, deep: bool = False) -> list[Any]:
        return super().construct_sequence(node, deep=True)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for index, name in enumerate(names):
            if name in names[:index] and name != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {name!r} is given twice", node.start_mark
                )
        return super().construct_mapping(node, deep=True)


class _Dumper(yaml.SafeDumper):
    """YAML's safe dumper, quoting text that the loader would read as a number."""


for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver(FLOAT, EXPONENT, list("-+0123456789"))


def from_yaml(text: str) -> Any:
    """Plain data of a text.

    Raises:
        ConfigurationError: no YAML; the message says where.
    """
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, *LEAKS) as error:
        raise ConfigurationError(f"no valid YAML: {' '.join(str(error).split())}") from None


def to_yaml(values: Any) -> str:
    """The text that `from_yaml` reads back."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def read_yaml(path: Path) -> Any:
    """The plain data of a YAML file.

    Raises:
        ConfigurationError: unreadable, or no YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}") from None
    try:
        return from_yaml(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path} is {error}") from None
