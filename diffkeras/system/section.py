"""Sections of files: frozen dataclasses that check their values against the types of their fields.

Beside Python's types, a field has `Limits` or a `Form` as `Annotated[TYPE, …]`. From Python or from
a file, a wrong value is one error, which begins with its dotted key.
"""

import math
import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin, get_type_hints

from diffkeras.errors import ConfigurationError, PhysicsError
from diffkeras.system.messages import short

SEVERAL = (list, tuple, dict)


class KeyProblem(ConfigurationError):
    """What is wrong with the value of a key.

    Attributes:
        problem: the message without the key.
        path: the names that make up the dotted key.
    """

    def __init__(self, problem: str, *path: str) -> None:
        super().__init__(f"{'.'.join(path)}: {problem}" if path else problem)
        self.problem, self.path = problem, path


@dataclass(frozen=True)
class Limits:
    """Limits of a number: the least and the most that it may be, or lies above and below."""

    least: float = -math.inf
    most: float = math.inf
    above: float = -math.inf
    below: float = math.inf
    multiple: int = 1

    def __str__(self) -> str:
        """The limits in words."""
        words = ("at least", "at most", "more than", "less than")
        limits = zip(words, (self.least, self.most, self.above, self.below), strict=True)
        parts = [f"{word} {number:,}" for word, number in limits if math.isfinite(number)]
        parts += [f"a multiple of {self.multiple}"] if self.multiple > 1 else []
        return " and ".join(parts)

    def check(self, value: float) -> float:
        """The number; a ValueError if it is beyond the limits."""
        within = self.least <= value <= self.most and self.above < value < self.below
        if not within or (self.multiple > 1 and value % self.multiple):
            raise ValueError(f"must be {self}, not {_shown(value)}")
        return value


@dataclass(frozen=True)
class Form:
    """How a value is written in files.

    Attributes:
        parse: the value of what is written; a ValueError for anything else.
        plain: plain data that `parse` reads back.
        words: what may be written, for people.
    """

    parse: Callable[[Any], Any]
    plain: Callable[[Any], Any] = lambda value: value
    words: str = ""


@dataclass(frozen=True)
class Section:
    """Base of sections.

    Raises:
        KeyProblem: a value of another type than its field's, out of its limits, or one that
            excludes others.
    """

    def __post_init__(self) -> None:
        for name, kind in types_of(type(self)).items():  # type: ignore[arg-type]
            object.__setattr__(self, name, _taken_at(name, kind, getattr(self, name)))
        with _names_key():
            self.check()

    def check(self) -> None:
        """Raise a KeyProblem, or a PhysicsError about a key, if values don't go together."""

    def __getstate__(self) -> dict[str, Any]:
        """The values alone, for another process; what follows from them is computed there again."""
        return {name: getattr(self, name) for name in types_of(type(self))}  # type: ignore[arg-type]

    @classmethod
    def read(cls, values: Any) -> Self:
        """The section of a mapping of its keys to plain data."""
        section: Self = _read(cls, values)
        return section

    def to_dict(self) -> dict[str, Any]:
        """The section as plain data, which `read` takes."""
        types = types_of(type(self))  # type: ignore[arg-type]
        return {name: plain(kind, getattr(self, name)) for name, kind in types.items()}


@cache
def types_of(section: type) -> Mapping[str, Any]:
    """The keys of a section, or of another dataclass, with their types."""
    hints = get_type_hints(section, include_extras=True)
    return {field.name: hints[field.name] for field in fields(section)}


def keys_of(kind: Any) -> Mapping[str, Any]:
    """As `types_of`, of `SECTION` or `SECTION | None`; none of other types."""
    options = (kind, *get_args(kind))
    sections = [each for each in options if isinstance(each, type) and is_dataclass(each)]
    return types_of(sections[0]) if sections else {}


def taken(kind: Any, value: Any) -> Any:
    """The value of a type that plain data stand for; a ValueError if they stand for none."""
    base, parts = get_origin(kind), get_args(kind)
    if base is Annotated:
        extra = parts[1]
        if isinstance(extra, Form):
            return taken(parts[0], extra.parse(value))
        return extra.check(taken(parts[0], value))
    if base in (Union, UnionType):
        return _of_several(parts, value)
    if base is Literal:
        if isinstance(value, str) and value in parts:
            return value
        raise ValueError(f"must be {' or '.join(parts)}, not {_shown(value)}")
    if base in SEVERAL:
        return _container(base, parts, value)
    if is_dataclass(kind):
        return value if isinstance(value, kind) else _read(kind, value)  # type: ignore[arg-type]
    return _scalar(kind, value)


def plain(kind: Any, value: Any) -> Any:
    """The plain data that stand for a value of a type."""
    options = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    extras = [get_args(option)[1] for option in options if get_origin(option) is Annotated]
    if value is not None and extras and isinstance(extras[0], Form):
        return extras[0].plain(value)
    if is_dataclass(value):
        return {name: plain(part, getattr(value, name)) for name, part in keys_of(kind).items()}
    if isinstance(value, Mapping):
        return {key: plain(Any, part) for key, part in value.items()}
    return [plain(Any, part) for part in value] if isinstance(value, list | tuple) else value


def _taken_at(name: str, kind: Any, value: Any) -> Any:
    """As `taken`, with the key's name in errors."""
    try:
        return taken(kind, value)
    except KeyProblem as error:
        raise KeyProblem(error.problem, name, *error.path) from None
    except ValueError as error:  # PhysicsError is one
        raise KeyProblem(str(error), name) from None


@contextmanager
def _names_key() -> Iterator[None]:
    """Turn a PhysicsError, which names its argument, into one that names the key."""
    try:
        yield
    except PhysicsError as error:
        path = error.argument.split(".") if error.argument else ()
        raise KeyProblem(error.problem, *path) from None


def _read(section: type, values: Any) -> Any:
    """The dataclass of a mapping of its keys to plain data."""
    values = {} if values is None else values  # `data:` with every key below it commented out
    if not isinstance(values, Mapping):
        raise ValueError(f"must be a mapping of keys to values, not {_shown(values)}")
    types = types_of(section)
    for key in values:
        if key not in types:
            alike = get_close_matches(str(key)[:100], types, n=1)
            hint = f"do you mean {alike[0]}?" if alike else f"known here: {', '.join(types)}"
            raise KeyProblem(f"unknown key; {hint}", short(key).strip("'"))
    for field in fields(section):
        if field.name not in values and field.default is field.default_factory is MISSING:
            raise KeyProblem("is missing", field.name)
    with _names_key():
        return section(**values)  # a sampler checks its arguments


def _of_several(kinds: Sequence[Any], value: Any) -> Any:
    """The value of the first type that takes it; a list is meant for a type of lists."""
    if value is None and NoneType in kinds:
        return None
    others = [kind for kind in kinds if kind is not NoneType]
    fitting = [kind for kind in others if _is_several(kind) == isinstance(value, SEVERAL)] or others
    problems = []
    for kind in fitting:
        try:
            return taken(kind, value)
        except KeyProblem:  # of a section
            raise
        except ValueError as error:
            problems.append(str(error).removesuffix(f", not {_shown(value)}"))
    raise ValueError(f"{' or '.join(problems).replace('or must be', 'or')}, not {_shown(value)}")


def _is_several(kind: Any) -> bool:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return get_origin(kind) in SEVERAL or is_dataclass(kind)


def _container(base: type, kinds: Sequence[Any], value: Any) -> Any:
    if base is dict:
        if not isinstance(value, Mapping):
            raise ValueError(f"must be a mapping, not {_shown(value)}")
        return {taken(kinds[0], key): taken(kinds[1], part) for key, part in value.items()}
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be a list, not {_shown(value)}")
    if base is list or Ellipsis in kinds:
        return base(taken(kinds[0], part) for part in value)
    if len(value) != len(kinds):
        raise ValueError(f"must be a list of {len(kinds)} values, not {_shown(value)}")
    return tuple(map(taken, kinds, value))


def _scalar(kind: Any, value: Any) -> Any:
    if kind is Any:
        return value
    truth, real = isinstance(value, bool), isinstance(value, numbers.Real)
    if kind is int and real and not truth and value == value // 1:  # nan and inf aren't
        return int(value)
    if kind is float and real and not truth and abs(value) <= 1e308:
        return float(value)
    if (kind is bool and truth) or (kind is str and isinstance(value, str)):
        return value
    words = {int: "a whole number", float: "a finite number", bool: "true or false", str: "text"}
    raise ValueError(f"must be {words[kind]}, not {_shown(value)}")


def _shown(value: Any) -> str:
    """The value as YAML writes it."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return short(value)
