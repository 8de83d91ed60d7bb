"""`diffkeras generate`."""

import math
import shlex
from pathlib import Path
from typing import Any

import click

from diffkeras.cli.options import (
    config_option,
    data_dir_option,
    override_options,
    read_config,
    start_tensorflow,
    workers_option,
)


class Share(click.FloatRange):
    """A number of a range; NaN, which compares with nothing, is none."""

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """The number, or a refusal."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not a number from {self.min} to {self.max}.", param, ctx)
        return number


@click.command()
@config_option("quickstart", "Configuration file, or the name of a shipped one.")
@override_options
@data_dir_option
@workers_option
@click.option(
    "--verify",
    "share",
    metavar="[SHARE]",
    type=Share(0, 1),
    is_flag=False,
    flag_value=0.01,
    help="Make nothing: read every record that is there, and solve a random share of the examples "
    "again, at least three of each split.  [default share: 0.01]",
)
@click.option(
    "--preview",
    metavar="[FILE]",
    is_flag=False,
    flag_value="preview.html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Make nothing: solve a few examples and write an HTML page about them, preview.html.",
)
@click.option("--beam", is_flag=True, help="Have an Apache Beam pipeline make the data.")
@click.option(
    "--beam-options",
    metavar="OPTIONS",
    help='The pipeline\'s options, e.g. "--runner=FlinkRunner --parallelism=64".',
)
def generate(
    config_file: str,
    data_dir: Path,
    workers: int | None,
    share: float | None,
    preview: Path | None,
    beam: bool,
    beam_options: str | None,
    **flags: Any,
) -> None:
    """Solve random sources and write the datasets, one per source count.

    Datasets that are there already are skipped. What an interrupted call had finished is kept
    beside, and the same call makes only what is missing; nothing unfinished can be read as data.

    \b
    Examples:
      diffkeras generate --config quickstart
      diffkeras generate --config quickstart --preview data.html
      diffkeras generate --config paper --sources 1,20 --train-examples 100
      diffkeras generate --config paper --verify 0.05
      diffkeras generate --config paper --beam --beam-options \\
          "--runner=DirectRunner --direct_num_workers=8 --direct_running_mode=multi_processing"
    """
    if beam_options is not None and not beam:
        raise click.UsageError("--beam-options without --beam")
    if beam and share is not None:
        raise click.UsageError("--verify reads here, not on Beam; leave --beam out")
    if beam and workers is not None:
        raise click.UsageError(
            "--workers doesn't reach Beam; name its workers in --beam-options, e.g. "
            "--direct_num_workers=8"
        )
    config = read_config(config_file, flags)
    if preview is not None:
        from diffkeras.workflows import preview as look

        click.echo(look(config, preview))
        return
    from diffkeras.system.environment import available_cores

    workers = workers or available_cores()
    if share is not None:
        start_tensorflow()
        from diffkeras.workflows import verify

        if verify(config, data_dir, share=share, workers=workers, show_progress=True):
            raise SystemExit(1)
        return
    from diffkeras.workflows import generate as run

    paths = run(
        config,
        data_dir,
        workers=workers,
        beam_options=_words(beam_options or "") if beam else None,
        show_progress=True,
    )
    for path in paths:
        click.echo(path)


def _words(options: str) -> list[str]:
    try:
        return shlex.split(options)
    except ValueError as error:
        raise click.BadParameter(
            f"{options!r} can't be read: {error}", param_hint="--beam-options"
        ) from None
