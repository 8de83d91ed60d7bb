"""Tiny datasets for the tests of generation, and the hash of what they hold."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from diffkeras.config import Config, parse_config
from diffkeras.data.dataset import DatasetConfig
from diffkeras.data.generation import prepare_generation
from diffkeras.data.section import SPLITS

SHARD = 8  # examples, in the tests


def dataset_path(config: Config, count: int, data_dir: Path) -> Path:
    return DatasetConfig.of(count, config).path(data_dir)


def tiny_config(train: int = 40, sources: str = "2") -> Config:
    return parse_config(
        {
            "physics": {"lattice": 32},
            "data": {
                "sources": sources,
                "radius": 3,
                "train_examples": train,
                "validation_examples": 3,
                "test_examples": 9,
            },
            "model": {"depth": 2},
        }
    )


def generate_dataset(
    config: Config,
    count: int,
    data_dir: Path,
    *,
    processes: int = 1,
    on_examples: Callable[[int], None] = lambda number: None,
) -> Path:
    """Generate the dataset of one source count, and return its directory."""
    with prepare_generation(config, [count], data_dir) as generation:
        generation.run(processes, on_examples=on_examples)
    return dataset_path(config, count, data_dir)


def records_hash(path: Path) -> str:
    """A hash of all records of a dataset, in order, independent of its files."""
    digest = hashlib.sha256()
    for split in SPLITS:
        for file in sorted(path.glob(f"*-{split}.tfrecord*")):
            for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
                digest.update(split.encode() + len(record).to_bytes(8, "big") + record)
    return digest.hexdigest()


def examples_hash(path: Path) -> str:
    """A hash of all decoded examples of a dataset, in order, however its records are encoded."""
    digest = hashlib.sha256()
    builder = tfds.builder_from_directory(str(path))
    read_config = tfds.ReadConfig(interleave_cycle_length=1)
    for split in SPLITS:
        dataset = builder.as_dataset(split=split, read_config=read_config)
        for example in dataset.as_numpy_iterator():
            for array in tf.nest.flatten(example):
                digest.update(split.encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def dataset_hash(config: Config, data_dir: Path, count: int = 2) -> str:
    return records_hash(dataset_path(config, count, data_dir))


def leftovers(data_dir: Path) -> list[str]:
    return [path.name for path in data_dir.iterdir() if path.name.startswith(".")]
