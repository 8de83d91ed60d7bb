"""Measure what examples of tissues cost: solving, certifying, storing, reading, streaming.

    python -m benchmarks.tissues                       # 64², 128² and 256²
    python -m benchmarks.tissues --sides 64 --seconds 2

The examples are those of the configuration `tissue`, with as many cells per node on each lattice,
and with 3 sources per 64² nodes. One thread solves them and certifies fields of zeros; its CPU time
counts. "Uniform medium" has the same sources, and the decay between the cells
on all nodes. Batches are those that training gets (`training_batches`). The fastest round counts.
"""

import copy
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click
import numpy as np
import threadpoolctl

from benchmarks.frame import command, whole_numbers
from benchmarks.streams import BATCH, rate
from benchmarks.tables import describe_machine, write_table
from diffkeras.config import Config, load_config
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.reading.batches import training_batches
from diffkeras.data.records import compress_rows, make_record
from diffkeras.physics import Example, certify, solve
from diffkeras.workflows import generate

BASE = 64  # nodes per side that the configuration's number of cells is meant for
SOURCES = 3
TIMED = 10  # examples
COLUMNS = ["nodes", "cells", "uniform medium solved in [ms]", "tissue solved in [ms]"]
COLUMNS += ["certified in [ms]", "record [kB]", "of these, maps [kB]", "read [1/s]", "stream [1/s]"]


def configuration(side: int, examples: int) -> Config:
    """Tissues on a lattice, as many cells and sources per node as on the smallest."""
    base = load_config("tissue")
    assert base.data.tissue is not None
    times = (side // BASE) ** 2
    return base.with_overrides(
        {
            "physics.lattice": side,
            "data.sources": str(SOURCES * times),
            "data.tissue.cells": [number * times for number in base.data.tissue.cells],
            "data.train_examples": examples,
            "data.validation_examples": 1,
            "data.test_examples": 1,
            "data.cache": False,
            "training.batch_size": BATCH,
        }
    )


def milliseconds(call: Callable[[Example], object], examples: Sequence[Example]) -> float:
    """Mean CPU time of a call, in one thread."""
    with threadpoolctl.threadpool_limits(1):
        start = time.process_time()
        for example in examples:
            call(example)
    return 1e3 * (time.process_time() - start) / len(examples)


def row_of(side: int, seconds: float, rounds: int, examples: int) -> list[str]:
    """The figures of one lattice, each the best of some rounds."""
    config = configuration(side, examples)
    dataset = DatasetConfig.of(config.data.sources[0], config)
    solved = list(dataset.recipe().examples("train", range(TIMED)))
    uniform = config.physics.medium
    calls: list[Callable[[Example], object]] = [
        lambda e: solve(e.source_image, medium=uniform),
        lambda e: solve(copy.deepcopy(e.problem)),  # without what solving it computed before
        lambda e: certify(np.zeros_like(e.field), copy.deepcopy(e.problem)),
    ]
    times: list[list[float]] = []
    reading, streaming = [], []
    with tempfile.TemporaryDirectory() as directory:
        generate(config, directory)
        stream = config.with_overrides({"data.stream": True})
        for _ in range(rounds):
            times.append([milliseconds(call, solved) for call in calls])
            reading.append(rate(training_batches(config, directory), seconds))
            streaming.append(rate(training_batches(stream, directory), seconds))
    records = [len(make_record(dataset, "train", k)) for k in range(TIMED)]
    maps = [len(compress_rows(m)) for e in solved for m in e.maps.values()]
    cells = config.data.tissue.cells if config.data.tissue else (0, 0)
    return [
        f"{side}²",
        f"{cells[0]} to {cells[1]}",
        *(f"{min(column):.1f}" for column in zip(*times, strict=True)),
        f"{np.mean(records) / 1e3:.1f}",
        f"{2 * np.mean(maps) / 1e3:.1f}",
        f"{max(reading):,.0f}",
        f"{max(streaming):,.0f}",
    ]


@command(__doc__, "tissues")
@click.option(
    "--sides", default="64,128,256", callback=whole_numbers, help="Nodes per side, multiples of 64."
)
@click.option("--seconds", default=3.0, help="Length of a round in seconds.")
@click.option("--rounds", default=3, help="Number of rounds.")
@click.option("--examples", default=64, help="Stored training examples.")
def main(sides: list[int], seconds: float, rounds: int, examples: int, output: Path) -> None:
    rows = []
    for side in sides:
        rows.append(row_of(side, seconds, rounds, examples))
        click.echo(rows[-1])
    caption = (
        f"Examples of the configuration `tissue`, {SOURCES} sources per {BASE}² nodes, batches of "
        f"{BATCH}, best of {rounds} rounds. {describe_machine()}"
    )
    write_table(rows, COLUMNS, output, caption)


if __name__ == "__main__":
    main()
