"""Streams: training examples that are solved as they are needed, without end and without a disk.

Sample k of a stream depends on (data seed, k) alone. The source counts alternate: sample k is
example k of the split "stream" of the k-th source count, modulo their number.
"""

import tensorflow as tf

from diffkeras.config import Config
from diffkeras.data.reading.data_shares import EVERYTHING, DataShares
from diffkeras.data.reading.network_pairs import to_network_pair, with_threads
from diffkeras.data.reading.solved_examples import chunk_size, solved_chunks

ENDLESS = 1 << 62


def stream_batches(
    config: Config,
    *,
    start: int = 0,
    shares: DataShares = EVERYTHING,
    threads: int | None = None,
) -> tf.data.Dataset:
    """Batches (x, y) of the samples `start`, `start` + 1, … of a stream, without end and all full.

    With several shares, `start` is the first sample of a batch.
    """
    size = config.training.batch_size
    own = shares.of(size)
    # Samples are counted within these shares, of which each batch has len(own).
    first = start // size * len(own) if len(own) < size else start
    # Chunks begin at the same samples wherever the stream starts, so that rounding is equal too.
    surplus = first % chunk_size(config)

    def sample(index: tf.Tensor) -> tf.Tensor:
        return index // len(own) * size + own.start + index % len(own)

    numbers = tf.data.Dataset.range(first - surplus, ENDLESS).map(sample)
    chunks = solved_chunks(config, config.data.sources, "stream", numbers)
    if surplus:
        chunks = chunks.unbatch().skip(surplus).batch(chunk_size(config))
    pairs = chunks.map(to_network_pair(config), num_parallel_calls=tf.data.AUTOTUNE)
    batches = pairs.rebatch(len(own), drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    return with_threads(batches, threads)
