"""tf.data pipelines: the chosen source counts mixed, shuffled, batched, on the network's scale."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from diffkeras.config import Config, Split
from diffkeras.data.reading.compact import restored
from diffkeras.data.reading.data_shares import WHOLE, Part
from diffkeras.data.reading.streams import solved_split, stream_examples
from diffkeras.data.storage import dataset_path, find_damage, open_dataset
from diffkeras.errors import ConfigurationError
from diffkeras.representation.network_input import network_input
from diffkeras.representation.target import pack_target

MOST_EPOCHS = 1_000_000  # keeps the seeds of the epochs of different runs apart


def raw_dataset(
    config: Config,
    count: int,
    split: Split,
    data_dir: Path,
    *,
    part: Part = WHOLE,
    workers: int | None = None,
) -> tf.data.Dataset:
    """The examples of one source count, in order; fields of compact storage are restored.

    Of a part of them no other is read. A configuration with a stream needs no dataset for
    validation: where there is none, its examples are solved, the same ones.

    Returns:
        A dataset of {"source_image": (H, W, 1), "field": (H, W, 1), "sources": {…}}, float32 on the
        linear scale: the first N of the split, where N is the configuration's number of examples.
        Where the diffusion length varies, it is there as well: "diffusion_length" () [length].

    Raises:
        ConfigurationError: training examples of a stream, which are stored nowhere.
        DataError: see `open_dataset`.
    """
    if config.data.stream and split == "train":
        raise ConfigurationError(
            "data.stream: a stream's training examples are stored nowhere; choose stream: false"
        )
    if solved_as_needed(config, count, split, data_dir):
        return _with_workers(solved_split(config, count, split, part), workers)
    examples = config.data.examples(split)
    if split == "train":
        examples = config.data.train_examples_used
    own = part.of(examples)
    builder = open_dataset(config, count, data_dir, (split,))
    dataset = builder.as_dataset(
        split=f"{split}[{own.start}:{own.stop}]",
        shuffle_files=False,
        # one shard after another keeps record k example k, so that subsets are nested
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
    )
    if config.data.storage == "compact":
        dataset = restored(dataset, config)
    return _with_workers(dataset, workers)


def solved_as_needed(config: Config, count: int, split: Split, data_dir: Path) -> bool:
    """Whether a split of one source count is solved instead of read."""
    if not config.data.stream or split == "test":
        return False
    return split == "train" or not dataset_path(config, count, data_dir).exists()


def mixed_dataset(
    config: Config,
    split: Split,
    data_dir: Path,
    *,
    batch_size: int | None = None,
    drop_remainder: bool = False,
    sources: Sequence[int] | None = None,
    part: Part = WHOLE,
    workers: int | None = None,
) -> tf.data.Dataset:
    """Batches for `keras.Model.fit` and `evaluate`, the same number from each source count.

    The training split is shuffled anew each epoch by the training seed; the others keep order. Of
    a configuration with a stream, the training split is that stream, without end.

    Args:
        config: says which source counts, how many examples, which transform and which seed.
        split: train, validation or test.
        data_dir: where `diffkeras generate` put the datasets.
        batch_size: examples a batch over all replicas; by default that of training.
        drop_remainder: leave the last batch out if it is smaller than the others.
        sources: source counts, by default the configuration's.
        part: of the examples and of each batch; not for streams.
        workers: threads that read and convert; by default as many as tf.data finds best.

    Returns:
        A dataset of (x, y): x (batch, H, W, 1) the source image on the network's scale, with the
        diffusion length as a second channel where it varies (`network_input`), and y
        (batch, H + 1, W + 1, 2) the packed target for losses and metrics: the field on the
        network's scale, the source image on the linear one and the source count (`pack_target`).

    Raises:
        DataError: see `open_dataset`.
    """
    if config.data.stream and split == "train":
        return stream_batches(config, batch_size=batch_size, sources=sources, workers=workers)
    examples, size = _mixed_examples(config, split, data_dir, sources, part)
    if split == "train":
        examples = examples.shuffle(
            min(config.data.shuffle_buffer, size),
            seed=config.training.seed,
            reshuffle_each_iteration=True,
        )
    own = part.of(batch_size or config.training.batch_size)
    batches = examples.batch(len(own), drop_remainder=drop_remainder).prefetch(tf.data.AUTOTUNE)
    return _with_workers(batches, workers)


def stream_batches(
    config: Config,
    *,
    start: int = 0,
    batch_size: int | None = None,
    sources: Sequence[int] | None = None,
    part: Part = WHOLE,
    workers: int | None = None,
) -> tf.data.Dataset:
    """Batches of the samples `start`, `start` + 1, … of a stream, without end and all full.

    Sample k is a function of (`config.data.seed`, k) alone, so a stream goes on anywhere.

    Args:
        config: as for `mixed_dataset`.
        start: number of the first sample; of a part, the first of a batch.
        batch_size: examples a batch over all replicas; by default that of training.
        sources: source counts that take turns; by default the configuration's.
        part: of each batch; the other samples aren't solved.
        workers: threads that draw and solve.

    Returns:
        (x, y) as from `mixed_dataset`.

    Raises:
        ConfigurationError: more sources than the solver for streams takes.
        PackingError: so many or so large discs don't fit.
    """
    size = batch_size or config.training.batch_size
    own = part.of(size)

    def number(j: tf.Tensor) -> tf.Tensor:
        return j if len(own) == size else j // len(own) * size + own.start + j % len(own)

    first = start // size * len(own) if len(own) < size else start
    chunks = stream_examples(config, start=first, sources=sources, number=number)
    examples = chunks.map(_to_network(config), num_parallel_calls=tf.data.AUTOTUNE)
    batches = examples.rebatch(len(own), drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    return _with_workers(batches, workers)


def steps_per_epoch(config: Config, *, shares: int = 1) -> int:
    """Batches of one pass over the training examples; 0 if they don't fill one.

    Of several shares, all batches are full.
    """
    examples = len(config.data.sources) * (config.data.train_examples_used // shares)
    batch = config.training.batch_size // shares
    return examples // batch if shares > 1 else -(-examples // batch)


def training_batches(
    config: Config,
    data_dir: Path,
    *,
    epoch: int = 0,
    step: int = 0,
    part: Part = WHOLE,
    workers: int | None = None,
) -> tf.data.Dataset:
    """Batches of all epochs from one on, one epoch after the other without end.

    The order within an epoch is a function of the training seed, the epoch's number and the number
    of shares, so that training can go on at any position, and on any number of replicas that
    divides the shares. For `fit(..., steps_per_epoch=steps_per_epoch(config, shares=...))`. A
    stream has new examples in every epoch, and no smaller last batches.

    Args:
        config: as for `mixed_dataset`.
        data_dir: where the datasets lie.
        epoch: the first epoch, from 0.
        step: batches left out of the first epoch.
        part: of each batch, from its own part of the examples. Of several shares, an epoch's last
            batch is left out if it is smaller than the others.
        workers: threads that read and convert.

    Returns:
        (x, y) as from `mixed_dataset`.

    Raises:
        DataError: see `open_dataset`.
    """
    if config.data.stream:
        start = (epoch * steps_per_epoch(config, shares=part.shares) + step) * (
            config.training.batch_size
        )
        return stream_batches(config, start=start, part=part, workers=workers)
    shares = [_share_batches(config, data_dir, epoch, step, share) for share in part.each()]
    batches = shares[0]
    if len(shares) > 1:
        together = tf.data.Dataset.zip(tuple(shares))
        batches = together.map(
            lambda *pieces: tuple(tf.concat(alike, 0) for alike in zip(*pieces, strict=True)),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    return _with_workers(batches.prefetch(tf.data.AUTOTUNE), workers)


def _share_batches(
    config: Config, data_dir: Path, epoch: int, step: int, share: Part
) -> tf.data.Dataset:
    """What one share gives to each batch."""
    examples, size = _mixed_examples(config, "train", data_dir, part=share)
    batch = len(share.of(config.training.batch_size))
    buffer = min(config.data.shuffle_buffer, size)
    first_seed = config.training.seed * MOST_EPOCHS

    def epoch_batches(number: tf.Tensor) -> tf.data.Dataset:
        # of this function's graph alone: whatever the global seed is, the order is the same
        tf.random.set_seed(1)
        seed = (first_seed + number) * share.shares + share.numbers.start
        shuffled = examples.shuffle(buffer, seed=seed, reshuffle_each_iteration=False)
        batches = shuffled.batch(batch, drop_remainder=share.shares > 1)
        return batches.skip(tf.where(number == epoch, tf.constant(step, tf.int64), 0))

    # the examples stand outside of what is repeated, so that all epochs share one cache
    return tf.data.Dataset.range(epoch, MOST_EPOCHS).flat_map(epoch_batches)


def _mixed_examples(
    config: Config,
    split: Split,
    data_dir: Path,
    sources: Sequence[int] | None = None,
    part: Part = WHOLE,
) -> tuple[tf.data.Dataset, int]:
    counts = tuple(sources or config.data.sources)
    datasets = [
        raw_dataset(config, count, split, data_dir, part=part).map(
            _to_network(config), num_parallel_calls=tf.data.AUTOTUNE
        )
        for count in counts
    ]
    # round robin: wherever a consumer stops, it has seen all source counts alike
    mixed = tf.data.Dataset.choose_from_datasets(
        datasets, tf.data.Dataset.range(len(datasets)).repeat(), stop_on_empty_dataset=False
    )
    all_examples = (
        config.data.train_examples_used if split == "train" else config.data.examples(split)
    )
    size = len(datasets) * len(part.of(all_examples))
    mixed = mixed.take(size).apply(tf.data.experimental.assert_cardinality(size))
    return (mixed.cache() if config.data.cache else mixed), size


def _to_network(config: Config) -> Callable[[dict[str, Any]], tuple[tf.Tensor, tf.Tensor]]:
    transform, limits = config.model.get_transform(), config.data.diffusion_length

    def to_network(example: dict[str, Any]) -> tuple[tf.Tensor, tf.Tensor]:
        image, field = example["source_image"], example["field"]
        xp = tf.experimental.numpy
        # discs that fill up a list have negative radii
        count = tf.reduce_sum(tf.cast(example["sources"]["radii"] >= 0, field.dtype), axis=-1)
        target = pack_target(transform.forward(field, xp), image, count, xp)
        length = example.get("diffusion_length")
        return network_input(image, transform, length, limits, xp), target

    return to_network


def _with_workers(dataset: tf.data.Dataset, workers: int | None) -> tf.data.Dataset:
    if workers is None:
        return dataset
    options = tf.data.Options()
    options.threading.private_threadpool_size = workers
    return dataset.with_options(options)


@contextmanager
def reading(config: Config, data_dir: Path) -> Iterator[None]:
    """Turn TensorFlow's complaint about a damaged record into one that names the file.

    Raises:
        DataError: a record was damaged.
    """
    try:
        yield
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError):
        for count in config.data.sources:
            if dataset_path(config, count, data_dir).exists():
                find_damage(config, count, data_dir)
        raise
