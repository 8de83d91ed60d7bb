"""Running out of memory: foreseen where it would end the process, and told in one line."""

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from diffkeras.config import Config
from diffkeras.errors import OutOfMemoryError

BYTES = 4  # of a float32
COPIES = 3  # of all weights: themselves, their gradient, and a moment at least


def check_memory(config: Config, model: keras.Model, processes: int = 1) -> None:
    """Refuse a batch whose feature maps alone don't fit into the memory of a CPU.

    There TensorFlow's convolutions crash without an error when memory can't be had. The backward
    pass needs what each convolution has put out, so that is the least a step takes.

    Args:
        config: says how large batches and lattice are.
        model: that is trained.
        processes: that share a batch.

    Raises:
        OutOfMemoryError: it doesn't fit.
    """
    if tf.config.list_physical_devices("GPU"):
        return
    needed, available = least_memory(config, model) // processes, available_memory()
    if available is not None and needed > available:
        raise OutOfMemoryError(
            f"out of memory: {_what(config)} takes at least {needed / 1e9:.3g} GB, and "
            f"{available / 1e9:.3g} GB are there; {_advice(config)}"
        )


def check_weights(config: Config) -> None:
    """Refuse a network whose weights don't fit into the memory of a CPU, before it is made.

    Raises:
        OutOfMemoryError: weights, gradient and the optimizer's moments don't fit.
    """
    needed, available = BYTES * COPIES * count_weights(config), available_memory()
    if available is not None and needed > available:
        section = config.model
        raise OutOfMemoryError(
            f"out of memory: training a network of width {section.width} and depth "
            f"{section.depth} takes at least {needed / 1e9:.3g} GB, and {available / 1e9:.3g} GB "
            "are there; choose a smaller model.width or model.depth"
        )


def count_weights(config: Config) -> int:
    """Weights of the kernels of an encoder-decoder's convolutions."""
    width, depth = config.model.width, config.model.depth
    inner = [width * 2**k for k in (*range(depth + 1), *reversed(range(depth)))]
    channels = [1, *inner, width // 2, 1]
    return sum(9 * a * b for a, b in itertools.pairwise(channels))


def least_memory(config: Config, model: keras.Model) -> int:
    """Bytes of what all convolutions put out for a batch."""
    network = next((layer for layer in model.layers if isinstance(layer, keras.Model)), model)
    factor = 2**config.model.depth  # of the sides, after padding
    sides = [math.ceil(side / factor) * factor for side in config.physics.lattice]
    maps = keras.Model(
        network.inputs,
        [layer.output for layer in network.layers if isinstance(layer, keras.layers.Conv2D)],
    )
    channels = network.inputs[0].shape[-1]
    shapes = maps.compute_output_shape((config.training.batch_size, *sides, channels))
    return BYTES * sum(int(np.prod(shape)) for shape in shapes)


def available_memory() -> int | None:
    """Bytes that a process can get without swapping others out; None where it can't be told."""
    found = []
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(":")
            if name in ("MemAvailable", "SwapFree"):
                found.append(1024 * int(value.split()[0]))
    except (OSError, ValueError):
        return None
    return sum(found) if found else None


@contextmanager
def within_memory(config: Config) -> Iterator[None]:
    """Turn the failure to allocate into one line that names what was too large.

    Raises:
        OutOfMemoryError: a batch doesn't fit.
    """
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError):
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
