"""Measure what proofs cost in SavedModels: `certified` and `refined` against `serve`.

    python -m benchmarks.proofs

The first surrogate is the quickstart's network on 64×64 nodes with 5 sources, without training,
which changes no time of `serve` and `certified`. The second one takes diffusion lengths, and is not
trained either. The third is the shipped one of tissues. The solver is that of 512×512 nodes with 20
sources. The functions are called in turn, so that other programs on the machine slow all of them.
Times are medians per image, ratios medians over the turns.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click
import numpy as np
import tensorflow as tf

import diffkeras as dk
from benchmarks.tables import describe_machine, write_table
from diffkeras.config import Config
from diffkeras.representation.network_input import MAPS
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.saved_model import export_saved_model
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.tf_solver import TensorSolver

COLUMNS = ["SavedModel", "images at once", "`serve` [ms]", "`certified` [ms]", "ratio"]
COLUMNS += ["`refined` to 1e-3 [ms]", "ratio of it"]


def export_all(folder: Path) -> Iterator[tuple[str, Any, Config | None]]:
    """Name and loaded SavedModel of each, with the configuration of a surrogate."""
    quickstart, lengths = map(dk.load_config, ("quickstart", "varying_diffusion_length"))
    surrogates = {
        "surrogate, 64×64 nodes, 5 sources": Surrogate(build_model(quickstart), quickstart),
        "the same with diffusion lengths": Surrogate(build_model(lengths), lengths),
        "the same with maps of tissues": dk.load_surrogate("tissue"),
    }
    for name, surrogate in surrogates.items():
        path = folder / name
        export_saved_model(surrogate, path, (64, 64))
        yield name, tf.saved_model.load(str(path)), surrogate.config
    TensorSolver(512).export(folder / "solver")
    yield "solver, 512×512 nodes, 20 sources", tf.saved_model.load(str(folder / "solver")), None


def inputs_of(config: Config | None, batch: int) -> list[tf.Tensor]:
    """Source images, and what a surrogate takes beside them, of a batch."""
    side, count = (512, 20) if config is None else (64, 5)
    drawn = [
        dk.sample_sources(count, (side, side), rng=k).image((side, side)) for k in range(batch)
    ]
    inputs = [np.stack(drawn)[..., None]]
    if config is not None and config.data.diffusion_length is not None:
        inputs.append(np.geomspace(*config.data.diffusion_length, batch + 2)[1:-1])
    if config is not None and config.data.tissue is not None:
        sampler, medium = config.data.tissue, config.physics.medium
        media = [sampler.sample(side, rng=k).maps(side, medium) for k in range(batch)]
        inputs += [np.stack([getattr(m, name) for m in media])[..., None] for name in MAPS]
    return [tf.constant(values, tf.float32) for values in inputs]


def times_of(functions: list[Callable[[], Any]], turns: int) -> np.ndarray:
    """Seconds of each function in each turn, (turns, functions), after one that isn't timed."""
    times = np.zeros((turns + 1, len(functions)))
    for turn in range(turns + 1):
        for k, function in enumerate(functions):
            start = time.perf_counter()
            tf.nest.map_structure(lambda tensor: tensor.numpy(), function())
            times[turn, k] = time.perf_counter() - start
    return times[1:]


@click.command(help=__doc__.splitlines()[0])
@click.option("--turns", default=30, help="Timed calls of each function.")
@click.option("--batch", default=16, help="Images per batch.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("benchmarks/results/proofs"),
    help="Path of the table, without .md and .csv.",
)
def main(turns: int, batch: int, output: Path) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, model, config in export_all(Path(folder)):
            inputs = inputs_of(config, batch)
            for size in (1, batch):
                part = [values[:size] for values in inputs]
                functions = [
                    partial(model.serve, *part),
                    partial(model.certified, *part),
                    partial(model.refined, *part, 1e-3),
                ]
                times = times_of(functions, turns)
                serve, certified, refined = 1e3 * np.median(times, axis=0) / size
                _, certified_ratio, refined_ratio = np.median(times / times[:, :1], axis=0)
                row = [name, str(size), f"{serve:.3g}", f"{certified:.3g}"]
                row += [f"{certified_ratio:.2g}", f"{refined:.3g}", f"{refined_ratio:.2g}"]
                rows.append(row)
    load = f"load average {os.getloadavg()[0]:.0f}"
    write_table(rows, COLUMNS, output, f"{describe_machine()}; {load}")


if __name__ == "__main__":
    main()
