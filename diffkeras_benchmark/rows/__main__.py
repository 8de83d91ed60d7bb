"""The rows of the leaderboard: networks of this package, and classical methods.

    python -m diffkeras_benchmark.rows            # fixed_values_64: 20 minutes of CPU time
    # afterwards, on a quiet machine, with the same other options: a minute
    python -m diffkeras_benchmark.rows --times
    # what learns nothing, and the shipped surrogates, on another benchmark
    python -m diffkeras_benchmark.rows --ready --benchmark tissue_64

Each network is tuned and trained for the same CPU time, by Adam on the mean absolute error, with a
learning rate that falls to 0 by a cosine. The number of steps follows from the CPU time of the
first ones. To tune a network, its widths and learning rates are tried with one seed, for equal CPU
time each; the pair with the smallest relative L2 error on the validation split is trained for all
seeds. The network that is best on the validation split is also a start for `solve`, to tolerances.

What is there isn't made again, so an interrupted command goes on. Submissions, networks and trials
are left in `--folder`, which is refused if they were made with other CPU times or settings. The
times are wall-clock times, and `--times` measures nothing else.
"""

from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from benchmarks.shared.command import PATH, command
from benchmarks.shared.tables import describe_machine, write_table
from diffkeras.reporting.text import markdown_table
from diffkeras_benchmark.leaderboard import RANKED, make_leaderboard, markdown, published_rows
from diffkeras_benchmark.rows.board import Board
from diffkeras_benchmark.rows.submissions import Submissions
from diffkeras_benchmark.submissions import Submission

FULL = "fixed_values_64"  # whose networks are trained
PUBLISHED = Path(__file__).parents[1] / "published.csv"


def write_trials(board: Board, output: Path) -> None:
    """The table of all trials."""
    table = pd.concat([pd.read_csv(board.trials_file(network)) for network in board.networks])
    fixed = [network.name for network in board.networks if not network.widths[1:]]
    rows = [
        [name, "" if name in fixed else str(width), f"{rate:g}", f"{weights:,}", f"{error:.2g}"]
        for name, width, rate, weights, error in table.itertuples(index=False)
    ]
    caption = f"{board.benchmark}, {board.trial_seconds:g} s of CPU time each; {describe_machine()}"
    columns = ["network", "width", "learning rate", "parameters", "error on `validation`"]
    output = output.with_name(f"{output.name}_trials_{board.benchmark}")
    # trials that are kept may be of earlier versions
    write_table(rows, columns, output, caption, versions=[""] * len(rows))


def write_leaderboard(submissions: Submissions, output: Path) -> None:
    """The published rows, those of other benchmarks and models included, and tables of them.

    The documentation has the tables of one benchmark, and the errors on the test splits of all.
    """
    board, kept = submissions.board, published_rows()
    folders = sorted(submissions.folder.glob("*/"))
    own = {Submission.read(folder).manifest.model for folder in folders}
    board.folder.mkdir(parents=True, exist_ok=True)
    kept = kept[(kept["benchmark"] != board.benchmark) | ~kept["model"].isin(own)]
    others = board.folder / "published_before.csv"
    kept.to_csv(others, index=False)
    places = [*folders, others]
    made = make_leaderboard(
        places, board.folder / "table", data_dir=board.data_dir, published=False
    )
    made.rows.to_csv(PUBLISHED, index=False, float_format="%.4g")
    write_tables(published_rows(), output)
    click.echo(made.text)


def write_tables(rows: pd.DataFrame, output: Path) -> None:
    """The tables of the documentation."""
    text = markdown(rows[rows["benchmark"] == FULL]).replace("## ", "### ")
    output.with_suffix(".md").write_text(text, encoding="utf-8")
    tested = rows[rows["split"] == "test"]
    names = list(dict.fromkeys(tested["benchmark"]))
    table = tested.pivot_table(RANKED, "model", "benchmark", sort=False).reindex(columns=names)
    cells = [
        [str(model), *("" if np.isnan(error) else f"{error:.2g}" for error in errors)]
        for model, errors in zip(table.index, table.to_numpy(float), strict=True)
    ]
    text = f"{markdown_table(['model', *names], cells)}\n"
    output.with_name(f"{output.name}_tests.md").write_text(text, encoding="utf-8")


@command(
    __doc__,
    "leaderboard",
    "the table, without .md; for all test splits, _tests.md; for the trials, _trials_BENCHMARK.csv",
    published=("benchmark", "ready", "times"),
)
@click.option("--benchmark", default=FULL, show_default=True)
@click.option("--ready", is_flag=True, help="Only what needs no training and isn't published.")
@click.option("--seconds", default=20.0, show_default=True, help="CPU time of each training.")
@click.option("--trial-seconds", default=5.0, show_default=True, help="CPU time of each trial.")
@click.option("--seeds", default=3, show_default=True)
@click.option("--times", is_flag=True, help="Measure the times of what is there, and nothing else.")
@click.option("--data-dir", default="data", show_default=True, type=PATH)
@click.option(
    "--folder", default="leaderboard", type=PATH, help="Of submissions, networks and trials."
)
def main(ready: bool, times: bool, output: Path, **options: Any) -> None:
    """Make submissions, and the tables of them."""
    board = Board(**options)
    submissions = Submissions(board)
    if times:
        submissions.measure_times(ready=ready)
    elif ready:
        rows = published_rows()
        there = {*rows["model"][rows["benchmark"] == board.benchmark]}
        for folder, manifest, methods in submissions.ready():
            if manifest["model"] not in there:
                submissions.add_method(folder, manifest, methods)
    else:
        for network in board.networks:
            submissions.add_network(network)
        write_trials(board, output)
        for folder, manifest, methods in submissions.methods():
            submissions.add_method(folder, manifest, methods)
    write_leaderboard(submissions, output)


if __name__ == "__main__":
    main()
