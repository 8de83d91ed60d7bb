"""What the benchmarks' commands have in common: their options, and where results are."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from benchmarks.shared.tables import version
from diffkeras.errors import DiffkerasError, OutputError
from diffkeras.system.atomic_files import check_directory

RESULTS = Path(__file__).parents[1] / "results"
PICTURES = Path(__file__).parents[2] / "docs" / "images"
PATH = click.Path(path_type=Path)


def command(
    text: str | None, output: str | Path, files: str = "the table, without .md and .csv"
) -> Callable[[Callable[..., None]], click.Command]:
    """The command of a benchmark, with the option --output. Errors of diffkeras are one line.

    Args:
        text: of the module; its first line is the help.
        output: default path of the results, below `RESULTS` unless it is absolute.
        files: that the option names, in words.
    """

    def decorate(main: Callable[..., None]) -> click.Command:
        option = click.option(
            "--output",
            type=PATH,
            default=RESULTS / output,
            callback=_writable,
            help=f"Path of {files}.",
        )

        @functools.wraps(main)
        def run(**options: Any) -> None:
            version()  # is kept: that at the start, even if files change during the measurement
            try:
                main(**options)
            except DiffkerasError as error:
                raise click.ClickException(str(error)) from error

        return click.command(help=(text or "").splitlines()[0])(option(run))

    return decorate


def _writable(_context: object, _parameter: object, output: Path) -> Path:
    """The callback of --output: an error before the measurement, not after it."""
    try:
        check_directory(output.parent)
    except OutputError as error:
        raise click.BadParameter(str(error)) from error
    return output


def whole_numbers(_context: object, _parameter: object, value: str | None) -> list[int] | None:
    """The callback of an option that takes a list, such as 128,512."""
    try:
        return None if value is None else [int(number) for number in value.split(",")]
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no list of integers like 128,512") from error
