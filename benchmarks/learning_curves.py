"""Measure how the errors of architectures fall with the number of training examples.

    python -m benchmarks.learning_curves    # the docs' table

The problem is the quickstart's (fixed values, 64² nodes), with its 500 test images. Every run makes
as many passes over its examples as that architecture in the table of `benchmarks.architectures`,
whose runs use all 5,000 examples. Runs that are in `--runs` aren't made again, unless they
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
from benchmarks.shared.command import PATH, command
from benchmarks.shared.images import drawn_images
from benchmarks.shared.runs import trained
from benchmarks.shared.tables import describe_machine, joined, write_table
from diffkeras.data import generate
from diffkeras.system.tensorflow_setup import limit_threads

NAMES = (
    ENCODER_DECODER,
    "FNO, fixed values",
    "U-Net, fixed values",
    "no network, 4 corrections",
    "no network, 5 corrections",
)
SIZES = (250, 500, 1000, 2500, 5000)
ERROR = "lattice MAE"


@command(__doc__, "learning_curves")
@click.option("--data-dir", type=PATH, default=Path("data"))
@click.option("--runs", type=PATH, default=RUNS)
def main(data_dir: Path, runs: Path, output: Path) -> None:
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
            fields = run.surrogate.fields(test.images, batch_size=BATCH, divided=True)
            error, *_ = errors(fields, test)
            cells[name].append(error)
            versions[name].append(run.versions)
    columns = [COLUMNS[0], *(f"{size:,} examples" for size in SIZES)]
    caption = f"{ERROR} of {len(test)} test images. {describe_machine(threads=1)}"
    rows = [[name, *cells[name]] for name in NAMES]
    write_table(rows, columns, output, caption, [*map(joined, versions.values())])


if __name__ == "__main__":
    main()
