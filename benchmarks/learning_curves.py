"""Measure how the errors of architectures fall with the number of training examples.

    python -m benchmarks.learning_curves                   # the docs' table and picture
    python -m benchmarks.learning_curves --examples 250    # one column of the table again

The problem is the quickstart's (fixed values, 64² nodes), with its 500 test images. Every run makes
as many passes over its examples as that architecture in the table of `benchmarks.architectures`,
from which the errors of all 5,000 examples are taken. Cells that a call doesn't measure stay.
"""

import csv
from pathlib import Path

import click

from benchmarks.architectures import (
    COLUMNS,
    ENCODER_DECODER,
    VARIANTS,
    measure,
    problem_config,
    use_one_thread,
)
from benchmarks.shared.command import PATH, PICTURES, RESULTS, command
from benchmarks.shared.images import drawn_images
from benchmarks.shared.tables import CAPTION, joined, version, without_versions, write_table
from diffkeras.reporting.figures import log_ticks
from diffkeras.reporting.style import PRINT_STYLE, print_axes, print_style, series_style
from diffkeras.workflows import generate
from docs.phone_figures import write_pictures

NAMES = (
    ENCODER_DECODER,
    "FNO, fixed values",
    "U-Net, fixed values",
    "no network, 4 corrections",
    "no network, 5 corrections",
)
SIZES, ALL = (250, 500, 1000, 2500), 5000
ERROR = "lattice MAE"

Cells = dict[tuple[str, int], tuple[str, str]]  # error, version of diffkeras


def column(examples: int) -> str:
    """The name of a column."""
    return f"{examples:,} examples"


def read_cells(output: Path) -> Cells:
    """The errors that are known already, by architecture and number of examples."""
    cells: Cells = {}
    for file, columns in (
        (RESULTS / "architectures_fixed_64.csv", {ERROR: ALL}),
        (output.with_suffix(".csv"), {column(size): size for size in SIZES}),
    ):
        if file.exists():
            with file.open(newline="") as opened:
                for row in csv.DictReader(opened):
                    _, made_with = without_versions(row[CAPTION])
                    for name, n in columns.items():
                        cells[row[COLUMNS[0]], n] = row[name], made_with
    return {key: cell for key, cell in cells.items() if key[0] in NAMES and cell[0]}


def write(cells: Cells, caption: str, output: Path, picture: Path) -> None:
    """Write the table and the picture."""
    sizes = (*SIZES, ALL)
    rows = [[name, *(cells.get((name, size), ("",))[0] for size in sizes)] for name in NAMES]
    versions = [joined(made for key, (_, made) in cells.items() if key[0] == n) for n in NAMES]
    write_table(rows, [COLUMNS[0], *map(column, sizes)], output, caption, versions)
    figure, axes = print_axes(width=5.0, height=3.2)
    axis = axes[0, 0]
    for index, name in enumerate(NAMES):
        known = [size for size in sizes if (name, size) in cells]
        errors = [float(cells[name, size][0]) for size in known]
        axis.plot(known, errors, label=name, **series_style(index))
    axis.set(xlabel="training examples", ylabel=ERROR, xscale="log", yscale="log")
    log_ticks(axis, "x")
    with print_style():
        figure.legend(loc="outside upper center", ncols=2)
    write_pictures(figure, picture, 100, PRINT_STYLE)


@command(__doc__, "learning_curves")
@click.option("--examples", multiple=True, type=click.Choice([str(size) for size in SIZES]))
@click.option("--data-dir", type=PATH, default=Path("data"))
@click.option(
    "--picture", type=PATH, default=PICTURES / "learning_curves.svg", help="Path of the picture."
)
def main(examples: tuple[str, ...], data_dir: Path, picture: Path, output: Path) -> None:
    caption = f"{ERROR}; {use_one_thread().removeprefix('CPU time ')}"
    base = problem_config("fixed", 64)
    generate(base, data_dir)
    test = drawn_images(base)
    write(read_cells(output), caption, output, picture)
    for size in map(int, examples or SIZES):
        for name in NAMES:
            config = VARIANTS[name].config(base)
            config = config.with_overrides({"data.train_fraction": size / ALL})
            row = measure(name, config, data_dir, test)
            cells = {**read_cells(output), (name, size): (row[COLUMNS.index(ERROR)], version())}
            write(cells, caption, output, picture)


if __name__ == "__main__":
    main()
