"""Tables of results, with a line about the machine."""

import csv
import platform
import re
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import click

from diffkeras.reporting.text import markdown_table
from diffkeras.system.atomic_files import write_csv, write_text
from diffkeras.system.environment import available_cores, processor

CAPTION = "measured on"  # column of the CSV file
FIGURE = re.compile(r"[-+\d.,e]*%?")  # or nothing


def describe_machine(
    packages: Sequence[str] = ("numpy", "scipy", "tensorflow"),
    *,
    used: str | None = None,
    gpus: Sequence[str] | None = None,
) -> str:
    """Processor, cores, GPUs and versions, in one line.

    Args:
        packages: packages whose versions are listed, if they are installed.
        used: the cores that were used, in words; by default the number of available cores.
        gpus: names of the GPUs that were used.
    """
    versions = [f"Python {platform.python_version()}"]
    for name in packages:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    accelerator = ", ".join(gpus) if gpus else "no GPU used"
    cores = used or f"{available_cores()} cores"
    return f"{processor()}, {cores}, {accelerator}; {', '.join(versions)}"


def write_table(rows: list[list[str]], columns: list[str], output: Path, caption: str) -> None:
    """Write and print a table, OUTPUT.md and OUTPUT.csv, with columns of figures to the right.

    The first column is to the left, even if it has figures.
    """
    cells = dict(zip(columns, zip(*rows, strict=True), strict=True))
    texts = [name for name in columns if not all(map(FIGURE.fullmatch, cells[name]))]
    table = markdown_table(columns, rows, texts)
    # first, because `write_rows` reads it
    write_csv(output.with_suffix(".csv"), [*columns, CAPTION], [[*row, caption] for row in rows])
    write_text(output.with_suffix(".md"), f"{caption}.\n\n{table}\n")
    click.echo(f"{caption}.\n\n{table}")


def write_rows(
    rows: list[list[str]], columns: list[str], output: Path, caption: str, order: Sequence[str]
) -> None:
    """Write rows into a table that may be there already, and keep its others.

    Rows are named by their first column. Those that are not in `order` come last. Rows with another
    caption, so from another machine, are dropped.
    """
    table: dict[str, list[str]] = {}
    if (file := output.with_suffix(".csv")).exists():
        with file.open(newline="", encoding="utf-8") as opened:
            old = list(csv.DictReader(opened))
        table = {
            row[columns[0]]: [row[c] for c in columns] for row in old if row[CAPTION] == caption
        }
    table |= {row[0]: row for row in rows}
    names = [*(name for name in order if name in table), *(n for n in table if n not in order)]
    write_table([table[name] for name in names], columns, output, caption)
