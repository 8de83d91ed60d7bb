"""Measure how the errors of architectures fall with the number of training examples.

    python -m benchmarks.learning_curves    # the docs' table and picture

The problem is the quickstart's (fixed values, 64² nodes), with its 500 test images. Every run makes
as many passes over its examples as that architecture in the table of `benchmarks.architectures`,
whose runs are those of all 5,000 examples. Runs that are in `--runs` aren't made again, unless they
are of another machine or other packages.
"""

from pathlib import Path

import click

from benchmarks.architectures import (
    BATCH,
    COLUMNS,
    ENCODER_DECODER,
    RUNS,
    VARIANTS,
    errors,
    problem_config,
)
from benchmarks.shared.command import PATH, PICTURES, command
from benchmarks.shared.images import drawn_images
from benchmarks.shared.print_style import PRINT_STYLE, print_axes, print_style, series_style
from benchmarks.shared.runs import trained
from benchmarks.shared.tables import describe_machine, joined, write_table
from diffkeras.data import generate
from diffkeras.reporting.figures import log_ticks
from diffkeras.system.tensorflow_setup import limit_threads
from docs.phone_figures import write_pictures

NAMES = (
    ENCODER_DECODER,
    "FNO, fixed values",
    "U-Net, fixed values",
    "no network, 4 corrections",
    "no network, 5 corrections",
)
SIZES = (250, 500, 1000, 2500, 5000)
ERROR = "lattice MAE"


def draw(cells: dict[str, list[str]], picture: Path) -> None:
    """The errors of each architecture against the number of examples."""
    figure, axes = print_axes(width=5.0, height=3.2)
    axis = axes[0, 0]
    for index, name in enumerate(NAMES):
        axis.plot(SIZES, [*map(float, cells[name])], label=name, **series_style(index))
    axis.set(xlabel="training examples", ylabel=ERROR, xscale="log", yscale="log")
    log_ticks(axis, "x")
    with print_style():
        figure.legend(loc="outside upper center", ncols=2)
    write_pictures(figure, picture, 100, PRINT_STYLE)


@command(__doc__, "learning_curves")
@click.option("--data-dir", type=PATH, default=Path("data"))
@click.option("--runs", type=PATH, default=RUNS)
@click.option(
    "--picture", type=PATH, default=PICTURES / "learning_curves.svg", help="Path of the picture."
)
def main(data_dir: Path, runs: Path, picture: Path, output: Path) -> None:
    limit_threads(1)
    base = problem_config("fixed")
    generate(base, data_dir)
    test = drawn_images(base)
    cells: dict[str, list[str]] = {name: [] for name in NAMES}
    versions: dict[str, list[str]] = {name: [] for name in NAMES}
    for size in SIZES:
        for name in NAMES:
            config = VARIANTS[name].config(base)
            config = config.with_overrides({"data.train_fraction": size / SIZES[-1]})
            run = trained(name, config, data_dir, runs)
            error, *_ = errors(run.surrogate.network_fields(test.images, batch_size=BATCH), test)
            cells[name].append(error)
            versions[name].append(run.versions)
    columns = [COLUMNS[0], *(f"{size:,} examples" for size in SIZES)]
    caption = f"{ERROR} of {len(test)} test images. {describe_machine(threads=1)}"
    rows = [[name, *cells[name]] for name in NAMES]
    write_table(rows, columns, output, caption, [*map(joined, versions.values())])
    draw(cells, picture)


if __name__ == "__main__":
    main()
