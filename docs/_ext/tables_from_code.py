"""Directives that show the configuration, the commands and the network as the code defines them.

`config-reference` lists every key of a configuration, `cli-reference` the help of each command,
`architecture-table` the architectures, and `measured` shows a table that a benchmark wrote.
"""

import inspect
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

import click
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from benchmarks.shared.tables import table_text
from diffkeras.system.section import Form, plain, types_of

HELP_WIDTH = 80  # characters that fit on the page


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("config-reference", ConfigReference)
    app.add_directive("cli-reference", CommandReference)
    app.add_directive("architecture-table", ArchitectureTable)
    app.add_directive("measured", Measured)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class ConfigReference(SphinxDirective):
    """Every key of a configuration, or of a study file (`:model: study`)."""

    option_spec: ClassVar = {"model": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """A section and a table for each section of the configuration."""
        self.env.note_reread()
        if self.options.get("model") == "study":
            from diffkeras.studies.study_file import StudyConfig

            return [_key_table(StudyConfig, "")]
        from diffkeras.config import Config

        types = types_of(Config)
        sections = {name: kind for name, kind in types.items() if is_dataclass(kind)}
        found: list[nodes.Node] = [
            _section("Top level", "top-level", _key_table(Config, "", ["name"]))
        ]
        for name, model in sections.items():
            summary = nodes.paragraph("", (model.__doc__ or "").strip().splitlines()[0])
            found.append(_section(name, f"section-{name}", summary, _key_table(model, f"{name}.")))
        return found


class CommandReference(SphinxDirective):
    """The help of every command."""

    def run(self) -> list[nodes.Node]:
        """A section for each command, the main one first."""
        from diffkeras.commands import main
        from diffkeras_benchmark.commands import main as of_benchmark

        self.env.note_reread()  # Sphinx does not notice changes of the code
        found: list[nodes.Node] = []
        for program, group in (("diffkeras", main), ("diffkeras-benchmark", of_benchmark)):
            settings: dict[str, Any] = {**group.context_settings, "terminal_width": HELP_WIDTH}
            parts = {f"{program} {name}": command for name, command in group.commands.items()}
            for name, command in {program: group, **parts}.items():
                text = command.get_help(click.Context(command, info_name=name, **settings))
                block = nodes.literal_block(text, text, language="text", classes=["help"])
                found.append(_section(name, name.replace(" ", "-"), block))
        return found


class ArchitectureTable(SphinxDirective):
    """The architectures that a configuration can name, with the keys that they have."""

    def run(self) -> list[nodes.Node]:
        """One row for each."""
        from diffkeras.nn.architectures import ARCHITECTURES

        self.env.note_reread()
        rows = [
            [name, each.summary, ", ".join(p.name for p in each.parameters)]
            for name, each in ARCHITECTURES.items()
        ]
        return [_table(["architecture", "network", "keys of model"], rows, code={0})]


class Measured(SphinxDirective):
    """A table that a benchmark or a script wrote: the path of its CSV file, or of Markdown.

    The type is small, because the tables have many columns. With `:folded: TITLE` the reader
    unfolds it.
    """

    required_arguments = 1
    option_spec: ClassVar = {"folded": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """One container with all of it."""
        path = Path(self.env.srcdir) / self.arguments[0]
        self.env.note_dependency(str(path))
        if not path.is_file():
            raise self.error(f"there is no table {path}")
        text = table_text(path) if path.suffix == ".csv" else path.read_text(encoding="utf-8")
        parts = self.parse_text_to_nodes(text)
        if "folded" in self.options:
            title = self.options["folded"] or "Table"
            fold = nodes.raw("", f"<details><summary>{title}</summary>", format="html")
            parts = [fold, *parts, nodes.raw("", "</details>", format="html")]
        return [nodes.container("", *parts, classes=["measured"])]


def _key_table(section: type, prefix: str, names: Sequence[str] = ()) -> nodes.table:
    rows = list(_key_rows(section, prefix, names))
    table = _table(["key", "default", "description"], rows, code={0, 1})
    table["classes"].append("keys")
    return table


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
            yield [key, default, f"{text}\n{_in_words(kind)}"]
        for part in (kind, *get_args(kind)):  # a section, or null
            if isinstance(part, type) and is_dataclass(part):
                yield from _key_rows(part, f"{key}.", ())


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
        return " | ".join(parts)
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


def _section(title: str, identifier: str, *children: nodes.Node) -> nodes.section:
    section = nodes.section(ids=[identifier], names=[title.lower()])
    section += nodes.title("", title)
    section += list(children)
    return section


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], code: set[int]) -> nodes.table:
    table = nodes.table(classes=["colwidths-auto"])
    group = nodes.tgroup(cols=len(head))
    table += group
    group += [nodes.colspec(colwidth=1) for _ in head]
    header, body = nodes.thead(), nodes.tbody()
    header += _row(head, set())
    body += [_row(row, code) for row in rows]
    group += [header, body]
    return table


def _row(cells: Sequence[str], code: set[int]) -> nodes.row:
    row = nodes.row()
    for number, cell in enumerate(cells):
        entry = nodes.entry()
        for line, text in enumerate(cell.split("\n")):
            content: nodes.Node = nodes.Text(text)
            if number in code and text not in ("", "required", "total"):
                content = nodes.literal(text, text)
            entry += nodes.paragraph("", "", content, classes=["type"] if line else [])
        row += entry
    return row
