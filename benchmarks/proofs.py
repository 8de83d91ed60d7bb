"""Measure what proofs cost in TensorFlow: `certified` and `refined` against a field.

    python -m benchmarks.proofs

The first surrogate is the quickstart's network on 64×64 nodes with 5 sources, without training,
which hardly changes the time of `serve` and `certified`. The solver is for 512×512 nodes with 20
sources. Times are CPU times per image in one thread, medians over rounds in which the three
functions take turns.
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

COLUMNS = ["", "images at once", "field [ms]", "`certified` [ms]", "ratio"]
COLUMNS += ["`refined` to 1e-3 [ms]", "ratio of it"]

Calls = list[Callable[[], Any]]


def saved_models(folder: Path, batch: int) -> Iterator[tuple[str, int, Calls]]:
    """Name, images at once and the three functions of each SavedModel."""
    quickstart = dk.load_config("quickstart")
    network = Surrogate(build_model(quickstart), quickstart)
    export_saved_model(network, folder / "surrogate", (64, 64))
    TensorSolver(512).export(folder / "solver")
    for name, count, side in (("surrogate", 5, 64), ("solver", 20, 512)):
        lattice = (side, side)
        images = [dk.sample_sources(count, lattice, rng=k).image(lattice) for k in range(batch)]
        model = tf.saved_model.load(str(folder / name))
        for size in (1, batch):
            part = tf.constant(np.stack(images)[:size, ..., None], tf.float32)
            calls: Calls = [
                partial(model.serve, part),
                partial(model.certified, part),
                partial(model.refined, part, 1e-3),
            ]
            yield f"{name}, {side}×{side} nodes, {count} sources", size, calls


@command(__doc__, "proofs")
@click.option("--turns", default=30, help="Timed calls of each function.")
@click.option("--batch", default=8, help="Images per batch.")
def main(turns: int, batch: int, output: Path) -> None:
    limit_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, size, functions in saved_models(Path(folder), batch):
            medians = cpu_medians(functions, turns)
            field, certified, refined = (1e3 * median / size for median in medians)
            row = [name, str(size), f"{field:.3g}", f"{certified:.3g}", f"{certified / field:.2g}"]
            rows.append([*row, f"{refined:.3g}", f"{refined / field:.2g}"])
    write_table(rows, COLUMNS, output, describe_times(f"the median of {turns} rounds in turns"))


if __name__ == "__main__":
    main()
