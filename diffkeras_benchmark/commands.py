"""The command `diffkeras-benchmark`: the benchmark's data, comparisons and the leaderboard."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

try:
    import click

    from diffkeras.commands.command import DiffkerasCommand, DiffkerasGroup, say
    from diffkeras.reporting.terminal import markdown_text
except ModuleNotFoundError as error:
    sys.exit(
        f"diffkeras-benchmark: the command needs {error.name}, which is not installed; in a "
        "checkout, `pip install .` installs diffkeras, and `pip install ./distributions/solver` "
        "the part of it without TensorFlow"
    )

from diffkeras import __version__

SIDES = click.IntRange(16, 4096)
SIZES = click.IntRange(1, 100_000)

PATH = click.Path(path_type=Path)
PARALLEL = click.IntRange(1, 4096)

command = partial(click.command, cls=DiffkerasCommand)
_number = partial(click.option, metavar="N", show_default=True)


def _output_option(help: str, **attributes: Any) -> Any:
    return click.option("-o", "--output", metavar="DIR", type=PATH, help=help, **attributes)


_data_dir_option = click.option(
    "--data-dir",
    metavar="DIR",
    type=PATH,
    default=Path("data"),
    show_default=True,
    help="Directory of the splits.",
)


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
@click.option(
    "--processes",
    metavar="N",
    type=PARALLEL,
    help="Processes of solve, for batches.  [default: all cores]",
)
@click.option(
    "--threads", metavar="N", type=PARALLEL, help="Threads of TensorFlow.  [default: all cores]"
)
@_output_option("Directory of the results.", default=Path("scoreboard"), show_default=True)
def compare(output: Path, **options: Any) -> None:
    """Compare surrogates with classical methods.

    Measures errors and times on the same images, one by one and in batches: of surrogates, and of
    the best classical methods. Where TensorFlow sees a GPU, it uses it. Writes scoreboard.md,
    scoreboard.json, and a picture of error against time for each problem. The tables say which
    classical method has at most the error of the surrogate, which one takes at most its time, and
    after how many images training pays.

    \b
    Examples:
      diffkeras-benchmark compare --problem tissue --side 128
      diffkeras-benchmark compare --problem fixed_values \\
          --surrogate saved_models/quickstart --processes 1 --threads 1
    """
    from diffkeras_benchmark.comparison import compare as run_comparison
    from diffkeras_benchmark.scores import Effort

    effort = Effort(*(options.pop(key) for key in ("batch_sizes", "images", "rounds")))
    if not options["problems"]:
        del options["problems"]
    found = run_comparison(output, effort=effort, **options, show_progress=True)
    click.echo(markdown_text(found.text, whole="scoreboard.md"))
    click.echo(f"\nwritten to {found.path}")


@command()
@click.argument("name", required=False)
@click.argument("split", default="test")
@_data_dir_option
@click.option("-o", "--output", metavar="FILE", type=PATH, help="Another file for a copy, .npz.")
def data(name: str | None, split: str, data_dir: Path, output: Path | None) -> None:
    """Write splits of a public benchmark.

    Without NAME, it lists the benchmarks and splits. SPLIT is train, validation, test (the
    default), or the name of a shifted test split. It is drawn and solved here, and kept in
    data/benchmark/NAME/SPLIT.npz, which load and leaderboard read. With -o FILE, it is copied from
    there. Its inputs are checked by the published hash, and its fields by their residuals. The .npz
    holds, for each source count NN, source_images_NN, fields_NN and bounds_NN, the largest error
    that each field can have; in tissue, also its maps, such as diffusivity_NN; and name, sha256 and
    configuration, the YAML of the data for --config. A card in the format Croissant is written
    beside it. In Python, diffkeras_benchmark.load gives the same as arrays.

    \b
    Examples:
      diffkeras-benchmark data
      diffkeras-benchmark data fixed_values_64 train
      diffkeras-benchmark data fixed_values_64 edges -o edges.npz
    """
    from diffkeras_benchmark.splits import public_split

    if name is None:
        if output is not None:
            raise click.UsageError("Missing argument 'NAME'.")
        _list()
        return
    public_split(name, split)
    from diffkeras_benchmark.data import kept_file, load, write_split

    if output is None:
        load(name, split, data_dir=data_dir, show_progress=True)
        click.echo(kept_file(name, split, data_dir))
    else:
        click.echo(write_split(name, split, output, data_dir=data_dir, show_progress=True))


def _list() -> None:
    from diffkeras_benchmark.problems import PROBLEMS, SHIFTS
    from diffkeras_benchmark.splits import BENCHMARKS, public_split

    for name, (problem, side) in BENCHMARKS.items():
        test = public_split(name)
        sources = test.config().data.sources
        sizes = [
            f"{each * len(counts)} {split}"
            for split in ("train", "validation", "test")
            for counts, each in [public_split(name, split).numbers]
        ]
        say(
            f"{name}: {', '.join(sizes)} images of {side}x{side} nodes with {sources[0]} to "
            f"{sources[-1]} sources. {PROBLEMS[problem].description}\n"
            f"  SHA-256: {test.sha256}"
        )
    say("\nShifted test splits of each benchmark:")
    for name, difference in SHIFTS.items():
        say(f"  {name}: {difference}")


@command()
@click.argument("submissions", metavar="SUBMISSION...", nargs=-1, required=True, type=click.Path())
@_data_dir_option
@_output_option("Directory of the results.", required=True)
def leaderboard(submissions: tuple[str, ...], data_dir: Path, output: Path) -> None:
    """Compare models by their predictions.

    SUBMISSION is a directory with manifest.yaml and predictions BENCHMARK/SPLIT_SEED.npz, such as
    tissue_64/test_0.npz, which BenchmarkSplit.write_predictions writes in Python; or the
    leaderboard.csv of an earlier call or of somebody else. Models of any program can take part, and
    none is run here. The error of each prediction is also bounded by a proof, which takes about as
    long as a solution. Writes leaderboard.md, the tables, and leaderboard.csv, one row per split
    and model. The published rows of the same splits are in both.

    The keys of manifest.yaml are model, authors, parameters, training_seconds, training_images,
    seeds, hardware and tuning, and, where they are known, milliseconds_per_field,
    solve_milliseconds_per_field, milliseconds_in_batches, solve_milliseconds_in_batches and url.

    \b
    Example:
      diffkeras-benchmark leaderboard submissions/* -o leaderboard
    """
    from diffkeras_benchmark.leaderboard import make_leaderboard

    board = make_leaderboard(submissions, output, data_dir=data_dir, show_progress=True)
    click.echo(markdown_text(board.text, whole="leaderboard.md"))
    say(
        f"\ntables: {board.path / 'leaderboard.md'}\nThere is no server. To publish rows, send "
        f"{board.path / 'leaderboard.csv'} and the submission to the maintainers, or add the rows "
        "to diffkeras_benchmark/published.csv in a pull request."
    )


@click.group(
    cls=DiffkerasGroup,
    headings={"Commands": [data, compare, leaderboard]},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="diffkeras-benchmark")
def main() -> None:
    """Compare models of steady diffusion on public data, and with the best classical methods."""
