"""`diffkeras train`."""

import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from diffkeras.cli.options import (
    config_option,
    data_dir_option,
    default_run_dir,
    override_options,
    read_config,
    run_dir_option,
    start_tensorflow,
    workers_option,
)
from diffkeras.cli.status import echo_status
from diffkeras.errors import WorkerLostError


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
@click.option(
    "--worker-timeout",
    type=click.FloatRange(min=1),
    default=300.0,
    show_default=True,
    help="Seconds to wait for the other processes of a distributed training, at its start and "
    "after one of them was lost.",
)
def train(
    config_file: str,
    data_dir: Path,
    run_dir: Path | None,
    workers: int | None,
    overwrite: bool,
    restart: bool,
    worker_timeout: float,
    **flags: Any,
) -> None:
    """Train a surrogate on the datasets that `diffkeras generate` made.

    Uses every visible GPU, or the CPU. The best model by the validation split is kept, as
    model.keras and as a SavedModel that loads without diffkeras. The same command goes on with a
    run that was interrupted, from its last checkpoint.

    On several machines, start the same command on each, with TF_CONFIG set or by Slurm's srun: they
    train one network together, and the first of them writes the run. When one is lost, the others
    wait for it to be started again.

    \b
    Examples:
      diffkeras train --config quickstart
      diffkeras train --config quickstart --epochs 20 --set training.loss.weight=tanh \\
          --run-dir saved_models/tanh
      srun --nodes 4 --ntasks-per-node 1 diffkeras train --config paper
    """
    config = read_config(config_file, flags)
    start_tensorflow()
    from diffkeras.workflows import train as run

    try:
        finished = run(
            config,
            data_dir,
            run_dir or default_run_dir(config),
            threads=workers,
            overwrite=overwrite,
            restart=restart,
            worker_timeout=worker_timeout,
            show_progress=True,
        )
    except WorkerLostError as error:
        echo_status(f"{error}. Waiting for it here")
        _restart_process()
    click.echo(finished.path)


def _restart_process() -> NoReturn:
    """Run the same command in this process's place: TensorFlow connects workers only once."""
    dropped = ("--overwrite", "--restart")  # they were meant for the run that was there at first
    sys.stdout.flush()
    os.execv(sys.executable, [word for word in sys.orig_argv if word not in dropped])
