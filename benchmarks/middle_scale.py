"""Compare the middle scale (128²) with the paper's (512²): the fields' regions, and the cost.

    python -m benchmarks.middle_scale                  # some minutes
    python -m benchmarks.middle_scale --examples 400   # shares of the regions with a smaller error

The first table has the shares of the lattice in the regions R1 to R3, means over training examples
of the configurations at both scales. In the second table, the size on the disk and the times of
generation and of a training step are measured; times are CPU times, which other programs on the
machine hardly change. Operations are counted: two for each multiplication of the convolutions, of
one image forward, as if computed directly. Training takes about three times as many. The work of a
run is that of all training examples in all epochs.
"""

import docs.quiet_tensorflow  # noqa: F401

import tempfile
from pathlib import Path

import click
import numpy as np

from benchmarks.shared.command import command
from benchmarks.shared.measures import cpu_seconds, cpu_turns
from benchmarks.shared.tables import describe_times, write_table
from benchmarks.two_readings import REGIONS, shares
from diffkeras.config import Config, load_config
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.shards import plan_shards
from diffkeras.data.writing.shard_files import ShardTask, write_shard
from diffkeras.system.tensorflow_setup import limit_threads

COUNTS = (1, 5, 10, 20)
SCALES = ("middle", "paper", "middle_production", "paper_production")
SHARES = ["configuration", "n", "sources", *REGIONS.values()]
COSTS = ["configuration", "parameters", "GFLOP an image", "examples a run", "PFLOP a run"]
COSTS += ["training [CPU ms per image]", "generating 1,000 [CPU s]"]
COSTS += ["bytes an example", "dataset [GB]"]


def region_shares(config: Config, count: int, examples: int) -> list[str]:
    """Mean shares of the lattice that sources and the regions take."""
    recipe = config.kind.recipe(count)
    found = [
        ((example.source_image > 0).mean(), *shares(example))
        for example in recipe.examples("train", range(examples))
    ]
    return [f"{share:.4f}" for share in np.mean(found, axis=0)]


def operations(config: Config) -> tuple[int, int]:
    """Trainable parameters, and operations of the convolutions for one image."""
    from diffkeras import nn

    model = nn.encoder_decoder(width=config.model.width, depth=config.model.depth)
    side, total = config.physics.lattice[0], 0
    for layer in model.layers:
        if type(layer).__name__ == "AveragePooling2D":
            side //= 2
        elif type(layer).__name__ == "UpsampledConv3x3":
            side *= 2
        kernels = (v.shape for v in layer.trainable_variables if len(v.shape) == 4)
        total += sum(2 * int(np.prod(shape)) * side**2 for shape in kernels)
    parameters = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    return parameters, total


def generation(config: Config, count: int, examples: int) -> tuple[float, float]:
    """CPU seconds and bytes an example, by one process that solves, serialises and writes."""
    dataset = DatasetConfig.of(count, config)
    dataset.recipe().example("test", 0)  # tables of the solver
    with tempfile.TemporaryDirectory() as directory:
        (shard,) = plan_shards({"train": examples}, examples)
        task = ShardTask(dataset, shard, Path(directory))
        seconds = cpu_seconds(lambda: write_shard(task))
        return seconds / examples, task.path.stat().st_size / examples


def training_step(config: Config, steps: int) -> float:
    """CPU seconds of a training step: the fastest of some, after one that isn't timed."""
    from diffkeras.training.batches import TrainingBatches
    from diffkeras.training.compiled_model import compile_model
    from diffkeras.training.process_group import join_process_group
    from diffkeras.workflows import generate

    batch = config.training.batch_size
    sizes = {"data.train_examples": batch, "data.validation_examples": 1, "data.test_examples": 1}
    few = config.with_overrides({"data.sources": "10", **sizes})
    with tempfile.TemporaryDirectory() as directory:
        generate(few, Path(directory))
        group = join_process_group()
        batches = TrainingBatches(few, Path(directory), group)
        x, y = next(iter(batches.training(0, 0)))
    model = compile_model(few, group, 1000).model
    (seconds,) = cpu_turns([lambda: model.train_on_batch(x, y)], steps)
    return min(seconds)


def costs(name: str, examples: int, steps: int) -> list[str]:
    """A row of the table of costs."""
    config = load_config(name)
    data = config.data
    parameters, flop = operations(config)
    passes = data.train_examples_used * len(data.sources)
    work = 3 * flop * passes * config.training.epochs
    made = [generation(config, count, examples) for count in COUNTS]
    seconds, size = np.mean(made, axis=0)
    stored = len(data.sources) * sum(
        data.examples(split) for split in ("train", "validation", "test")
    )
    step = training_step(config, steps) / config.training.batch_size
    cells = [f"{parameters:,}", f"{flop / 1e9:.2f}", f"{passes:,}", f"{work / 1e15:,.0f}"]
    cells += [f"{1e3 * step:.1f}", f"{1e3 * seconds:.1f}", f"{size:,.0f}"]
    return [name, *cells, f"{size * stored / 1e9:.1f}"]


@command(__doc__, "middle_scale", "the tables, without _regions, _cost, .md and .csv")
@click.option("--examples", default=200, help="Examples per source count.")
@click.option("--steps", default=5, help="Training steps; the fastest counts.")
@click.option("--threads", default=1, help="Threads of the training step.")
def main(examples: int, steps: int, threads: int, output: Path) -> None:
    limit_threads(threads)
    rows = [
        [name, str(count), *region_shares(load_config(name), count, examples)]
        for count in COUNTS
        for name in SCALES
    ]
    caption = f"Shares of the lattice, means over {examples} training examples of each n"
    write_table(rows, SHARES, output.with_name(f"{output.name}_regions"), caption)
    rows = [costs(name, examples, steps) for name in ("middle", "middle_production")]
    caption = f"Generating and bytes: n = {', '.join(map(str, COUNTS))} in equal parts"
    caption += f". {describe_times(f'of a training step the fastest of {steps}', threads=threads)}"
    write_table(rows, COSTS, output.with_name(f"{output.name}_cost"), caption)


if __name__ == "__main__":
    main()
