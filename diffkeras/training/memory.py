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

DISK_FULL = os.strerror(errno.ENOSPC)


def check_memory(config: Config, processes: int = 1) -> None:
    """Raise an error if training can't fit into the memory of a CPU.

    TensorFlow's convolutions crash there without an error when they get no memory. Estimated from
    below, because training must not be forbidden where it fits.

    Args:
        config: the configuration.
        processes: number of processes that share a batch.

    Raises:
        OutOfMemoryError: it does not fit.
    """
    if tf.config.list_physical_devices("GPU"):
        return
    weights, maps = least_memory(config)
    available = available_memory()
    if available is not None and weights > available:
        raise OutOfMemoryError(
            f"out of memory: training a network of width {config.model.width} and depth "
            f"{config.model.depth} takes at least {weights / 1e9:.3g} GB, and "
            f"{available / 1e9:.3g} GB are available; choose a smaller model.width or model.depth"
        )
    needed = weights + maps // processes
    if available is not None and needed > available:
        raise OutOfMemoryError(
            f"out of memory: {_what(config)} takes at least {needed / 1e9:.3g} GB, and "
            f"{available / 1e9:.3g} GB are available; {_advice(config)}"
        )


def least_memory(config: Config) -> tuple[int, int]:
    """Bytes that training takes at least: for the weights, and for the feature maps of a batch.

    The encoder-decoder of width w and depth d has about 12·w²·(4^d − 1) weights. Its convolutions
    put out more than 2·w numbers per node, which the backward pass needs.
    """
    width, depth = config.model.width, config.model.depth
    rows, columns = config.physics.lattice
    weights = 12 * width**2 * (4**depth - 1)
    maps = 2 * width * rows * columns * config.training.batch_size
    return BYTES * COPIES * weights, BYTES * maps


@contextmanager
def within_memory(config: Config) -> Iterator[None]:
    """Turn TensorFlow's failure to get memory or disk space into one line that names the reason.

    Raises:
        OutOfMemoryError: a batch does not fit.
        OutputError: the disk is full, where TensorFlow raises the same exception.
    """
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        if isinstance(error, tf.errors.ResourceExhaustedError) and DISK_FULL in error.message:
            raise OutputError(f"the logs of the run can't be written: {DISK_FULL}") from None
        raise OutOfMemoryError(
            f"out of memory: {_what(config)} doesn't fit; {_advice(config)}"
        ) from None


def _what(config: Config) -> str:
    rows, columns = config.physics.lattice
    return f"training on batches of {config.training.batch_size} examples of {rows}×{columns} nodes"


def _advice(config: Config) -> str:
    batch = config.training.batch_size
    smaller = f", e.g. {batch // 2}" if batch > 1 else " or model.width"
    return f"choose a smaller training.batch_size{smaller}"
