"""Tables of results, with a line about the machine and the version that they are made with."""

import csv
import platform
import re
import sys
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

import click

from diffkeras import __version__
from diffkeras.reporting.text import markdown_table
from diffkeras.system.atomic_files import write_csv
from diffkeras.system.environment import available_cores, processor, source_commit

CAPTION = "measured on"  # column of the CSV file
MADE_WITH = ". Made with diffkeras "  # between a caption and versions
UNKNOWN = "unknown version"
FIGURE = re.compile(r"[-+\d.,e]*%?")  # or nothing
PACKAGES = ("numpy", "scipy", "tensorflow", "keras", "pyamg", "torch", "torch-sla", "emcee")


def describe_machine(
    packages: Sequence[str] | None = None,
    *,
    threads: int | None = None,
    gpus: Sequence[str] | None = None,
) -> str:
    """Processor, threads or cores, GPUs and versions (of loaded `PACKAGES`) in one line."""
    if packages is None:
        packages = [name for name in PACKAGES if name.replace("-", "_") in sys.modules]
    versions = [f"Python {platform.python_version()}"]
    for name in packages:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    accelerator = ", ".join(gpus) if gpus else "no GPU used"
    cores = {None: f"{available_cores()} cores", 1: "one thread"}.get(threads, f"{threads} threads")
    return f"{processor()}, {cores}, {accelerator}; {', '.join(versions)}"


def describe_times(
    statistic: str, packages: Sequence[str] | None = None, *, threads: int = 1
) -> str:
    """The machine, and what CPU times of it are, in words."""
    return f"{describe_machine(packages, threads=threads)}; CPU time, {statistic}"


def version() -> str:
    """Version and commit of diffkeras, as in "0.2.0 (commit 1a2b3c4 and changes)"."""
    commit, _, dirty = (source_commit() or "").partition("-")
    changes = " and changes" if dirty else ""
    return f"{__version__} (commit {commit[:7]}{changes})" if commit else __version__


def joined(versions: Iterable[str]) -> str:
    """Distinct versions of one table or row. Empty ones are not known; empty if none is."""
    parts = dict.fromkeys(part for one in versions for part in one.split(", "))
    return ", ".join(part or UNKNOWN for part in parts) if any(parts) else ""


def with_versions(caption: str, versions: Iterable[str] | None = None) -> str:
    """A caption followed by the present version of diffkeras, or by given ones if any is known."""
    found = version() if versions is None else joined(versions)
    return f"{caption}{MADE_WITH}{found}" if found else caption


def without_versions(caption: str) -> tuple[str, str]:
    """The two parts of what `with_versions` makes."""
    before, _, versions = caption.partition(MADE_WITH)
    return before, versions


def write_table(
    rows: list[list[str]],
    columns: list[str],
    output: Path,
    caption: str,
    versions: Sequence[str] | None = None,
) -> None:
    """Write a table, OUTPUT.csv, and print it as `table_text` shows it.

    `versions` of diffkeras made the rows, one each, by default the present one; the versions of old
    rows are empty, as nobody noted them.
    """
    versions = versions or [version()] * len(rows)
    of_rows = [with_versions(caption, [one]) for one in versions]
    lines = [[*row, each] for row, each in zip(rows, of_rows, strict=True)]
    write_csv(output.with_suffix(".csv"), [*columns, CAPTION], lines)
    click.echo(table_text(output.with_suffix(".csv")))


def table_text(file: Path) -> str:
    """A table that `write_table` has written in Markdown, above its caption."""
    with file.open(encoding="utf-8", newline="") as lines:
        head, *rows = csv.reader(lines)
    columns, caption = head[:-1], caption_of([row.pop() for row in rows])
    cells = dict(zip(columns, zip(*rows, strict=True), strict=True))
    texts = [name for name in columns if not all(map(FIGURE.fullmatch, cells[name]))]
    return f"{markdown_table(columns, rows, texts)}\n\n{caption}\n"


def caption_of(of_rows: Iterable[str]) -> str:
    """The caption below a table, from those of its rows, which differ in their versions."""
    captions = [without_versions(each) for each in of_rows]
    return f"{with_versions(captions[0][0], [made_with for _, made_with in captions])}."
