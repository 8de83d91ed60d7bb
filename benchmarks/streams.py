"""Measure examples per second of a stream, compared with reading stored examples.

    python -m benchmarks.streams                      # 64², 128² and 512²
    python -m benchmarks.streams --sides 64 --seconds 2

A stream and a dataset give the batches that training gets (`training_batches`:
source counts in turn, shuffled, on the network's scale). They are measured in turn, in the same
process and with the same batch size. The files are in the page cache. The fastest round counts.
"""

import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click
import tensorflow as tf

from benchmarks.frame import command, whole_numbers
from benchmarks.tables import describe_machine, write_table
from diffkeras.config import load_config
from diffkeras.data.reading.batches import training_batches
from diffkeras.workflows import generate

BATCH = 32
SOURCES = {64: "1-5", 128: "1-20", 512: "1-20"}
WARM_UP = 3  # batches that create the tables of the graph, or were prefetched
COLUMNS = ["nodes", "sources", "examples from", "examples [1/s]", "share of the dataset"]


def rate(batches: tf.data.Dataset, seconds: float) -> float:
    iterator = iter(batches)
    for _ in range(WARM_UP):
        next(iterator)
    start, number = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        next(iterator)
        number += BATCH
    return number / (time.perf_counter() - start)


@command(__doc__, "streams")
@click.option(
    "--sides", default="64,128,512", callback=whole_numbers, help="Nodes per side, e.g. 64,512."
)
@click.option("--seconds", default=4.0, help="Length of a round in seconds.")
@click.option("--rounds", default=3, help="Number of rounds.")
@click.option("--examples", default=16, help="Stored training examples per source count.")
def main(sides: list[int], seconds: float, rounds: int, examples: int, output: Path) -> None:
    rows = []
    for side in sides:
        sources = SOURCES.get(side, "1-5")
        config = load_config("paper", {"physics.lattice": side, "data.sources": sources})
        size = {"train": examples, "validation": 1, "test": 1}
        config = config.with_overrides(
            {f"data.{split}_examples": number for split, number in size.items()}
            | {"training.batch_size": BATCH}
        )
        configs = {
            "dataset": config,
            "stream": config.with_overrides({"data.stream": True}),
        }
        rates: dict[str, list[float]] = {name: [] for name in configs}
        with tempfile.TemporaryDirectory() as directory:
            generate(config, Path(directory))
            for _ in range(rounds):
                for name, chosen in configs.items():
                    rates[name].append(rate(training_batches(chosen, Path(directory)), seconds))
        stored = max(rates["dataset"])
        for name, found in rates.items():
            best = max(found)
            rows.append([f"{side}²", sources, name, f"{best:,.0f}", f"{best / stored:.2f}"])
            click.echo(rows[-1])
        caption = (
            f"Batches of {BATCH}, files from the page cache, fastest of {rounds} rounds of "
            f"{seconds:g} s. {describe_machine()}"
        )
        write_table(rows, COLUMNS, output, caption)


if __name__ == "__main__":
    main()
