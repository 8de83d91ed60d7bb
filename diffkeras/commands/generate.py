"""`diffkeras generate`."""

import shlex
from pathlib import Path
from typing import Any

import click

from diffkeras.commands.options import (
    FILE,
    NumberRange,
    command,
    config_option,
    data_dir_option,
    override_options,
    processes_option,
    read_config,
    start_tensorflow,
)
from diffkeras.errors import DataError


@command(
    interrupted="finished files are kept; run the same command again to generate the rest",
)
@config_option("quickstart", "Configuration file, or the name of a shipped one.")
@override_options(
    "sources", "train_examples", "validation_examples", "test_examples", "stream", "seed"
)
@data_dir_option
@processes_option("Processes that solve")
@click.option(
    "--verify",
    "share",
    metavar="[SHARE]",
    type=NumberRange(0, 1),
    is_flag=False,
    flag_value=0.01,
    help="Check instead of generating: read every record, and solve a random share of the "
    "examples again, at least three of each split.  [default share: 0.01]",
)
@click.option(
    "--preview",
    metavar="[FILE]",
    is_flag=False,
    flag_value="preview.png",
    type=FILE,
    help="Only solve a few examples, and draw them in a picture.  [default: preview.png]",
)
@click.option("--beam", is_flag=True, help="Generate by an Apache Beam pipeline.")
@click.option(
    "--beam-options",
    metavar="OPTIONS",
    help='Options of the pipeline, e.g. "--runner=FlinkRunner --parallelism=64".',
)
def generate(
    config_file: str,
    data_dir: Path,
    processes: int | None,
    share: float | None,
    preview: Path | None,
    beam: bool,
    beam_options: str | None,
    **flags: Any,
) -> None:
    """Solve random sources and write datasets.

    Writes one dataset per source count, and skips those that exist. If interrupted, run the same
    command again; finished files are kept and only the rest is generated.

    \b
    Examples:
      diffkeras generate --config quickstart
      diffkeras generate --config quickstart --preview data.png
      diffkeras generate --config paper --sources 1,20 --train-examples 100 \\
          --validation-examples 10 --test-examples 10
      diffkeras generate --config paper --verify 0.05
      diffkeras generate --config paper --beam --beam-options \\
          "--runner=DirectRunner --direct_num_workers=8 --direct_running_mode=multi_processing"
    """
    if beam_options is not None and not beam:
        raise click.UsageError("--beam-options needs --beam")
    if preview is not None and (beam or share is not None):
        raise click.UsageError("--preview stands alone; leave out --beam and --verify")
    if beam and share is not None:
        raise click.UsageError("--verify doesn't run on Beam; leave --beam out")
    if share is not None and processes is not None:
        raise click.UsageError("--processes has no effect with --verify, which uses one process")
    if beam and processes is not None:
        raise click.UsageError(
            "--processes has no effect on Beam; use --beam-options, e.g. --direct_num_workers=8"
        )
    config = read_config(config_file, flags)
    if preview is not None:
        from diffkeras.commands.preview_data import preview as look

        click.echo(look(config, preview))
        return
    if share is not None:
        start_tensorflow()
        from diffkeras.data import verify

        found = verify(config, data_dir, share=share, show_progress=True)
        if found:
            number = "an error" if len(found) == 1 else f"{len(found)} errors, as printed above"
            raise DataError(f"{data_dir} has {number}, the first: {found[0]}")
        return
    from diffkeras.data import generate as run
    from diffkeras.system.environment import available_cores

    paths = run(
        config,
        data_dir,
        processes=processes or available_cores(),
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
