"""Measure the cost of a separate medium for each example: solving, storing, reading, streaming.

    python -m benchmarks.varying_media                      # 64² and 512²
    python -m benchmarks.varying_media --sides 64 --seconds 2

Two configurations have the same sources. One has the paper's medium, the other diffusion lengths of
4 to 40 lattice steps. One core makes the records as `generate` does. Batches are those that
training gets (`training_batches`), measured in turn in the same process. The fastest round counts.
"""

import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click
import threadpoolctl

from benchmarks.frame import command, whole_numbers
from benchmarks.streams import BATCH, SOURCES, rate
from benchmarks.tables import describe_machine, write_table
from diffkeras.config import Config, load_config
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.reading.batches import training_batches
from diffkeras.data.records import make_record
from diffkeras.workflows import generate

LENGTHS = [4, 40]
RECORDS = 30  # timed records per source count
COLUMNS = ["nodes", "medium", "record made in [ms]", "records read [1/s]", "stream [1/s]"]


def milliseconds(config: Config) -> float:
    """Time to make a record, on one core."""
    datasets = [DatasetConfig.of(count, config) for count in config.data.sources]
    with threadpoolctl.threadpool_limits(1):
        for dataset in datasets:
            make_record(dataset, "train", 0)
        start = time.perf_counter()
        for dataset in datasets:
            for k in range(RECORDS):
                make_record(dataset, "train", k)
    return 1e3 * (time.perf_counter() - start) / (RECORDS * len(datasets))


@command(__doc__, "varying_media")
@click.option(
    "--sides", default="64,512", callback=whole_numbers, help="Nodes per side, e.g. 64,512."
)
@click.option("--seconds", default=3.0, help="Length of a round in seconds.")
@click.option("--rounds", default=3, help="Number of rounds.")
@click.option("--examples", default=16, help="Stored training examples per source count.")
def main(sides: list[int], seconds: float, rounds: int, examples: int, output: Path) -> None:
    rows = []
    for side in sides:
        changes = {
            "physics.lattice": side,
            "data.sources": SOURCES.get(side, "1-5"),
            "training.batch_size": BATCH,
            "data.train_examples": examples,
            "data.validation_examples": 1,
            "data.test_examples": 1,
        }
        one = load_config("paper", changes)
        media = {
            "one": one,
            "own": one.with_overrides({"data.diffusion_length": LENGTHS}),
        }
        times: dict[str, list[float]] = {}
        rates: dict[tuple[str, str], list[float]] = {}
        with tempfile.TemporaryDirectory() as directory:
            for config in media.values():
                generate(config, Path(directory))
            for _ in range(rounds):
                for name, config in media.items():
                    stream = config.with_overrides({"data.stream": True})
                    times.setdefault(name, []).append(milliseconds(config))
                    for kind, chosen in (("dataset", config), ("stream", stream)):
                        batches = training_batches(chosen, Path(directory))
                        rates.setdefault((name, kind), []).append(rate(batches, seconds))
        for name in media:
            read = [f"{max(rates[name, kind]):,.0f}" for kind in ("dataset", "stream")]
            rows.append([f"{side}²", name, f"{min(times[name]):.2f}", *read])
            click.echo(rows[-1])
    caption = (
        f"Sources {' and '.join(SOURCES.get(side, '1-5') for side in sides)}, batches of "
        f"{BATCH}, fastest of {rounds} rounds. {describe_machine()}"
    )
    write_table(rows, COLUMNS, output, caption)


if __name__ == "__main__":
    main()
