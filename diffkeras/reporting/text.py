"""Values, times and sizes in words; tables for a terminal, for LaTeX and in Markdown."""

import decimal
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkeras.reporting.terminal import table_text


def value_text(value: Any) -> str:
    """A factor's value for people: a loss as its error, parameters and weight."""
    if isinstance(value, Mapping) and value:
        rest = {k: v for k, v in value.items() if k not in ("error", "name", "weight")}
        head = str(value.get("error", value.get("name", "")))
        inner = ", ".join(f"{k}={value_text(v)}" for k, v in rest.items())
        weight = f" × {value_text(value['weight'])}" if value.get("weight") else ""
        return f"{head}({inner}){weight}" if inner else f"{head}{weight}"
    if isinstance(value, list | tuple):
        return ",".join(value_text(v) for v in value)
    return str(value)


def rounded_up(bound: float, digits: int = 3) -> str:
    """An upper bound in so many digits, which bounds what it bounds, too."""
    context = decimal.Context(digits, decimal.ROUND_CEILING)
    short = context.create_decimal_from_float(bound)
    return f"{float(short):.{digits}g}"


def duration(seconds: float) -> str:
    """A time for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def format_bytes(number: float) -> str:
    """A number of bytes for people, e.g. "1.1 GB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def markdown_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], texts: Collection[str] = ()
) -> str:
    """A table in Markdown: the first column and the named ones of texts to the left, others right.

    A "|" in a cell becomes "/".
    """
    rule = ["---", *("---" if name in texts else "---:" for name in head[1:])]
    lines = [head, rule, *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


@dataclass(frozen=True)
class Table:
    """A table of a report: column names, and rows of cells that are text or `Cell`s.

    On a terminal, the `important` columns come first, and others may be left out.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    important: Sequence[str] = ()

    def to_text(self, whole: str = "") -> str:
        """The table for a terminal; `whole` is a file with all columns, see `table_text`."""
        order = sorted(self.columns, key=lambda name: name not in self.important)
        places = [self.columns.index(name) for name in order]
        texts = [[c.text if isinstance(c, Cell) else str(c) for c in row] for row in self.rows]
        return table_text(order, [[row[k] for k in places] for row in texts], whole=whole)

    def to_latex(self) -> str:
        """The table for LaTeX with the package booktabs; the best of a column is bold."""
        import pandas as pd

        texts = [[c.text if isinstance(c, Cell) else str(c) for c in row] for row in self.rows]
        bold = [[isinstance(c, Cell) and c.best for c in row] for row in self.rows]
        styles = pd.DataFrame(np.where(bold, "textbf:--rwrap;", ""), columns=list(self.columns))
        style = pd.DataFrame(texts, columns=list(self.columns)).style.hide(axis="index")
        style = style.format(escape="latex").format_index(escape="latex", axis="columns")
        columns = "l" + "r" * (len(self.columns) - 1)
        latex: str = style.apply(lambda _: styles, axis=None).to_latex(
            column_format=columns, hrules=True
        )
        return latex


@dataclass(frozen=True)
class Cell:
    """A cell that can be marked as the best of its column."""

    text: str
    best: bool = False


def number(value: float | None) -> str:
    """A figure to three digits; a dash for None and NaN."""
    return "–" if value is None or math.isnan(value) else f"{value:.3g}"


def mark_best(rows: Sequence[tuple[str, Sequence[float | None]]]) -> list[list[Any]]:
    """Rows of a label and figures, with the smallest of each column marked, and all that equal it.

    Figures are equal if they are printed alike.
    """
    best = [
        number(min((v for v in column if v is not None and not math.isnan(v)), default=None))
        for column in zip(*(values for _, values in rows), strict=True)
    ]
    marked = []
    for label, values in rows:
        texts = [number(value) for value in values]
        cells = [Cell(t, t == low != number(None)) for t, low in zip(texts, best, strict=True)]
        marked.append([label, *cells])
    return marked
