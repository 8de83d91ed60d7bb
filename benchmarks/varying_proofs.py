"""Measure the cost of proofs in media that vary, as shares of the exact solution's time.

    python -m benchmarks.varying_proofs               # 128² and 256²

The medium is a tissue: cells on 30 % of the nodes take up fifty times as much as the rest. Its
diffusivity is 1, or 1 in one half and 0.2 in the other ("layers"). Fixed discs are vessels.
Predictions are the exact field with smooth errors of several sizes. All times are medians of rounds
in one process and on one thread, in which every method has its turn.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks.tables import describe_machine, write_table
from diffkeras.physics import Medium, certify, refine, sample_sources, solve

ERRORS = (1e-1, 1e-2, 1e-3)  # largest error of a prediction, relative to the largest value
TOLERANCES = (1e-2, 1e-3, 1e-6)
COLUMNS = ["nodes", "medium", "what", "prediction's error", "proven bound", "time / solve's"]


def tissue(lattice: tuple[int, int], layers: bool) -> Medium:
    """Cells that take up, in one or two layers."""
    rng = np.random.default_rng(1)
    upper = np.indices(lattice)[0] < lattice[0] // 2
    return Medium(
        diffusivity=np.where(upper, 1.0, 0.2) if layers else 1.0,
        decay=np.where(rng.random(lattice) < 0.3, 0.05, 1e-3),
        boundary="reflecting",
    )


def predictions(field: np.ndarray) -> dict[float, np.ndarray]:
    """Predictions by the size of their smooth error."""
    smooth = gaussian_filter(np.random.default_rng(2).standard_normal(field.shape), 4.0)
    return {size: field + size * smooth / abs(smooth).max() for size in ERRORS}


def seconds(calls: list[Callable[[], object]], rounds: int) -> list[float]:
    """The median time of each call, of rounds in which each has its turn."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for each, call in zip(times, calls, strict=True):
            start = time.perf_counter()
            call()
            each.append(time.perf_counter() - start)
    return [statistics.median(each) for each in times]


def rows_of(side: int, layers: bool, rounds: int) -> list[list[str]]:
    """The rows of one lattice and medium."""
    lattice = (side, side)
    medium = tissue(lattice, layers)
    image = sample_sources(side // 16, lattice, rng=0).image(lattice, np.float64)
    field = solve(image, medium=medium, tolerance=1e-12).field
    calls: list[Callable[[], object]] = []
    rows = []
    for tolerance in TOLERANCES:
        calls.append(partial(solve, image, medium=medium, tolerance=tolerance))
        rows.append([f"solve to {tolerance:g}", "", f"{calls[-1]().stats.residual:.1e}"])
    for size, prediction in predictions(field).items():
        calls.append(partial(certify, prediction, image, medium=medium))
        rows.append(["certify", f"{size:g}", f"{calls[-1]().prediction_bound:.1e}"])
        for tolerance in TOLERANCES:
            calls.append(partial(refine, prediction, image, medium=medium, tolerance=tolerance))
            bound = calls[-1]().error_bound
            rows.append([f"refine to {tolerance:g}", f"{size:g}", f"{bound:.1e}"])
    took = seconds(calls, rounds)
    solved = took[len(TOLERANCES) - 1]
    name = "layers" if layers else "uniform D"
    click.echo(f"{side}², {name}: solve to {TOLERANCES[-1]:g} takes {1e3 * solved:.0f} ms")
    return [
        [f"{side}²", name, *row, f"{time / solved:.2f}"]
        for row, time in zip(rows, took, strict=True)
    ]


@click.command(help=__doc__.splitlines()[0])
@click.option("--sides", default="128,256", help="Nodes per side, e.g. 128,256.")
@click.option("--rounds", default=5, help="Number of rounds.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("benchmarks/results/varying_proofs"),
    help="Path of the table, without .md and .csv.",
)
def main(sides: str, rounds: int, output: Path) -> None:
    rows = []
    for side in map(int, sides.split(",")):
        for layers in (False, True):
            rows += rows_of(side, layers, rounds)
    caption = (
        f"Cells that take up on 30 % of the nodes, side/16 vessels; time relative to a solution to "
        f"a proven {TOLERANCES[-1]:g}; median of {rounds} rounds. {describe_machine()}"
    )
    write_table(rows, COLUMNS, output, caption)


if __name__ == "__main__":
    main()
