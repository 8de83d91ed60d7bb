"""`diffkeras study`."""

import logging
from pathlib import Path
from typing import Any

import click

from diffkeras.cli.options import (
    OVERRIDES,
    collect_overrides,
    command,
    data_dir_option,
    override_options,
    run_dir_option,
    start_tensorflow,
    workers_option,
)

logger = logging.getLogger(__name__)


@command(interrupted="finished runs are kept; run the same command again to go on")
@click.option(
    "--config",
    "config_file",
    metavar="FILE",
    required=True,
    help="Study file, or the name of a shipped one, e.g. studies/training_size_reduced.",
)
@override_options(*OVERRIDES)
@data_dir_option
@run_dir_option("study", "saved_models/studies/NAME")
@workers_option("Processes that solve, and threads that read data")
@click.option("--dry-run", is_flag=True, help="Only list the runs, and which of them are finished.")
def study(
    config_file: str,
    data_dir: Path,
    run_dir: Path | None,
    workers: int | None,
    dry_run: bool,
    **flags: Any,
) -> None:
    """Train and compare all variants of a study.

    Trains and evaluates a surrogate for every combination of the factors in the study file. Skips
    finished runs, so if interrupted, run the same command again. Writes runs.csv (one row per run
    and source count), figures/ and report.html.

    \b
    Example:
      diffkeras study --config studies/losses_reduced --dry-run
    """
    overrides = collect_overrides(flags)
    start_tensorflow()
    from diffkeras.studies.plan import load_study, plan, time_left
    from diffkeras.system.environment import available_cores
    from diffkeras.workflows.run_study import run_study

    loaded = load_study(config_file, overrides)
    directory = run_dir or Path("saved_models") / "studies" / loaded.name
    if dry_run:
        cells = plan(loaded, directory)
        for cell in cells:
            click.echo(f"{'done' if cell.done else 'to do':5}  {cell.title}")
        logger.info(_outlook(time_left(cells), all(cell.done for cell in cells)))
        return
    result = run_study(
        loaded,
        data_dir,
        directory,
        workers=workers or available_cores(),
        show_progress=True,
    )
    click.echo(f"report: {result / 'report.html'}")


def _outlook(seconds: float | None, all_done: bool) -> str:
    from diffkeras.reporting.text import duration

    if all_done:
        return "nothing is left to train"
    if seconds is None:
        return "no time estimate yet: no run has finished"
    return f"at most {duration(seconds)} of training left, at the speed of the finished runs"
