"""Measure what examples cost before training: solving, storing, reading and streaming them.

    python -m benchmarks.pipeline                      # all tables
    python -m benchmarks.pipeline --only tissues --sides 64 --seconds 2

There are three kinds of examples. Streams: of the paper's problem, read from a dataset or
solved on the fly. Media: the same with one medium, or with diffusion lengths of 4 to 40 lattice
steps. Tissues: of the configuration `tissue`, with as many cells per node on each lattice,
and with 3 sources per 64² nodes; "uniform medium" has the same sources, and the decay between the
cells on all nodes.

Rates are of the batches that training gets (`training_batches`: source counts in turn,
shuffled, on the network's scale); what a table compares is measured in turn, in one process. The
times of one example are CPU times of one thread. `certify` gets fields of zeros. The fastest round
counts.
"""

import docs.quiet_tensorflow  # noqa: F401

import copy
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import click
import numpy as np
import tensorflow as tf
from threadpoolctl import threadpool_limits

from benchmarks.shared.command import command, whole_numbers
from benchmarks.shared.measures import cpu_seconds
from benchmarks.shared.tables import describe_machine, write_table
from diffkeras.config import Config, load_config
from diffkeras.data import generate
from diffkeras.data.batches import training_batches
from diffkeras.data.dataset import DatasetConfig
from diffkeras.data.records import compress_rows, make_record
from diffkeras.physics import Example, certify, solve

BATCH = 32
WARM_UP = 3  # batches that create the tables of the graph, or were prefetched
TIMED = 10  # examples of each source count
BASE, SOURCES = 64, 3  # nodes per side that the cells of `tissue` are meant for; sources on these
LENGTHS = [4, 40]


class Examples:
    """The first training examples of a configuration."""

    def __init__(self, config: Config) -> None:
        self.medium = config.physics.medium
        self.datasets = [DatasetConfig.of(count, config) for count in config.data.sources]

    @cached_property
    def solved(self) -> list[Example]:
        """The examples of the first source count."""
        return list(self.datasets[0].recipe.examples("train", range(TIMED)))

    @property
    def records(self) -> list[bytes]:
        """The first examples of all source counts, solved again, as they are stored."""
        return [make_record(data, "train", k) for data in self.datasets for k in range(TIMED)]

    def milliseconds(self, call: Callable[[Example], object]) -> float:
        """CPU time of a call, in one thread, the mean over the examples."""
        solved = copy.deepcopy(self.solved)  # without what solving them computed before
        with threadpool_limits(1):
            return 1e3 * cpu_seconds(lambda: [call(example) for example in solved]) / TIMED

    @property
    def record_milliseconds(self) -> float:
        """CPU time of an example's record, in one thread."""
        with threadpool_limits(1):
            return 1e3 * cpu_seconds(lambda: self.records) / TIMED / len(self.datasets)


def kilobytes(records: Iterable[bytes]) -> float:
    """Mean size."""
    return float(np.mean([len(record) for record in records])) / 1e3


def rate(batches: tf.data.Dataset, seconds: float) -> float:
    """Examples per second."""
    iterator = iter(batches)
    for _ in range(WARM_UP):
        next(iterator)
    start, number = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        next(iterator)
        number += BATCH
    return number / (time.perf_counter() - start)


def of_one_medium(side: int) -> Config:
    """The paper's problem on another lattice."""
    sources = "1-5" if side <= BASE else "1-20"
    return load_config("paper", {"physics.lattice": side, "data.sources": sources})


def streams(side: int) -> dict[str, Config]:
    config = of_one_medium(side)
    return {f"{config.data.sources[0]} to {config.data.sources[-1]}": config}


def media(side: int) -> dict[str, Config]:
    one = of_one_medium(side)
    return {"one": one, "own": one.with_overrides({"data.diffusion_length": LENGTHS})}


def tissue_configs(side: int) -> dict[str, Config]:
    base, times = load_config("tissue"), (side // BASE) ** 2
    assert base.data.tissue is not None
    low, high = (number * times for number in base.data.tissue.cells)
    changes = {"physics.lattice": side, "data.sources": str(SOURCES * times)}
    changes |= {"data.tissue.cells": [low, high]}
    return {f"{low} to {high}": base.with_overrides(changes)}


@dataclass(frozen=True)
class Recipe:
    """What is measured of one kind of examples.

    Attributes:
        about: the examples, for the line above the table.
        configs: nodes per side → what `column` says of them → configuration.
        column: what distinguishes examples on the same lattice.
        sides: nodes per side.
        examples: training examples in the dataset, per source count.
        figures: columns of figures that each round measures; the least one counts.
        digits: of these figures.
        reads: whether reading is measured, too, and not only streaming.
    """

    about: str
    configs: Callable[[int], dict[str, Config]]
    column: str
    sides: tuple[int, ...]
    examples: int = 16
    figures: Mapping[str, Callable[[Examples], float]] = field(default_factory=dict)
    digits: int = 1
    reads: bool = True

    @property
    def columns(self) -> list[str]:
        rates = ["read [1/s]", "stream [1/s]", "stream / read"] if self.reads else ["stream [1/s]"]
        return ["nodes", self.column, *self.figures, *rates]


RECIPES = {
    "streams": Recipe("Fixed values in one medium", streams, "sources", (64, 128, 512)),
    "media": Recipe(
        "1 to 5 sources on 64² nodes, 1 to 20 on others",
        media,
        "medium",
        (64, 512),
        figures={"record made in [ms]": lambda examples: examples.record_milliseconds},
        digits=2,
        reads=False,  # a stored medium is a number more in each record
    ),
    "tissues": Recipe(
        f"Examples of the configuration `tissue`, {SOURCES} sources per {BASE}² nodes",
        tissue_configs,
        "cells",
        (64, 128, 256),
        64,
        {
            "uniform medium solved in [ms]": lambda examples: examples.milliseconds(
                lambda e: solve(e.source_image, medium=examples.medium)
            ),
            "tissue solved in [ms]": lambda examples: examples.milliseconds(
                lambda e: solve(e.problem)
            ),
            "certified in [ms]": lambda examples: examples.milliseconds(
                lambda e: certify(np.zeros_like(e.field), e.problem)
            ),
            "record [kB]": lambda examples: kilobytes(examples.records),
            "of these, maps [kB]": lambda examples: kilobytes(
                b"".join(map(compress_rows, e.maps.values())) for e in examples.solved
            ),
        },
    ),
}


def rows_of(recipe: Recipe, side: int, seconds: float, rounds: int, number: int) -> list[list[str]]:
    small = {"data.train_examples": number, "data.validation_examples": 1, "data.test_examples": 1}
    small |= {"data.cache": False, "training.batch_size": BATCH}
    configs = {name: c.with_overrides(small) for name, c in recipe.configs(side).items()}
    examples = {name: Examples(config) for name, config in configs.items()}
    found: dict[str, list[tuple[list[float], list[float]]]] = {name: [] for name in configs}
    with tempfile.TemporaryDirectory() as directory:
        for config in configs.values():
            generate(config, directory)
        for _ in range(rounds):
            for name, config in configs.items():
                ways = [config] if recipe.reads else []
                ways.append(config.with_overrides({"data.stream": True}))
                rates = [rate(training_batches(way, directory), seconds) for way in ways]
                figures = [measure(examples[name]) for measure in recipe.figures.values()]
                found[name].append((figures, rates))
    rows = []
    for name, measured in found.items():
        least = np.min([figures for figures, _ in measured], axis=0)
        most = np.max([rates for _, rates in measured], axis=0)
        cells = [f"{figure:.{recipe.digits}f}" for figure in least]
        cells += [f"{each:,.0f}" for each in most]
        share = [f"{most[1] / most[0]:.2f}"] if recipe.reads else []
        rows.append([f"{side}²", name, *cells, *share])
        click.echo("  ".join(rows[-1]))
    return rows


@command(
    __doc__,
    "pipeline",
    "the tables, without _streams, _media or _tissues, and .csv",
    published=("only",),
)
@click.option("--only", type=click.Choice(list(RECIPES)), help="One of the tables.")
@click.option("--sides", callback=whole_numbers, help="Nodes per side, multiples of 64: 64,512.")
@click.option("--seconds", default=3.0, help="Length of a round in seconds.")
@click.option("--rounds", default=3, help="Number of rounds.")
@click.option("--examples", type=int, help="Stored training examples per source count.")
def main(
    only: str | None,
    sides: list[int] | None,
    seconds: float,
    rounds: int,
    examples: int | None,
    output: Path,
) -> None:
    for name, recipe in RECIPES.items():
        if only in (None, name):
            rows = [
                row
                for side in sides or recipe.sides
                for row in rows_of(recipe, side, seconds, rounds, examples or recipe.examples)
            ]
            about = [recipe.about, f"batches of {BATCH}"]
            about += ["files from the page cache"] * recipe.reads
            about += [f"fastest of {rounds} rounds of {seconds:g} s. {describe_machine()}"]
            write_table(
                rows, recipe.columns, output.with_name(f"{output.name}_{name}"), ", ".join(about)
            )


if __name__ == "__main__":
    main()
