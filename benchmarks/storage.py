"""Measure bytes per example and examples read per second, for each way to store a field.

    python -m benchmarks.storage                      # 512², 20 sources
    python -m benchmarks.storage --examples 64 --rounds 3

All kinds of storage contain the same examples, written through TFDS's features. They are read in
turn, in the same process and with the same batch size, and restored to the same float32 source
images and fields. The fastest round counts. The files were just written, so they are in the page
cache, and the rates are those of the CPU. A disk can lower them to its bytes per second divided by
the bytes per example.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from benchmarks.tables import describe_machine, write_table
from diffkeras.config import Config, load_config
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.features import dataset_features, make_example
from diffkeras.data.reading.graph_fields import restore_fields
from diffkeras.data.records import serialize
from diffkeras.physics import solve

BATCH = 16
PAPER_EXAMPLES = 400_000
LEVELS = 2**16 - 1
COLUMNS = ["storage", "bytes an example", "400,000 examples [GB]", "examples read [1/s]"]
COLUMNS += ["largest error", "serialised in [ms]"]

Values = dict[str, Any]


@dataclass(frozen=True)
class Storage:
    """One kind of storage: its features, and how an example is converted to them and back."""

    name: str
    features: tfds.features.FeaturesDict
    to_record: Callable[[Values], bytes]
    restore: Callable[[Values], Values]


def storages(config: Config, count: int) -> list[Storage]:
    dense, compact = (
        dataset_features(DatasetConfig.of(count, config.with_overrides(changes)))
        for changes in ({"data.storage": "dense"}, {"data.storage": "compact"})
    )
    image = (*config.physics.lattice, 1)
    rest = {name: dense[name] for name in ("source_image", "sources")}
    zlib = tfds.features.Tensor(shape=image, dtype=np.float32, encoding=tfds.features.Encoding.ZLIB)
    png = tfds.features.Image(shape=image, dtype=np.uint16, encoding_format="png")

    def same(values: Any) -> Any:
        return values

    with_zlib = tfds.features.FeaturesDict({**rest, "field": zlib})
    with_png = tfds.features.FeaturesDict({**rest, "field": png})

    def quantized(values: Values) -> bytes:
        field = np.rint(values["field"] * LEVELS).astype(np.uint16)
        return with_png.serialize_example(values | {"field": field})

    def rescaled(example: Values) -> Values:
        return example | {"field": tf.cast(example["field"], tf.float32) / LEVELS}

    return [
        Storage("dense: float32 as it is (BYTES)", dense, serialize, same),
        Storage("dense: float32, ZLIB", with_zlib, with_zlib.serialize_example, same),
        Storage("dense: 16-bit PNG", with_png, quantized, rescaled),
        Storage("compact: ring densities", compact, serialize, restore_fields(config)),
    ]


def write_records(path: Path, records: Iterable[bytes]) -> int:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path.stat().st_size


def read(storage: Storage, path: Path) -> tf.data.Dataset:
    return (
        tf.data.TFRecordDataset(str(path))
        .map(storage.features.deserialize_example, num_parallel_calls=tf.data.AUTOTUNE)
        .map(storage.restore, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(BATCH)
        .prefetch(tf.data.AUTOTUNE)
    )


def rate(dataset: tf.data.Dataset, examples: int) -> float:
    start = time.perf_counter()
    for _ in dataset:
        pass
    return examples / (time.perf_counter() - start)


@click.command(help=__doc__.splitlines()[0])
@click.option("--side", default=512, help="Nodes per side.")
@click.option("--sources", default=20, help="Number of discs.")
@click.option("--examples", default=96, help="Examples per kind of storage.")
@click.option("--rounds", default=5, help="Number of times that each is read.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("benchmarks/results/storage"),
    help="Path of the table, without .md and .csv.",
)
def main(side: int, sources: int, examples: int, rounds: int, output: Path) -> None:
    config = load_config("paper", {"physics.lattice": side, "data.sources": sources})
    recipe = DatasetConfig.of(sources, config).recipe()
    values: dict[bool, list[Values]] = {False: [], True: []}
    truth = []
    for k in range(examples):
        truth.append(solve(recipe.example("test", k).source_image, medium=recipe.medium).field)
        for compact, storage in ((False, "dense"), (True, "compact")):
            stored = config.with_overrides({"data.storage": storage})
            values[compact].append(make_example(DatasetConfig.of(sources, stored), "test", k))
    rows: dict[str, Mapping[str, Any]] = {}
    chosen = storages(config, sources)
    with tempfile.TemporaryDirectory() as directory:
        datasets = {}
        for number, storage in enumerate(chosen):
            kept = values["densities" in storage.features]
            start = time.perf_counter()
            records = [storage.to_record(v) for v in kept]
            seconds = (time.perf_counter() - start) / examples
            path = Path(directory) / f"{number}.tfrecord"
            size = write_records(path, records) / examples
            datasets[storage.name] = read(storage, path)
            fields = np.concatenate([batch["field"] for batch in datasets[storage.name]])
            rows[storage.name] = {
                "storage": storage.name,
                "bytes an example": f"{size:,.0f}",
                "400,000 examples [GB]": f"{size * PAPER_EXAMPLES / 1e9:,.1f}",
                "largest error": f"{np.abs(fields[..., 0] - np.stack(truth)).max():.1e}",
                "serialised in [ms]": f"{1e3 * seconds:.2f}",
            }
        rates: dict[str, list[float]] = {name: [] for name in datasets}
        for _ in range(rounds):
            for name, dataset in datasets.items():
                rates[name].append(rate(dataset, examples))
    table = [
        [{**row, "examples read [1/s]": f"{max(rates[name]):,.0f}"}[column] for column in COLUMNS]
        for name, row in rows.items()
    ]
    caption = (
        f"{side}² nodes, {sources} sources, {examples} examples in batches of {BATCH}, from the "
        f"page cache, fastest of {rounds} rounds. {describe_machine()}"
    )
    write_table(table, COLUMNS, output, caption)


if __name__ == "__main__":
    main()
