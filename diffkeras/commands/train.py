"""`diffkeras train`."""

from pathlib import Path
from typing import Any

import click

from diffkeras.commands.options import (
    command,
    config_option,
    data_dir_option,
    override_options,
    path_option,
    read_config,
    start_tensorflow,
    threads_option,
)


@command()
@config_option("quickstart", "Configuration file, or the name of a shipped one.")
@override_options("sources", "train_examples", "validation_examples", "stream", "epochs", "seed")
@data_dir_option
@path_option("--run-dir", "Directory of the run.  [default: saved_models/NAME]")
@threads_option
@click.option(
    "--overwrite",
    is_flag=True,
    help="Train again where a finished run is, which is kept as DIR.previous.",
)
@click.option(
    "--restart",
    is_flag=True,
    help="Start again where an unfinished run is, which is kept as DIR.previous.",
)
def train(
    config_file: str,
    data_dir: Path,
    run_dir: Path | None,
    threads: int | None,
    overwrite: bool,
    restart: bool,
    **flags: Any,
) -> None:
    """Train a surrogate on generated datasets.

    Uses all visible GPUs, or the CPU if there are none. Keeps the model with the lowest validation
    error, as weights.npz and as a SavedModel that loads without diffkeras. If interrupted, run the
    same command again; it goes on from the last checkpoint.

    To train on several machines, start the same command on each, with TF_CONFIG set or by Slurm's
    srun. The first machine writes the run. If one is lost, all end with an error, and the same
    commands go on from the last checkpoint.

    \b
    Examples:
      diffkeras train --config quickstart
      diffkeras train --config quickstart --epochs 20 \\
          --set training.loss.weight=tanh --run-dir saved_models/tanh
      diffkeras train --config quickstart \\
          --set training.initial_model=saved_models/tanh \\
          --run-dir saved_models/fine_tuned
      srun --nodes 4 --ntasks-per-node 1 diffkeras train --config paper
    """
    config = read_config(config_file, flags)
    start_tensorflow(threads)
    from diffkeras import train as run

    finished = run(
        config,
        data_dir,
        run_dir or Path("saved_models") / config.name,
        threads=threads,
        overwrite=overwrite,
        restart=restart,
        show_progress=True,
    )
    click.echo(finished.path)
