"""Names of the API, which pages list in blocks of the language `{api}`, one a line:

    diffkeras.Solution: vjp, jvp

Each block becomes the references of its names, with the members after the colon. A table before the
first section of the page has all names by section, each with the first sentence of its docstring.
"""

import re
from collections.abc import Iterator
from typing import Any

from sphinx.application import Sphinx

BLOCK = re.compile(r"^```\{api\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTION = re.compile(r"^## (.*)$", re.MULTILINE)
EXCEPTION = re.compile(r"diffkeras\.(errors\.\w+|DiffkerasError)$")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the references and the tables when a page is read."""
    app.connect("source-read", lambda app, page, source: source.append(expanded(source.pop())))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def expanded(page: str) -> str:
    """A page with references and tables in place of its blocks."""
    head, *parts = re.split(r"^(?=## )", page, flags=re.MULTILINE)
    tables = [table for part in parts for table in _table(part)]
    rest = BLOCK.sub(lambda block: _rst(_references(block[1])), "".join(parts))
    return head + (_rst(tables) if tables else "") + rest


def _table(part: str) -> Iterator[str]:
    """The names of a section."""
    names = [name for block in BLOCK.finditer(part) for name, _ in _entries(block[1])]
    if names and (title := SECTION.search(part)):
        yield from (f".. rubric:: {title[1]}", "", ".. autosummary::", "   :nosignatures:", "")
        yield from (f"   ~{name}" for name in names)
        yield ""


def _references(block: str) -> Iterator[str]:
    for name, members in _entries(block):
        kind = "class" if name.rpartition(".")[2][0].isupper() else "function"
        yield f".. auto{'exception' if EXCEPTION.match(name) else kind}:: {name}"
        if members:
            yield "   :members:" + f" {members}".replace(" *", "")
        yield ""


def _entries(block: str) -> Iterator[tuple[str, str]]:
    for line in filter(None, block.splitlines()):
        name, _, members = line.partition(":")
        yield name.strip(), members.strip()


def _rst(lines: Any) -> str:
    return "```{eval-rst}\n" + "\n".join(lines) + "\n```\n\n"
