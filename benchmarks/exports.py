"""Measure the size and the speed of networks exported to each format.

    python -m benchmarks.exports                      # the docs' table, some minutes
    python -m benchmarks.exports --configs quickstart

The networks have the weights that they start their training with, which change neither size nor
time. Every export is first checked against the Keras model, as by `diffkeras export`. A time is the
CPU time of a call in one thread, the median of 24 calls. The formats take turns of eight.
"""

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.shared.command import command
from benchmarks.shared.measures import TURN, cpu_seconds_in_turns
from benchmarks.shared.tables import describe_times, write_table
from diffkeras.system.tensorflow_setup import load_tensorflow

COLUMNS = [
    "network",
    "nodes",
    "format",
    "size (MB)",
    "difference from Keras",
    "one image (ms)",
    "in a batch (ms per image)",
    "batch",
]
BATCH = 16
BATCH_NODES = 2**20  # of all images of a batch together
CALLS = 24
PACKAGES = ("tensorflow", "onnxruntime")


def seconds(trial: Any, runs: list[Any], images: int) -> NDArray[np.float64]:
    """Time of each call with a number of images, the median of several, per image."""
    numbers = np.arange(images) % len(trial.fields)
    inputs = {name: value[numbers] for name, value in trial.inputs.items()}
    return np.median(cpu_seconds_in_turns(runs, [inputs] * CALLS), axis=1) / images


def measure(name: str) -> list[list[str]]:
    import diffkeras as dk
    from diffkeras.surrogates.build import build_model
    from diffkeras.surrogates.export import FORMATS, Trial, size_of
    from diffkeras.surrogates.surrogate import Surrogate

    config = dk.load_config(name)
    model = build_model(config)
    surrogate = Surrogate(model, config)
    trial = Trial.of(surrogate, surrogate.lattice)
    batch = max(1, min(BATCH, BATCH_NODES // trial.fields[0].size))
    network = f"`{name}`, {model.count_params() / 1e6:.2g} million weights"
    starts, runs = list[list[str]](), list[Any]()
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        for format in FORMATS.values():
            file = Path(place) / format.file_name
            path = stack.enter_context(format.replacing(surrogate, file, surrogate.lattice))
            runs.append(format.load(path))
            size, difference = f"{size_of(path) / 1e6:.3g}", f"{trial.difference(runs[-1]):.0e}"
            nodes = "×".join(map(str, surrogate.lattice))
            starts.append([network, nodes, format.label, size, difference])
        times = np.transpose([seconds(trial, runs, images) for images in (1, batch)])
    return [
        [*start, *(f"{1000 * value:.3g}" for value in of_format), str(batch)]
        for start, of_format in zip(starts, times, strict=True)
    ]


@command(__doc__, "exports")
@click.option("--configs", default="quickstart,benchmarks/middle.yaml", help="Names or files.")
def main(configs: str, output: Path) -> None:
    # before TensorFlow counts the cores
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    load_tensorflow()
    rows = [row for name in configs.split(",") for row in measure(name)]
    caption = describe_times(f"the median of {CALLS} calls in turns of {TURN}", PACKAGES)
    write_table(rows, COLUMNS, output, caption)


if __name__ == "__main__":
    main()
