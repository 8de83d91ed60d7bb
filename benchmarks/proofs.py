"""Measure what proofs cost in uniform media: against a solution, and in TensorFlow against a field.

    python -m benchmarks.proofs

The first rows are of `dk.solve` and `dk.certify`, whose field is the solution with noise of 1e-2.
Each call sets its problem up. In TensorFlow, the first surrogate is the quickstart's network on
64×64 nodes with 5 sources, without training, which hardly changes the time of `serve` and
`certified`, and the solver is for 512×512 nodes with 20 sources. Times are CPU times per image in
one thread, medians over rounds in which the functions of a group take turns. Ratios are to the
group's first row.
"""

import docs.quiet_tensorflow  # noqa: F401

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import tensorflow as tf

import diffkeras as dk
from benchmarks.shared.command import command
from benchmarks.shared.measures import cpu_medians
from benchmarks.shared.tables import describe_times, write_table
from diffkeras.graph import TensorSolver
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.saved_model import export_saved_model
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.tensorflow_setup import limit_threads

COLUMNS = ["of", "images at once", "call", "time [ms]", "ratio"]
DISCS = {64: 5, 256: 10, 512: 20}  # by the nodes of a side
NOISE, LOOSE = 1e-2, 1e-3

Calls = dict[str, Callable[[], Any]]


def bound(problem: dk.Problem, **options: Any) -> float:
    return dk.solve(problem, **options).error_bound


def solved(side: int) -> Iterator[tuple[str, Calls]]:
    """The name and the calls of each kind of source."""
    lattice, count = (side, side), DISCS[side]
    image = dk.sample_sources(count, lattice, rng=0).image(lattice, np.float64)
    problems = {
        "fixed values": dk.Problem(image),
        "production": dk.Problem(production=dk.physics.production_of(image, dk.Medium())),
    }
    noise = np.random.default_rng(0).standard_normal(lattice)
    for kind, problem in problems.items():
        prediction = dk.solve(problem).field + NOISE * noise
        yield (
            f"{kind}, {side}×{side} nodes, {count} sources",
            {
                "`solve`": partial(dk.solve, problem),
                "`solve`, its bound": partial(bound, problem),
                f"`solve` to {LOOSE:g}, its bound": partial(bound, problem, tolerance=LOOSE),
                "`certify`": partial(dk.certify, prediction, problem),
            },
        )


def saved_models(folder: Path, batch: int) -> Iterator[tuple[str, int, Calls]]:
    """Name, images at once and the three functions of each SavedModel."""
    quickstart = dk.load_config("quickstart")
    network = Surrogate(build_model(quickstart), quickstart)
    export_saved_model(network, folder / "surrogate", (64, 64))
    TensorSolver(512).export(folder / "solver")
    for name, side in (("surrogate", 64), ("solver", 512)):
        lattice, count = (side, side), DISCS[side]
        images = [dk.sample_sources(count, lattice, rng=k).image(lattice) for k in range(batch)]
        model = tf.saved_model.load(str(folder / name))
        for size in (1, batch):
            part = tf.constant(np.stack(images)[:size, ..., None], tf.float32)
            calls: Calls = {
                "`serve`": partial(model.serve, part),
                "`certified`": partial(model.certified, part),
                f"`refined` to {LOOSE:g}": partial(model.refined, part, LOOSE),
            }
            yield f"SavedModel of a {name}, {side}×{side} nodes, {count} sources", size, calls


def rows_of(name: str, size: int, calls: Calls, turns: int) -> list[list[str]]:
    medians = [1e3 * median / size for median in cpu_medians([*calls.values()], turns)]
    return [
        [name, str(size), call, f"{median:.3g}", f"{median / medians[0]:.2f}"]
        for call, median in zip(calls, medians, strict=True)
    ]


@command(__doc__, "proofs")
@click.option("--turns", default=30, help="Timed calls of each function; more on small lattices.")
@click.option("--batch", default=8, help="Images per batch.")
def main(turns: int, batch: int, output: Path) -> None:
    limit_threads(1)
    rows = []
    for side in DISCS:
        for kind, calls in solved(side):
            rows += rows_of(kind, 1, calls, turns * max(DISCS) // side)
    with tempfile.TemporaryDirectory() as folder:
        for name, size, calls in saved_models(Path(folder), batch):
            rows += rows_of(name, size, calls, turns)
    write_table(rows, COLUMNS, output, describe_times(f"the median of {turns} rounds in turns"))


if __name__ == "__main__":
    main()
