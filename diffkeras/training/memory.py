"""Checks that training fits into memory, and one line that explains an error if it did not.

On a CPU, a process that needs too much memory is ended by the system without an explanation, so
what it needs is estimated before.
"""

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
from diffkeras.training.compiled_model import layers_in

# a full disk, a full quota, and the limit of a file's size, which TensorFlow calls out of range
DISK_FULL = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)))


def check_memory(config: Config, processes: int = 1) -> None:
    """Raise an error if training can't fit into the memory of a CPU, where TensorFlow would crash.

    What is counted is a lower bound, because an error must not prevent training that fits.
    """
    if tf.config.list_physical_devices("GPU"):
        return
    needed, available = kept_bytes(config) // processes, available_memory()
    if needed > available:
        raise _out_of_memory(
            config,
            f"takes at least {needed / 1e9:.3g} GB, and {available / 1e9:.3g} GB are available",
        )


def kept_bytes(config: Config) -> int:
    """Bytes of the inputs of all layers with weights for a batch.

    The gradients of weights need them, so they are kept until the backward pass.
    """
    with layers_in(config.training.precision):
        model = build_model(config)
        shape = (config.training.batch_size, *config.physics.lattice, model.input_shape[-1])
        inputs = _inputs_of_weights(model, keras.Input(batch_shape=shape))
    return sum(math.prod(t.shape) * tf.as_dtype(t.dtype).size for t in inputs.values())


def _inputs_of_weights(model: keras.Model, images: Any) -> dict[int, Any]:
    """The inputs of all layers with weights, by identity, where a model gets symbolic images."""
    inputs = {}

    def call(layer: keras.Layer, *tensors: Any, **options: Any) -> Any:
        if isinstance(layer, keras.Model):
            inputs.update(_inputs_of_weights(layer, *tensors))
        elif layer.trainable_variables:
            inputs.update({id(tensor): tensor for tensor in keras.tree.flatten(tensors)})
        return layer(*tensors, **options)

    keras.models.clone_model(
        model, input_tensors=images, clone_function=lambda layer: layer, call_function=call
    )
    return inputs


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
