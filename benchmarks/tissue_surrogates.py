"""Surrogates of tissues: errors, and the time to a proven error, against the exact solver.

    python -m benchmarks.tissue_surrogates            # generate, train and measure

Trained on 128² nodes with 5 and 10 vessels, 100 to 400 cells and up to five regions of another
diffusivity; measured there and on 256² nodes with 20 vessels, which no network has seen. "No
network" is rounds of conjugate gradients with a multigrid cycle, which nobody trained. A proven
error is from `Surrogate.predict` with a tolerance, which solves from the prediction if needed;
for the exact solver from `solve` to this tolerance, and its field alone is solved to 1e-10. All
times are CPU times per image in one thread of TensorFlow and of BLAS, medians over 16 images, of
which all methods take turns. Images go through a network alone, or all at once.
"""

import docs.quiet_tensorflow  # noqa: F401

import statistics
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.shared.command import PATH, command
from benchmarks.shared.images import drawn_images
from benchmarks.shared.measures import cpu_seconds_in_turns
from benchmarks.shared.runs import Trained, trained
from benchmarks.shared.tables import describe_times, version, write_table
from diffkeras.config import load_config
from diffkeras.data import generate
from diffkeras.evaluation.images import ImageBatch
from diffkeras.physics import Medium, solve
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.tensorflow_setup import limit_threads

PROBLEM: dict[str, Any] = {
    "physics.lattice": 128,
    "data.sources": "5,10",
    "data.tissue.cells": [100, 400],
    "data.tissue.cell_radius": [2, 5],
    "data.train_examples": 300,
    "data.validation_examples": 16,
    "data.test_examples": 32,
    "model.width": 8,
    "model.depth": 4,
}
LARGER = {"physics.lattice": 256, "data.sources": "20", "data.tissue.cells": [400, 1600]}
U_NET = {"model.architecture": "u_net"}
TRAINED: dict[str, dict[str, Any]] = {
    "U-Net, fixed values": {**U_NET, "model.fixed_values": True, "training.epochs": 4},
    "U-Net, 1 correction": {**U_NET, "model.corrections": 1, "training.epochs": 2},
}
UNTRAINED = {
    f"no network, {k} round{'s' * (k > 1)}": {
        "model.architecture": "unrolled_cg",
        "model.corrections": k,
    }
    for k in (1, 2, 3, 4)
}
ALONE, BATCH = "alone [ms]", "in a batch [ms]"
PROVEN = {f"alone, to a proven {tolerance:g} [ms]": tolerance for tolerance in (1e-2, 1e-3)}
TIMES = [ALONE, BATCH, *PROVEN]
COLUMNS = ["nodes", "method", "training", "MAE / mean field", "largest error", *TIMES]
Calls = dict[str, Callable[[int], NDArray]]


def surrogate_calls(surrogate: Surrogate, test: ImageBatch) -> Calls:
    """What is measured of a surrogate, by the column: a number of an image → fields."""

    def field(k: int, tolerance: float | None = None) -> NDArray:
        return surrogate.predict(test.problems[k], tolerance=tolerance).field

    def batch(_: int) -> NDArray:
        return surrogate.fields(test.problems, batch_size=len(test.fields))

    proven = {column: partial(field, tolerance=t) for column, t in PROVEN.items()}
    return {ALONE: field, BATCH: batch, **proven}


def solver_calls(test: ImageBatch) -> Calls:
    """The same of the exact solver."""

    def field(k: int, tolerance: float = 1e-10) -> NDArray:
        return solve(test.problems[k], tolerance=tolerance).field

    return {ALONE: field, **{name: partial(field, tolerance=t) for name, t in PROVEN.items()}}


def mean_medium_calls(test: ImageBatch) -> Calls:
    """The same of the exact field in the mean medium."""

    def mean(medium: Medium) -> Medium:
        diffusivity = float(np.exp(np.log(np.asarray(medium.diffusivity)).mean()))
        return replace(medium, diffusivity=diffusivity, decay=float(np.mean(medium.decay)))

    def field(k: int) -> NDArray:
        problem = test.problems[k]
        return solve(problem.values, medium=mean(problem.medium)).field

    return {ALONE: field}


def measure(methods: dict[str, Calls], test: ImageBatch, timed: int) -> dict[str, list[str]]:
    """The columns of each method, from its errors on."""
    images = range(len(test.fields))
    calls = [call for of_method in methods.values() for call in of_method.values()]
    seconds = iter(cpu_seconds_in_turns(calls, images[:: max(len(images) // timed, 1)], turn=1))
    columns = {}
    for name, of_method in methods.items():
        ms = {column: 1e3 * statistics.median(next(seconds)) for column in of_method}
        if BATCH in of_method:
            fields = of_method[BATCH](0)
            ms[BATCH] /= len(images)
        else:
            fields = np.stack([of_method[ALONE](k) for k in images])
        error = np.abs(fields - test.fields)
        errors = [f"{100 * error.mean() / test.fields.mean():.2g} %", f"{error.max():.1e}"]
        times = [f"{ms[column]:.3g}" if column in ms else "" for column in TIMES]
        columns[name] = [*errors, *times]
    return columns


@command(__doc__, "tissue_surrogates")
@click.option("--data-dir", type=PATH, default=Path("data"))
@click.option("--runs", type=PATH, default=Path("saved_models/tissue"))
@click.option("--timed", default=16, help="Images that are timed one by one.")
def main(data_dir: Path, runs: Path, timed: int, output: Path) -> None:
    limit_threads(1)
    base = load_config("tissue").with_overrides(PROBLEM)
    generate(base, data_dir)
    surrogates: dict[str, Trained] = {}
    for name, change in UNTRAINED.items():
        config = base.with_overrides(change)
        surrogates[name] = Trained(Surrogate(build_model(config), config), "none", version())
    for name, change in TRAINED.items():
        surrogates[name] = trained(name, base.with_overrides(change), data_dir, runs)
    rows, about, versions = [], [], []
    for config, number in ((base, 64), (base.with_overrides(LARGER), 16)):
        test = drawn_images(config, number // len(config.data.sources))
        side = f"{config.physics.lattice[0]}²"
        vessels = " or ".join(map(str, config.data.sources))
        about.append(f"{vessels} vessels on {side} nodes ({number} images)")
        methods = {"exact solver": solver_calls(test), "mean medium": mean_medium_calls(test)}
        for name, (surrogate, *_) in surrogates.items():
            methods[name] = surrogate_calls(surrogate, test)
        for name, cells in measure(methods, test, timed).items():
            run = surrogates.get(name)
            rows.append([side, name, run.seconds if run else "none", *cells])
            versions.append(run.versions if run else version())
    times = describe_times(f"the median of {timed} images in turns, of training once")
    write_table(rows, COLUMNS, output, f"Tissues with {' and '.join(about)}. {times}", versions)


if __name__ == "__main__":
    main()
