"""Measure what proofs cost in TensorFlow: `certified` and `refined` against a field.

    python -m benchmarks.proofs

The first surrogate is the quickstart's network on 64×64 nodes with 5 sources, without training,
which changes no time of `serve` and `certified`. The second one is the shipped one of tissues. The
SavedModel of the solver is that of 512×512 nodes with 20 sources. The last rows are `TensorSolver`
in tissues of 256×256 nodes: a solution to 1e-6, the certificate of a field that is 1e-2 wrong, and
a solution from that field to 1e-3. Times are CPU times per image in one thread, medians over rounds
in which the three functions take turns.
"""

import docs.quiet_tensorflow  # noqa: F401

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import click
import numpy as np
import tensorflow as tf

import diffkeras as dk
from benchmarks.shared.command import command
from benchmarks.shared.measures import cpu_medians
from benchmarks.shared.tables import describe_times, write_table
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.saved_model import export_saved_model
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.tensorflow_setup import limit_threads
from diffkeras.tf_solver import TensorSolver

COLUMNS = ["", "images at once", "field [ms]", "`certified` [ms]", "ratio"]
COLUMNS += ["`refined` to 1e-3 [ms]", "ratio of it"]
TISSUE = 256
NAMES = {
    "network": "surrogate, 64×64 nodes, 5 sources",
    "tissue": "shipped `tissue`, 64×64 nodes, 5 sources",
    "solver": "solver, 512×512 nodes, 20 sources",
    "tensor": "`TensorSolver`, tissues of 256×256 nodes",
}


Calls = list[Callable[[], Any]]


def saved_models(folder: Path, batch: int) -> Iterator[tuple[str, int, Calls]]:
    """Name, images at once and the three functions of each SavedModel."""
    quickstart, tissue = dk.load_config("quickstart"), dk.load_surrogate("tissue")
    network = Surrogate(build_model(quickstart), quickstart)
    export_saved_model(network, folder / "network", (64, 64))
    export_saved_model(tissue, folder / "tissue", (64, 64))
    TensorSolver(512).export(folder / "solver")
    images, maps = tissue_inputs(64, batch)
    large = [dk.sample_sources(20, (512, 512), rng=k).image((512, 512)) for k in range(batch)]
    for name, inputs in {
        "network": [images],
        "tissue": [images, *(maps[name] for name in tissue.maps)],
        "solver": [np.stack(large)],
    }.items():
        model = tf.saved_model.load(str(folder / name))
        for size in (1, batch):
            part = [tf.constant(values[:size, ..., None], tf.float32) for values in inputs]
            yield (
                NAMES[name],
                size,
                [
                    partial(model.serve, *part),
                    partial(model.certified, *part),
                    partial(model.refined, *part, 1e-3),
                ],
            )


def solver_in_tissues(batch: int) -> Iterator[tuple[str, int, Calls]]:
    """The same of `TensorSolver`, in graphs."""
    images, maps = tissue_inputs(TISSUE, batch)
    solver = TensorSolver(TISSUE)
    solve = tf.function(solver.solve, autograph=False)
    certify = tf.function(solver.certify, autograph=False)
    for size in (1, batch):
        given = {name: tf.constant(values[:size], tf.float32) for name, values in maps.items()}
        given["source_images"] = tf.constant(images[:size], tf.float32)
        cold = partial(solve, tolerance=tf.constant(1e-6), **given)
        exact = cold().field
        wave = np.cos(np.arange(TISSUE) / 20)
        start = exact * tf.constant(1 + 1e-2 * np.outer(wave, wave), tf.float32)
        warm = partial(solve, initial=start, tolerance=tf.constant(1e-3), **given)
        yield NAMES["tensor"], size, [cold, partial(certify, start, **given), warm]


def tissue_inputs(side: int, batch: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Source images of 5 sources, and the maps of tissues."""
    sampler, medium = dk.physics.TissueSampler(), dk.Medium()
    images = [dk.sample_sources(5, (side, side), rng=k).image((side, side)) for k in range(batch)]
    drawn = [sampler.sample(side, rng=k).maps(side, medium) for k in range(batch)]
    return np.stack(images), {name: np.stack([maps[name] for maps in drawn]) for name in drawn[0]}


@command(__doc__, "proofs")
@click.option("--turns", default=30, help="Timed calls of each function.")
@click.option("--batch", default=8, help="Images per batch.")
def main(turns: int, batch: int, output: Path) -> None:
    limit_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, size, functions in chain(
            saved_models(Path(folder), batch), solver_in_tissues(min(batch, 4))
        ):
            medians = cpu_medians(functions, turns)
            field, certified, refined = (1e3 * median / size for median in medians)
            row = [name, str(size), f"{field:.3g}", f"{certified:.3g}", f"{certified / field:.2g}"]
            rows.append([*row, f"{refined:.3g}", f"{refined / field:.2g}"])
    write_table(rows, COLUMNS, output, describe_times(f"the median of {turns} rounds in turns"))


if __name__ == "__main__":
    main()
