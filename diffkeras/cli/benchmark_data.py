"""`diffkeras benchmark-data` and `diffkeras leaderboard`."""

from pathlib import Path

import click

from diffkeras.cli.options import (
    command,
    data_dir_option,
    file_option,
    path_option,
)


@command("benchmark-data")
@click.argument("name", required=False)
@click.argument("split", default="test")
@file_option("-o --output", "The file, .npz.")
def benchmark_data(name: str | None, split: str, output: Path | None) -> None:
    """Write splits of a public benchmark.

    Without NAME, it lists the benchmarks and splits. SPLIT is train, validation, test (the
    default), or the name of a shifted test split. It is drawn and solved here. Its inputs are
    checked by the published hash, and its fields by their residuals. The .npz holds, for each
    source count NN, source_images_NN, fields_NN and bounds_NN, the largest error that each field
    can have; in tissue, also its maps, such as diffusivity_NN; and name, sha256 and configuration,
    the YAML of the data for --config. A card in the format Croissant is written beside it. In
    Python, diffkeras.load_benchmark gives the same as arrays.

    \b
    Examples:
      diffkeras benchmark-data
      diffkeras benchmark-data fixed_values_64 train -o train.npz
      diffkeras benchmark-data fixed_values_64 edges -o edges.npz
    """
    from diffkeras.evaluation.benchmark_data.splits import public_split

    if name is None:
        if output is not None:
            raise click.UsageError("Missing argument 'NAME'.")
        _list()
        return
    public_split(name, split)
    if output is None:
        raise click.UsageError("Missing option '-o' / '--output'.")
    from diffkeras.workflows import write_public_split

    click.echo(write_public_split(name, split, output, show_progress=True))


def _list() -> None:
    from diffkeras.evaluation.benchmark_data.problems import PROBLEMS, SHIFTS
    from diffkeras.evaluation.benchmark_data.splits import BENCHMARKS, public_split

    for name, (problem, side) in BENCHMARKS.items():
        test = public_split(name)
        data = test.config().data
        sizes = [
            f"{each * len(counts)} {split}"
            for split in ("train", "validation", "test")
            for counts, each in [public_split(name, split).numbers]
        ]
        click.echo(
            f"{name}: {', '.join(sizes)} images of {side}x{side} nodes with {data.sources[0]} to "
            f"{data.sources[-1]} sources. {PROBLEMS[problem].description}\n"
            f"  SHA-256 of test: {test.sha256}"
        )
    click.echo("\nShifted test splits of each benchmark:")
    for name, difference in SHIFTS.items():
        click.echo(f"  {name}: {difference}")


@command()
@click.argument("submissions", metavar="SUBMISSION...", nargs=-1, required=True, type=click.Path())
@data_dir_option
@path_option("-o --output", "Directory of the results.", required=True)
def leaderboard(submissions: tuple[str, ...], data_dir: Path, output: Path) -> None:
    """Compare models by their predictions.

    SUBMISSION is a directory with manifest.yaml and predictions BENCHMARK/SPLIT_SEED.npz, such as
    tissue_64/test_0.npz, which BenchmarkSplit.write_predictions writes in Python. Models of any
    program can take part, and none is run here. The error of each prediction is also bounded by a
    proof, which takes about as long as a solution. Writes leaderboard.md, the tables, and
    leaderboard.csv, one row per model, split and seed.

    The keys of manifest.yaml are model, authors, parameters, training_seconds, training_images,
    seeds, hardware and tuning, and, where they are known, milliseconds_per_field,
    solve_milliseconds_per_field, milliseconds_in_batches, solve_milliseconds_in_batches and url.

    \b
    Example:
      diffkeras leaderboard submissions/* -o leaderboard
    """
    from diffkeras.workflows import make_leaderboard

    board = make_leaderboard(submissions, output, data_dir=data_dir, show_progress=True)
    click.echo(board.text)
    click.echo(f"table: {board.path / 'leaderboard.md'}")
