"""Running out of memory: foreseen on CPUs, where it would end the process, and told in one line."""

import errno
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from diffkeras.config import Config
from diffkeras.errors import OutOfMemoryError, OutputError
from diffkeras.surrogates.build import build_model
from diffkeras.system.environment import available_memory
from diffkeras.system.keras_compat import without_values
from diffkeras.training.compiled_model import layers_in

COPIES = 3  # of the weights: themselves, their gradient, and at least one moment

# a full disk, a full quota, and the limit of a file's size, which TensorFlow calls out of range
DISK_FULL = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)))


def check_memory(config: Config, processes: int = 1) -> None:
    """Raise an error if training can't fit into the memory of a CPU, where TensorFlow would crash.

    What is counted is a lower bound, because an error must not prevent training that fits.
    """
    if tf.config.list_physical_devices("GPU"):
        return
    weights, inputs = kept_bytes(config)
    needed, available = weights + inputs // processes, available_memory()
    if needed > available:
        raise _out_of_memory(
            config,
            f"takes at least {needed / 1e9:.3g} GB, and {available / 1e9:.3g} GB are available",
        )


def kept_bytes(config: Config) -> tuple[int, int]:
    """Bytes that training keeps at least: of the weights, and of the inputs of layers.

    The gradient of a layer's weights needs the layer's input, so the inputs of layers with weights
    are kept until the backward pass.
    """
    batch, lattice = config.training.batch_size, config.physics.lattice
    with without_values(), layers_in(config.training.precision):
        model = build_model(config)
        images = keras.Input(batch_shape=(batch, *lattice, model.input_shape[-1]))
        inputs = {id(tensor): tensor for tensor in _weighted_inputs(model, images)}
        weights = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    return (
        COPIES * weights * tf.float32.size,
        sum(math.prod(t.shape) * tf.as_dtype(t.dtype).size for t in inputs.values()),
    )


def _weighted_inputs(model: keras.Model, images: Any) -> list[Any]:
    """The inputs of those layers of a functional model that have weights."""
    found = []

    def call(layer: keras.Layer, *inputs: Any, **options: Any) -> Any:
        if isinstance(layer, keras.Model):
            found.extend(_weighted_inputs(layer, *inputs))
        elif layer.trainable_variables:
            found.extend(keras.tree.flatten(inputs))
        return layer(*inputs, **options)

    keras.models.clone_model(
        model, input_tensors=images, clone_function=lambda layer: layer, call_function=call
    )
    return found


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


def _out_of_memory(config: Config, reason: str) -> OutOfMemoryError:
    rows, columns = config.physics.lattice
    return OutOfMemoryError(
        f"out of memory: training this network on batches of {config.training.batch_size} examples "
        f"of {rows}×{columns} nodes {reason}; choose a smaller training.batch_size or network"
    )
