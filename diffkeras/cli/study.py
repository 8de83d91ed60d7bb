"""`diffkeras study`."""

from pathlib import Path
from typing import Any

import click

from diffkeras.cli.options import (
    collect_overrides,
    data_dir_option,
    override_options,
    start_tensorflow,
    workers_option,
)
from diffkeras.cli.status import echo_status


@click.command()
@click.option(
    "--config",
    "config_file",
    metavar="FILE",
    required=True,
    help="Study file, or the name of a shipped one, e.g. studies/training_size_reduced.",
)
@override_options
@data_dir_option
@click.option(
    "--run-dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Directory of the study.  [default: saved_models/studies/NAME]",
)
@workers_option
@click.option("--dry-run", is_flag=True, help="List the runs with what is done, and stop.")
def study(
    config_file: str,
    data_dir: Path,
    run_dir: Path | None,
    workers: int | None,
    dry_run: bool,
    **flags: Any,
) -> None:
    """Train and evaluate every combination of a study's factors, and compare them.

    What is done already is skipped, so an interrupted study goes on where it stopped. Writes
    runs.csv (one row per run and source count), figures/ and report.html.

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
        echo_status(_outlook(time_left(cells), all(cell.done for cell in cells)))
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
        return "no run is done yet whose speed would tell how long this takes"
    return f"at most {duration(seconds)} of training left, at the speed of the runs that are done"
