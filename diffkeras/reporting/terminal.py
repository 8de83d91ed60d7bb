"""Text and tables for a terminal: no line is wider than it, and no word is broken."""

import re
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

GAP = 2  # columns between those of a table
# Markdown → how it looks on a terminal; escaped letters stay
MARKS = re.compile(r"\\(.)|\*\*(.+?)\*\*|\*(.+?)\*|\[([^\]]+)\]\([^)\s]+\)")


def terminal_width() -> int:
    """Columns of the terminal, or `COLUMNS` of the environment; 80 where there is neither."""
    return max(20, shutil.get_terminal_size().columns)


def fitted(text: str, *, before: int = 0, hanging: int = 2) -> str:
    """Text whose lines are wrapped between words.

    `before` columns stand before the first line, and what is wrapped has a `hanging` indent.
    """
    width = terminal_width()
    lines: list[str] = []
    for line in text.split("\n"):
        margin = line[: len(line) - len(line.lstrip())]
        taken = " " * before if not lines else ""  # not printed
        parts = textwrap.wrap(
            line.strip(),
            width,
            initial_indent=taken + margin,
            subsequent_indent=margin + " " * hanging,
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += [parts[0].removeprefix(taken), *parts[1:]] if parts else [""]
    return "\n".join(lines)


def table_text(columns: Sequence[str], rows: Sequence[Sequence[str]], *, whole: str = "") -> str:
    """A table with aligned columns, the first one to the left.

    If it is too wide, headings and cells are wrapped between words, and then the last columns are
    left out; a line below names them, and `whole`, the file that has them.
    """
    space, shown = terminal_width(), len(columns)
    grid = [list(columns), *([*row] for row in rows)]
    least = [_longest_word(column) for column in zip(*grid, strict=True)]
    cells = [max([low, *(len(row[k]) for row in grid[1:])]) for k, low in enumerate(least)]
    widths = list(map(max, cells, map(len, columns)))
    while shown > 1 and _total(least[:shown]) > space:
        shown -= 1
    for lowest in (cells, least):  # headings are wrapped first
        while _total(widths[:shown]) > space and widths[:shown] != lowest[:shown]:
            spare = [width - low for width, low in zip(widths, lowest, strict=True)][:shown]
            widths[spare.index(max(spare))] -= 1
    head, *body = ([*_lines(row, widths[:shown])] for row in grid)
    lines = [*head, "-" * _total(widths[:shown]), *chain(*body)]
    if left := columns[shown:]:
        place = f", see {whole}" if whole else ""
        lines.append(fitted(f"not shown: {', '.join(left)}{place}"))
    return "\n".join(lines)


def markdown_text(page: str, *, whole: str = "") -> str:
    """Our own Markdown for a terminal: paragraphs wrapped, tables aligned, bold text in stars."""
    blocks = []
    for block in page.strip().split("\n\n"):
        lines = block.split("\n")
        if block.startswith("|"):
            head, _, *rows = ([_plain(cell) for cell in line[2:-2].split(" | ")] for line in lines)
            blocks.append(table_text(head, rows, whole=whole))
        elif block.startswith("#"):
            title = fitted(_plain(block.lstrip("# ")))
            blocks.append(f"{title}\n{'=' * max(map(len, title.splitlines()))}")
        else:
            blocks.append(fitted(_plain(block), hanging=0))
    return "\n\n".join(blocks)


def _plain(text: str) -> str:
    def look(found: re.Match[str]) -> str:
        letter, bold, slanted, link = found.groups()
        return f"*{bold}*" if bold else letter or _plain(slanted or link)

    return MARKS.sub(look, text)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _longest_word(cells: Sequence[str]) -> int:
    return max((len(word) for cell in cells for word in cell.split()), default=1)


def _lines(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """The lines of a row, whose cells end at the same height."""
    cells = [
        textwrap.wrap(cell, width, break_long_words=False, break_on_hyphens=False)
        for cell, width in zip(row, widths, strict=False)
    ]
    for first, *others in zip_longest(*cells, fillvalue=""):
        parts = [first.ljust(widths[0]), *map(str.rjust, others, widths[1:])]
        yield (" " * GAP).join(parts).rstrip()
