"""Examples, read from files or solved when they are needed.

TFDS reads a TFRecord file from its beginning. Here the position of each record is found once, by
the lengths in the files. Then any record can be read alone, and its checksums are verified.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.data.dataset import DatasetConfig
from diffkeras.data.records import check_records, dataset_features
from diffkeras.data.section import Split
from diffkeras.data.stored import FILE_REMEDY, Shard, check_dataset, find_records, stored_splits
from diffkeras.errors import ConfigurationError, DataError

THREADS = 16  # hide the latency of disks and networks
# AutoGraph would take seconds to look for `if` and `for` over tensors, of which there are none
without_autograph = tf.autograph.experimental.do_not_convert


@without_autograph
def raw_dataset(
    config: Config,
    count: int,
    split: Split,
    data_dir: str | Path,
    *,
    numbers: range | None = None,
    threads: int | None = None,
) -> tf.data.Dataset:
    """The examples of one source count, in order.

    A configuration with a stream needs no stored validation split: if there is none, the same
    examples are solved.

    Args:
        config: physics and numbers of examples.
        count: number of sources.
        split: train, validation or test.
        data_dir: the directory of all datasets.
        numbers: consecutive examples of the split; the others are not read. By default as many as
            the configuration asks for.
        threads: how many read and convert; by default tf.data chooses.

    Returns:
        A dataset of {"source_image": (H, W, 1), "field": (H, W, 1), "sources": {…}}, float32 on the
        linear scale. Where the diffusion length varies, it has "diffusion_length" () [length] too,
        and with tissues their maps, (H, W, 1) float32 each.

    Raises:
        ConfigurationError: training examples of a stream, which are not stored.
        DataError: see `check_dataset`.
    """
    if numbers is None:
        numbers = config.data.numbers[split]
    read = example_reader(config, [count], split, data_dir, numbers)
    positions = tf.data.Dataset.range(len(numbers))
    return with_threads(positions.map(read, num_parallel_calls=tf.data.AUTOTUNE), threads)


def example_reader(
    config: Config, counts: Sequence[int], split: Split, data_dir: str | Path, numbers: range
) -> Callable[[tf.Tensor], dict[str, Any]]:
    """A function, for the graph of a tf.data pipeline, from a position to its example.

    Position p is example p % len(numbers) of `numbers`, of source count p // len(numbers) of
    `counts`.
    """
    datasets = [DatasetConfig.of(count, config) for count in counts]
    if config.data.stream and split == "train":
        raise ConfigurationError(
            "data.stream: the training examples of a stream are not stored; choose stream: false"
        )
    exist = all(dataset.path(data_dir).exists() for dataset in datasets)
    if config.data.stream and split == "validation" and not exist:
        solve = solved_examples(datasets, split)
        return lambda p: solve(p // len(numbers), p % len(numbers) + numbers.start)
    files: list[tuple[Shard, Path, range]] = []  # with the places among its records that are read

    def offsets_in(item: tuple[Shard, Path, range]) -> NDArray[np.int64]:
        shard, file, places = item
        found, complete = find_records(file)
        if not complete or len(found) != shard.examples:
            raise DataError(f"{file} is truncated or damaged; {FILE_REMEDY}")
        return np.array(found[places.start : places.stop], np.int64)

    for dataset in datasets:
        check_dataset(config, dataset.count, data_dir, (split,))
        path = dataset.path(data_dir)
        stored = {each.name: each for each in stored_splits(path)}[split]
        if numbers.stop > stored.examples:
            raise DataError(f"{path} has {stored.examples} {split} examples, not all of {numbers}")
        for shard, file in stored.files.items():
            first = max(numbers.start, shard.first)
            stop = min(numbers.stop, shard.numbers.stop)
            if first < stop:
                files.append((shard, file, range(first - shard.first, stop - shard.first)))
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(offsets_in, files))
    paths = tf.constant([str(file) for _, file, _ in files], tf.string)
    path_of = tf.constant(np.repeat(np.arange(len(files)), [len(each) for each in found]))
    offsets = tf.constant(np.concatenate(found))
    features = dataset_features(datasets[0], any_count=len(counts) > 1)

    def read(position: tf.Tensor) -> dict[str, Any]:
        records = tf.data.experimental.from_variant(
            tf.raw_ops.TFRecordDatasetV2(
                filenames=paths[path_of[position]][None],
                byte_offsets=offsets[position][None],
                compression_type="",
                buffer_size=tf.constant(0, tf.int64),
            ),
            tf.TensorSpec((), tf.string),
        )
        example: dict[str, Any] = features.deserialize_example(records.take(1).get_single_element())
        return example

    return read


def solved_examples(
    datasets: Sequence[DatasetConfig], split: str
) -> Callable[[tf.Tensor, tf.Tensor], dict[str, Any]]:
    """A function, for the graph of a tf.data pipeline, that solves an example.

    Its arguments are the position of the dataset, and the number of the example in the split. The
    threads of tf.data solve at the same time, so iterate within `blas_threads`, as training does.
    """
    for dataset in datasets:
        dataset.recipe.example(split, 0)  # raises an error before the pipeline runs
    features = dataset_features(datasets[0], any_count=len(datasets) > 1)
    specs = tf.nest.flatten(features.get_tensor_spec())

    def make(index: int, number: int) -> list[NDArray]:
        values = tf.nest.flatten(datasets[index].example(split, int(number)))
        return [
            np.asarray(value, spec.dtype.as_numpy_dtype)
            for value, spec in zip(values, specs, strict=True)
        ]

    def solve(index: tf.Tensor, number: tf.Tensor) -> dict[str, Any]:
        types = [spec.dtype for spec in specs]
        # without state, several calls can run at once
        values = tf.numpy_function(make, [index, number], types, stateful=False)
        shaped = [tf.ensure_shape(v, spec.shape) for v, spec in zip(values, specs, strict=True)]
        example: dict[str, Any] = tf.nest.pack_sequence_as(features.get_tensor_spec(), shaped)
        return example

    return solve


@contextmanager
def explain_damage(places: Sequence[Path]) -> Iterator[None]:
    """Replace TensorFlow's error about a damaged record of datasets by one that names the file."""
    try:
        yield
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError):
        for place in filter(Path.exists, places):
            check_records(place)
        raise


def with_threads(dataset: tf.data.Dataset, threads: int | None) -> tf.data.Dataset:
    """The dataset, computed by that many threads; by default tf.data chooses."""
    if threads is None:
        return dataset
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    return dataset.with_options(options)
