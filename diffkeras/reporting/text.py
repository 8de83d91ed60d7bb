"""Values, ranges, times and sizes in words, and tables in Markdown."""

import decimal
from collections.abc import Collection, Mapping, Sequence
from typing import Any


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
