"""Running out of memory: foreseen on CPUs, where it would end the process, and told in one line."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from diffkeras.config import Config
from diffkeras.errors import OutOfMemoryError, OutputError
from diffkeras.system.environment import available_memory

BYTES = 4  # of a float32
COPIES = 3  # of the weights: themselves, their gradient, and at least one moment

# a full disk, a full quota, and the limit of a file's size, which TensorFlow calls out of range
DISK_FULL = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)))


def check_memory(config: Config, processes: int = 1) -> None:
    """Raise an error if training can't fit into the memory of a CPU, where TensorFlow would crash.

    The estimate is a lower bound, because an error must not prevent training that fits.
    """
    if tf.config.list_physical_devices("GPU"):
        return
    weights, maps = least_memory(config)
    needed, available = weights + maps // processes, available_memory()
    if needed > available:
        raise _out_of_memory(
            config,
            f"takes at least {needed / 1e9:.3g} GB, and {available / 1e9:.3g} GB are available",
            by_network=weights > available,
        )


def least_memory(config: Config) -> tuple[int, int]:
    """Bytes that training takes at least: for the weights, and for the feature maps of a batch.

    The encoder-decoder of width w and depth d has about 12·w²·(4^d − 1) weights. Its convolutions
    put out more than 2·w numbers per node, which the backward pass needs. The second network of a
    joined pair is not counted.
    """
    width, depth = config.model.width, config.model.depth
    rows, columns = config.physics.lattice
    weights = 12 * width**2 * (4**depth - 1)
    maps = 2 * width * rows * columns * config.training.batch_size
    return BYTES * COPIES * weights, BYTES * maps


@contextmanager
def within_memory(config: Config) -> Iterator[None]:
    """Turn TensorFlow's failure to get memory or disk space into one line that names the reason."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.OutOfRangeError, MemoryError) as error:
        for reason in DISK_FULL:
            if reason in str(error):
                raise OutputError(f"the logs of the run can't be written: {reason}") from None
        if isinstance(error, tf.errors.OutOfRangeError):
            raise
        raise _out_of_memory(config, "doesn't fit") from None


def _out_of_memory(config: Config, reason: str, *, by_network: bool = False) -> OutOfMemoryError:
    rows, columns = config.physics.lattice
    key = "model.width or model.depth" if by_network else "training.batch_size or model.width"
    return OutOfMemoryError(
        f"out of memory: training a network of width {config.model.width} and depth "
        f"{config.model.depth} on batches of {config.training.batch_size} examples of "
        f"{rows}×{columns} nodes {reason}; choose a smaller {key}"
    )
