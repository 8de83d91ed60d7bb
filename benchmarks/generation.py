"""Measure examples per second of `diffkeras generate`, compared with the solver alone.

    python -m benchmarks.generation                       # 512², 20 sources, 1 process to all cores
    python -m benchmarks.generation --processes 1,2 --examples 64

The bare solver draws sources, solves, and discards the field. `generate` also serialises, computes
checksums, writes and flushes. Each process does both in turn, shard by shard, while the other
processes do the same, so other programs on the machine affect both equally. A rate is the median
over the shards, times the number of processes. "Share" is the rate of `generate` divided by the
bare rate: that of one process, by the first row, times the number of processes, or that of as many
processes at the same time. The share by CPU time is of the second kind; it excludes other programs
and waiting for the disk. "Start" is the time until the first shard starts, in which each process
loads TensorFlow.
"""

import docs.quiet_tensorflow  # noqa: F401

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from benchmarks.shared.command import command, whole_numbers
from benchmarks.shared.tables import describe_machine, write_table
from diffkeras.config import load_config
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.shards import plan_shards
from diffkeras.data.writing.generation import estimate_example
from diffkeras.data.writing.shard_files import ShardTask, write_shard
from diffkeras.system.environment import available_cores
from diffkeras.system.process_pool import run_tasks

COLUMNS = ["processes", "bare [1/s]", "generate [1/s]", "share of n × bare"]
COLUMNS += ["share of bare in n", "share by CPU time", "MB/s", "start [s]"]
PACKAGES = ("numpy", "scipy", "tensorflow")  # of the processes


def time_shard(task: ShardTask, tick: Callable[[], None]) -> tuple[float, ...]:
    """Start time, then seconds and CPU seconds per example, bare and with `generate`."""
    begin = time.time()
    recipe = task.dataset.recipe()
    if task.shard.first == 0:
        recipe.example(task.shard.split, 0)
    begun = np.array([time.perf_counter(), time.process_time()])
    for k in task.shard.numbers:
        recipe.example(task.shard.split, k)
    solved = np.array([time.perf_counter(), time.process_time()])
    write_shard(task)
    written = np.array([time.perf_counter(), time.process_time()])
    task.path.unlink()
    number = task.shard.examples
    return begin, *((solved - begun) / number), *((written - solved) / number)


def rates(dataset: DatasetConfig, processes: int, each: int) -> tuple[float, ...]:
    """Examples per second, bare and with `generate`; share by CPU time; seconds until the start."""
    with tempfile.TemporaryDirectory() as directory:
        shards = plan_shards({"train": processes * each}, max(1, each // 10))
        tasks = [ShardTask(dataset, shard, Path(directory)) for shard in shards]
        start = time.time()
        results = np.array([result for _, result in run_tasks(time_shard, tasks, processes)])
        bare, bare_cpu, whole, whole_cpu = np.median(results[:, 1:], axis=0)
        return (
            processes / bare,
            processes / whole,
            bare_cpu / whole_cpu,
            results[:, 0].min() - start,
        )


@command(__doc__, "generation")
@click.option("--side", default=512, help="Nodes per side.")
@click.option("--sources", default=20, help="Number of discs.")
@click.option(
    "--processes",
    callback=whole_numbers,
    help="Processes, e.g. 1,2,4.  [default: powers of two up to all cores]",
)
@click.option("--examples", default=200, help="Examples per process.")
def main(side: int, sources: int, processes: list[int] | None, examples: int, output: Path) -> None:
    cores = available_cores()
    powers = {2**i for i in range(cores.bit_length()) if 2**i <= cores}
    chosen = processes or sorted(powers | {cores})
    config = load_config("paper", {"physics.lattice": side, "data.sources": sources})
    dataset = DatasetConfig.of(sources, config)
    megabytes = estimate_example(dataset).bytes / 1e6
    rows: list[list[str]] = []
    single = 0.0
    for n in chosen:
        bare, made, cpu, start = rates(dataset, n, examples)
        single = single or bare / n
        cells = [made / (n * single), made / bare, cpu, made * megabytes, start]
        rows.append([str(n), f"{bare:.1f}", f"{made:.1f}", *(f"{cell:.2f}" for cell in cells)])
        click.echo("  ".join(rows[-1]))
    caption = f"{side}², {sources} sources, {examples} examples a process, medians over shards. "
    caption += f"{describe_machine(PACKAGES)}; wall time, but for the share by CPU time"
    write_table(rows, COLUMNS, output, caption)


if __name__ == "__main__":
    main()
