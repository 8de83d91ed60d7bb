"""`diffkeras study`."""

import re
from pathlib import Path
from typing import Any

import click

from diffkeras.commands.command import command_line, say
from diffkeras.commands.options import (
    OVERRIDES,
    collect_overrides,
    command,
    count_option,
    data_dir_option,
    override_options,
    path_option,
    start_tensorflow,
    threads_option,
)


def shard_type(value: str) -> tuple[int, int]:
    """K/N, with K from 1 to N, as a pair."""
    found = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", value, re.ASCII)
    if not found or int(found[1]) > int(found[2]):
        raise click.BadParameter(
            f"{value[:40]!r} is no shard; write K/N with K from 1 to N, as in 1/8 to 8/8"
        )
    return int(found[1]), int(found[2])


@command(interrupted="finished runs and checkpoints are kept; run the same command again to go on")
@click.option(
    "--config",
    "config_file",
    metavar="FILE",
    required=True,
    help="Study file, or the name of a shipped one, e.g. studies/seeds_reduced.",
)
@override_options(*OVERRIDES)
@data_dir_option
@path_option(
    "--run-dir",
    "Directory of the study: its tables, figure and report.  [default: saved_models/studies/NAME]",
)
@path_option(
    "--runs-dir",
    "Directory of the runs of all studies. Each is trained once.",
    default=Path("saved_models/studies/runs"),
    show_default=True,
)
@count_option("--processes", "Processes that solve missing examples")
@threads_option
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(1, 4096),
    default=1,
    show_default=True,
    help="Number of runs that are done at the same time, each in a process of its own.",
)
@click.option(
    "--shard",
    metavar="K/N",
    type=shard_type,
    help="Do only part K of N of the runs, with as much training each, e.g. 1/8 to 8/8 on "
    "eight machines.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only list the runs, which of them are finished, and what the others cost.",
)
def study(
    config_file: str,
    data_dir: Path,
    run_dir: Path | None,
    runs_dir: Path,
    dry_run: bool,
    **flags: Any,
) -> None:
    """Train and compare all variants of a study.

    Trains and evaluates a surrogate for every combination of the factors in the study file. Skips
    finished runs, also of other studies, so if interrupted, run the same command again. With
    more seeds, sizes or other values in the file, the same command trains only what is new. A run
    that fails doesn't end the others; the next call tries it again. Writes tables, a figure,
    TensorBoard's curves and report.html.

    \b
    Examples:
      diffkeras study --config studies/seeds_reduced --dry-run
      diffkeras study --config studies/seeds_reduced --jobs 2

    \b
    On eight machines, of which this is the second:
      diffkeras study --config studies/seeds --shard 2/8
    Then copy the folders in --runs-dir of all machines into one, and run it
    without --shard.
    """
    overrides = collect_overrides(flags)
    start_tensorflow(flags["threads"])
    from diffkeras.studies.study_file import load_study

    loaded = load_study(config_file, overrides)
    directory = run_dir or Path("saved_models") / "studies" / loaded.name
    if dry_run:
        from diffkeras.studies.cost import dry_run as lines_of

        for line in lines_of(loaded, directory, runs_dir, flags["shard"], flags["jobs"]):
            say(line)
        return
    # only here: it loads Matplotlib, which a list of runs doesn't need
    from diffkeras.studies.study_run import run_study
    from diffkeras.system.environment import available_cores

    result = run_study(
        loaded,
        data_dir,
        directory,
        runs_dir=runs_dir,
        jobs=flags["jobs"],
        shard=flags["shard"],
        processes=flags["processes"] or available_cores(),
        threads=flags["threads"],
        show_progress=True,
        command=command_line(),
    )
    if result:
        click.echo(f"report: {result / 'report.html'}")
