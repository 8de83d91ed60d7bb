"""Measure the size and the speed of networks exported to each format.

    python -m benchmarks.exports                      # the docs' table, some minutes
    python -m benchmarks.exports --configs quickstart

The networks have the weights that they start their training with, which change neither size nor
time. Every export is first checked against the Keras model, as by `diffkeras export`. A time is the
CPU time of a call on one core, the median of 3 to 50 calls, which other programs hardly change.
"""

import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.shared.command import command
from benchmarks.shared.measures import cpu_turns
from benchmarks.shared.tables import describe_machine, write_table
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
SECONDS, REPEATS = 0.5, (3, 50)  # time and number of the timed calls
PACKAGES = ("tensorflow", "ai-edge-litert", "onnxruntime")


def seconds(trial: Any, run: Any, images: int) -> float:
    """Time of a call with a number of images, the median of several, per image."""
    numbers = np.arange(images) % len(trial.fields)
    inputs = {name: value[numbers] for name, value in trial.inputs.items()}
    run(inputs)  # the first call allocates
    least, most = REPEATS
    [times] = cpu_turns([lambda: run(inputs)], most, SECONDS, least)
    return statistics.median(times) / images


def measure(name: str) -> list[list[str]]:
    """Rows of the table for the network of a configuration."""
    import diffkeras as dk
    from diffkeras.surrogates.build import build_model
    from diffkeras.surrogates.exports import FORMATS
    from diffkeras.surrogates.exports.trial import Trial
    from diffkeras.surrogates.surrogate import Surrogate
    from diffkeras.workflows.export_run import size_of

    config = dk.load_config(name)
    model = build_model(config)
    surrogate = Surrogate(model, config)
    trial = Trial.of(surrogate, surrogate.lattice)
    rows = []
    for format in FORMATS.values():
        with (
            tempfile.TemporaryDirectory() as place,
            format.writing(surrogate, Path(place) / format.file_name, surrogate.lattice) as path,
        ):
            run = format.load(path)
            difference, size = trial.difference(run), size_of(path)
            batch = max(1, min(BATCH, BATCH_NODES // trial.fields[0].size))
            times = [seconds(trial, run, images) for images in (1, batch)]
        rows.append(
            [
                f"`{name}`, {model.count_params() / 1e6:.2g} million weights",
                "×".join(map(str, surrogate.lattice)),
                format.label,
                f"{size / 1e6:.3g}",
                f"{difference:.0e}",
                *(f"{1000 * value:.3g}" for value in times),
                str(batch),
            ]
        )
    return rows


@command(__doc__, "exports")
@click.option("--configs", default="quickstart,middle", help="Names of configurations.")
def main(configs: str, output: Path) -> None:
    # before TensorFlow counts the cores
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    load_tensorflow()
    rows = [row for name in configs.split(",") for row in measure(name)]
    write_table(rows, COLUMNS, output, describe_machine(PACKAGES, used="one core"))


if __name__ == "__main__":
    main()
