"""`diffkeras generate`."""

from pathlib import Path
from typing import Any

import click

from diffkeras.cli.options import (
    config_option,
    data_dir_option,
    override_options,
    read_config,
    say,
    start_tensorflow,
    workers_option,
)


@click.command()
@config_option("quickstart", "Configuration file, or the name of a shipped one.")
@override_options
@data_dir_option
@workers_option
def generate(config_file: str, data_dir: Path, workers: int | None, **flags: Any) -> None:
    """Solve random sources and write the datasets, one per source count.

    Datasets that are there already are skipped. Each is written beside its place and renamed when
    it is whole, so an interrupted call leaves no part of one; the next call makes what is missing.

    \b
    Examples:
      diffkeras generate --config quickstart
      diffkeras generate --config paper --sources 1,20 --train-examples 100
    """
    config = read_config(config_file, flags)
    start_tensorflow()
    from diffkeras.physics import available_cores
    from diffkeras.workflows.generate import generate as run

    paths = run(
        config, data_dir, workers=workers or available_cores(), show_progress=True, report=say
    )
    for path in paths:
        click.echo(path)
