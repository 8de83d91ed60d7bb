"""What the benchmarks' commands have in common: their options, and where results are."""

import functools
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from benchmarks.shared.tables import version
from diffkeras.errors import DiffkerasError
from diffkeras.system.atomic_files import check_directory

RESULTS = Path(__file__).parents[1] / "results"
TRIALS = Path("benchmark_trials")  # of calls with other options than the published ones
PATH = click.Path(path_type=Path)


def command(
    text: str | None,
    output: str | Path,
    files: str = "the table, without .csv",
    published: Collection[str] = (),
) -> Callable[[Callable[..., None]], click.Command]:
    """The command of a benchmark, with the option --output. Errors of diffkeras are one line.

    A call with any other option writes into `TRIALS`, unless --output says where, so that what is
    published changes by a call without options only.

    Args:
        text: of the module; its first line is the help.
        output: default path of the results, below `RESULTS` unless it is absolute.
        files: that the option names, in words.
        published: names of options with which results are published, too.
    """
    default = RESULTS / output

    def decorate(main: Callable[..., None]) -> click.Command:
        parameters: list[click.Option] = getattr(main, "__click_params__", [])
        names = [each.opts[0] for each in parameters if each.name in published]
        others = f" than {', '.join(reversed(names))}" if names else ""
        option = click.option(
            "--output",
            type=PATH,
            default=default,
            help=f"Path of {files}. With other options{others}: {TRIALS / default.name}.",
        )

        @functools.wraps(main)
        def run(**options: Any) -> None:
            version()  # kept from the start, even if files change during the measurement
            source = click.get_current_context().get_parameter_source
            given = {name for name in options if source(name) != ParameterSource.DEFAULT}
            if given.difference(published, ("output",)) and "output" not in given:
                options["output"] = TRIALS / default.name
                click.echo(f"with other options, results go to {options['output']}", err=True)
            path: Path = options["output"]
            if not path.name:
                raise click.UsageError(f"--output {str(path)!r} names no file")
            try:
                check_directory(path.parent)  # before the measurement, not after it
                main(**options)
            except DiffkerasError as error:
                raise click.ClickException(str(error)) from error

        settings = {"show_default": True}
        return click.command(help=(text or "").splitlines()[0], context_settings=settings)(
            option(run)
        )

    return decorate


def whole_numbers(_context: object, _parameter: object, value: str | None) -> list[int] | None:
    """The callback of an option that takes a list, such as 128,512."""
    try:
        return None if value is None else [int(number) for number in value.split(",")]
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no list of integers like 128,512") from error
