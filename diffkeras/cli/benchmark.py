"""`diffkeras benchmark`."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from diffkeras.cli.options import (
    command,
    path_option,
    processes_option,
    start_tensorflow,
    threads_option,
)

SIDES = click.IntRange(16, 4096)
SIZES = click.IntRange(1, 100_000)

_number = partial(click.option, metavar="N", show_default=True)


@command()
@click.option(
    "--problem",
    "problems",
    metavar="NAME",
    multiple=True,
    help="fixed_values, production, tissue, saturating_tissue or mixed_walls. Repeatable.  "
    "[default: all]",
)
@_number(
    "--side",
    "sides",
    type=SIDES,
    multiple=True,
    default=(64,),
    help="Nodes of a side of the lattice. Repeatable.",
)
@click.option(
    "--surrogate",
    "surrogates",
    metavar="RUN",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Run directory, or name of a shipped surrogate. Repeatable.  [default: none]",
)
@_number(
    "--batch",
    "batch_sizes",
    type=SIZES,
    multiple=True,
    default=(1, 64),
    help="Images that are computed at once. Repeatable.",
)
@_number(
    "--images",
    type=SIZES,
    default=100,
    help="Test images on which errors are measured, rounded up to as many for each number of "
    "sources.",
)
@_number(
    "--rounds",
    type=SIZES,
    default=9,
    help="How often each time is measured.",
)
@_number(
    "--latency",
    type=click.IntRange(0, 1_000_000),
    default=0,
    help="Single calls of each method whose first, p50 and p99 times and memory are reported, at "
    "least some hundreds for p99; 0 for none.",
)
@processes_option("Processes of solve, for batches")
@threads_option("of TensorFlow")
@path_option(
    "-o --output", "Directory of the results.", default=Path("scoreboard"), show_default=True
)
def benchmark(output: Path, **options: Any) -> None:
    """Compare surrogates with classical methods.

    Measures errors and times on the same images, one by one and in batches: of surrogates, and of
    the best classical methods. Where TensorFlow sees a GPU, it uses it. Writes scoreboard.md,
    scoreboard.json, and a picture of error against time for each problem. The tables say which
    classical method has at most the error of the surrogate, which one takes at most its time, and
    after how many images training pays.

    \b
    Examples:
      diffkeras benchmark --problem tissue --side 128
      diffkeras benchmark --problem fixed_values --surrogate saved_models/quickstart \\
          --processes 1 --threads 1
    """
    start_tensorflow()
    from diffkeras.evaluation.scoreboard.scores import Effort
    from diffkeras.workflows import benchmark

    effort = Effort(*(options.pop(key) for key in ("batch_sizes", "images", "rounds", "latency")))
    if not options["problems"]:
        del options["problems"]
    found = benchmark(output, effort=effort, **options, show_progress=True)
    click.echo(found.text)
    click.echo(f"written to {found.path}")
