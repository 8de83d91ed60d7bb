"""The tables of the pages, which are in the pages themselves, between two comments:

    <!-- table: ../benchmarks/results/solver.csv; without: rank; note -->

    <!-- end of table -->

`python -m docs.tables` writes what stands between. The first comment has the path of a table that a
program wrote, as CSV (`benchmarks.shared.tables`) or in Markdown, or a name in `docs.tables.named`.
`without` leaves out columns, `transposed` makes a column of each row.
"""

import csv
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from benchmarks.shared.tables import FIGURE, caption_of
from diffkeras.reporting.text import markdown_table
from diffkeras.system.atomic_files import write_text

ROOT = Path(__file__).parents[2]
END = "<!-- end of table -->"
BLOCK = re.compile(rf"^<!-- table: (.+?) -->\n(.*?)^{END}$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#|/)([^)#]+)")


def pages() -> list[Path]:
    """The pages that may have tables."""
    return [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "benchmarks").glob("*.md")),
        *sorted((ROOT / "paper").glob("*.md")),
    ]


def sources(page: Path) -> list[str]:
    """What the tables of a page are made from."""
    return [found[1] for found in BLOCK.finditer(page.read_text(encoding="utf-8"))]


def outdated() -> dict[Path, str]:
    """The text of each page whose tables are not as they are made now."""
    made = {page: rewritten(page) for page in pages()}
    return {page: text for page, text in made.items() if text != page.read_text(encoding="utf-8")}


def write() -> list[Path]:
    """Rewrite the pages whose tables are old; which."""
    changed = outdated()
    for page, text in changed.items():
        write_text(page, text)
    return [*changed]


def rewritten(page: Path) -> str:
    """The text of a page with its tables as they are made now."""

    def made(found: re.Match[str]) -> str:
        return f"<!-- table: {found[1]} -->\n\n{table(found[1], page).strip()}\n\n{END}"

    return BLOCK.sub(made, page.read_text(encoding="utf-8"))


def table(source: str, page: Path) -> str:
    """The table of a comment, in Markdown.

    Raises:
        ValueError: there is no such file, name, option or column.
    """
    from docs.tables.named import NAMED

    name, *options = source.split("; ")
    if name in NAMED:
        return NAMED[name]()
    file = page.parent / name
    if not file.is_file():
        raise ValueError(f"{page.name}: there is no table {name!r}; give a file or a known name")
    if file.suffix == ".csv":
        return _of_csv(file, options, page)
    return LINK.sub(lambda link: f"]({_seen_from(page, file.parent / link[1])}", _text(file))


def _of_csv(file: Path, options: Iterable[str], page: Path) -> str:
    """The table of a CSV file and its caption. Columns without any figure or word are left out."""
    with file.open(encoding="utf-8", newline="") as lines:
        head, *rows = csv.reader(lines)
    caption = caption_of([row.pop() for row in rows])
    columns = dict(zip(head[:-1], zip(*rows, strict=True), strict=True))
    words = list(options)
    is_transposed = "transposed" in words
    hidden = [word.removeprefix("without: ") for word in words if word != "transposed"]
    if unknown := {*hidden} - {*columns}:
        raise ValueError(f"{page.name}: {file.name} has no column {min(unknown)!r}")
    if hidden:
        caption += f" All columns: [{file.name}]({_seen_from(page, file)})."
    shown = {name: cells for name, cells in columns.items() if any(cells) and name not in hidden}
    if is_transposed:
        shown = {name: cells for name, *cells in _lines(shown)}
    texts = [name for name, cells in shown.items() if not all(map(FIGURE.fullmatch, cells))]
    return f"{markdown_table([*shown], [*_lines(shown)][1:], texts)}\n\n{caption}"


def _lines(columns: Mapping[str, Iterable[str]]) -> Iterator[list[str]]:
    """Head and rows of a table."""
    yield [*columns]
    yield from map(list, zip(*columns.values(), strict=True))


def _seen_from(page: Path, file: Path) -> str:
    return Path(os.path.relpath(file, page.parent)).as_posix()


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")
