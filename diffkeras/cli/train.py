"""`diffkeras train`."""

from pathlib import Path
from typing import Any

import click

from diffkeras.cli.options import (
    config_option,
    data_dir_option,
    default_run_dir,
    override_options,
    read_config,
    run_dir_option,
    say,
    start_tensorflow,
    workers_option,
)


@click.command()
@config_option("quickstart", "Configuration file, or the name of a shipped one.")
@override_options
@data_dir_option
@run_dir_option
@workers_option
@click.option(
    "--overwrite",
    is_flag=True,
    help="Start anew where a finished run lies; that one is kept as DIR.previous.",
)
@click.option(
    "--restart",
    is_flag=True,
    help="Start anew where an unfinished run lies, which is lost, instead of going on with it.",
)
def train(
    config_file: str,
    data_dir: Path,
    run_dir: Path | None,
    workers: int | None,
    overwrite: bool,
    restart: bool,
    **flags: Any,
) -> None:
    """Train a surrogate on the datasets that `diffkeras generate` made.

    Uses every visible GPU, or the CPU. The best model by the validation split is kept, as
    model.keras and as a SavedModel that loads without diffkeras. The same command goes on with a
    run that was interrupted, from its last checkpoint.

    \b
    Examples:
      diffkeras train --config quickstart
      diffkeras train --config quickstart --epochs 20 --set training.loss.weight=tanh \\
          --run-dir saved_models/tanh
    """
    config = read_config(config_file, flags)
    start_tensorflow()
    from diffkeras.workflows.train import train as run

    finished = run(
        config,
        data_dir,
        run_dir or default_run_dir(config),
        workers=workers,
        overwrite=overwrite,
        restart=restart,
        show_progress=True,
        report=say,
    )
    click.echo(finished.path)
