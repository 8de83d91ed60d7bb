"""References of the configuration, of the commands and of the architectures, as the code has them.

They are in Markdown, for `docs.tables`.
"""

import ast
import inspect
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click

from diffkeras.reporting.text import markdown_table
from diffkeras.system.section import Form, plain, types_of

HELP_WIDTH = 80  # characters that fit on the page
GALLERY = Path(__file__).parents[1] / "gallery"
GALLERY_FOLDERS = ("tissue", "checks", "fits", "training")
EXAMPLES = ("program", "subject")
KEYS = ("key", "default", "description")


def configuration() -> str:
    """A table of keys for each section of a configuration."""
    from diffkeras.config import Config

    types = types_of(Config)
    parts = [_section("Top level", _key_table(Config, "", ["name"]))]
    for name, kind in types.items():
        if is_dataclass(kind):
            summary = (kind.__doc__ or "").strip().splitlines()[0]
            parts.append(_section(name, summary, _key_table(kind, f"{name}.")))
    return "\n\n".join(parts)


def study_file() -> str:
    """The table of keys of a study file."""
    from diffkeras.studies.study_file import StudyConfig

    return _key_table(StudyConfig, "")


def commands() -> str:
    """The help of each command, the main ones first."""
    from diffkeras.commands import main
    from diffkeras_benchmark.commands import main as of_benchmark

    parts = []
    for program, group in (("diffkeras", main), ("diffkeras-benchmark", of_benchmark)):
        settings: dict[str, Any] = {**group.context_settings, "terminal_width": HELP_WIDTH}
        each = {f"{program} {name}": command for name, command in group.commands.items()}
        for name, command in {program: group, **each}.items():
            text = command.get_help(click.Context(command, info_name=name, **settings))
            parts.append(f"## {name}\n\n```text\n{text}\n```")
    return "\n\n".join(parts)


def architectures() -> str:
    """The architectures that a configuration can name, with their keys."""
    from diffkeras.nn.architectures import ARCHITECTURES

    rows = [
        [f"`{name}`", each.summary, ", ".join(p.name for p in each.parameters)]
        for name, each in ARCHITECTURES.items()
    ]
    head = ("architecture", "network", "keys of `model`")
    return markdown_table(head, rows, texts=head)


def worked_examples() -> str:
    """The programs of the gallery by folder: title and text, up to its question if it asks one."""
    parts = []
    for folder in GALLERY_FOLDERS:
        title = (GALLERY / folder / "GALLERY_HEADER.rst").read_text(encoding="utf-8").split("\n")[0]
        rows = []
        for file in sorted((GALLERY / folder).glob("*.py")):
            text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
            name, _, body = text.split("\n", 2)
            sentences = re.split(r"(?<=[.?]) ", " ".join(body.split()))
            last = next((k for k, one in enumerate(sentences) if one.endswith("?")), 1)
            rows.append(
                [f"[{name}](gallery/{folder}/{file.name})", " ".join(sentences[: last + 1])]
            )
        parts += [f"## {title}", markdown_table(EXAMPLES, rows, texts=EXAMPLES)]
    return "\n\n".join(parts)


def _section(title: str, *parts: str) -> str:
    return "\n\n".join([f"### {title}", *parts])


def _key_table(section: type, prefix: str, names: Sequence[str] = ()) -> str:
    return markdown_table(KEYS, list(_key_rows(section, prefix, names)), texts=KEYS)


def _key_rows(section: type, prefix: str, names: Sequence[str]) -> Iterator[list[str]]:
    """Key, default and description of each key; a nested section gives a row for each of its keys.

    The description ends with the type, on a line of its own.
    """
    types = types_of(section)
    for field in fields(section):
        if names and field.name not in names:
            continue
        key, kind = prefix + field.name, types[field.name]
        if not is_dataclass(kind):
            text = description_of(section, field).replace("None ", "null ")
            default = _default(kind, field)
            shown = default if default in ("", "required") else f"`{default}`"
            yield [f"`{key}`", shown, f"{_escaped(text)}<br>*{_escaped(_in_words(kind))}*"]
        for part in (kind, *get_args(kind)):  # a section, or null
            if isinstance(part, type) and is_dataclass(part):
                yield from _key_rows(part, f"{key}.", ())


def _escaped(text: str) -> str:
    return re.sub(r"([*<])", r"\\\1", text)


def _default(kind: Any, field: Field) -> str:
    if field.default is field.default_factory is MISSING:
        return "required"
    default = field.default if field.default_factory is MISSING else field.default_factory()
    value = plain(kind, default)
    return value if isinstance(value, str) else json.dumps(value)


SCALARS = {int: "integer", float: "number", bool: "true or false", str: "text", NoneType: "null"}


def _in_words(kind: Any) -> str:
    """The type of a key in words, with its limits."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        if isinstance(parts[1], Form):
            return parts[1].words or _in_words(parts[0])
        return f"{_in_words(parts[0])}, {parts[1]}"
    if origin is Literal:
        return " / ".join(parts)
    if origin in (Union, UnionType):
        return ", or ".join(dict.fromkeys(map(_in_words, parts)))
    if origin is tuple and Ellipsis not in parts:
        return f"[{', '.join(map(_in_words, parts))}]"
    if origin in (tuple, list):
        return f"list of {_in_words(parts[0])}"
    return "mapping" if origin is dict or is_dataclass(kind) else SCALARS.get(kind, "any")


def description_of(section: type, field: Field) -> str:
    """What the docstring of a section says of a field, or its metadata."""
    attributes = (inspect.getdoc(section) or "").partition("Attributes:\n")[2].partition("\n\n")[0]
    found = re.search(rf"^ {{4}}{field.name}: (.*(?:\n {{8}}.*)*)", attributes, re.MULTILINE)
    if not found:
        return field.metadata.get("description", "")
    text = " ".join(found[1].split())
    return f"{text[0].upper()}{text[1:]}"
