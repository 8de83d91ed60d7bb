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

SINGLE = 4  # bytes of a float32
BYTES = {"float16": 2, "bfloat16": 2}
COPIES = 3  # of the weights: themselves, their gradient, and at least one moment

# a full disk, a full quota, and the limit of a file's size, which TensorFlow calls out of range
DISK_FULL = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)))


def check_memory(config: Config, processes: int = 1) -> None:
    """Raise an error if training can't fit into the memory of a CPU, where TensorFlow would crash.

    The estimate is a lower bound, because an error must not prevent training that fits.
    """
    if tf.config.list_physical_devices("GPU"):
        return
    weights, features = least_memory(config)
    needed, available = weights + features // processes, available_memory()
    if needed > available:
        raise _out_of_memory(
            config,
            f"takes at least {needed / 1e9:.3g} GB, and {available / 1e9:.3g} GB are available",
            by_network=weights > available,
        )


def least_memory(config: Config) -> tuple[int, int]:
    """Bytes that training takes at least: for the weights, and for what layers put out for a batch.

    The gradient of a layer's weights needs what the layer was given. So of all outputs of layers,
    those that go into layers with weights are kept until the backward pass.
    """
    batch, (rows, columns) = config.training.batch_size, config.physics.lattice
    with without_values(), layers_in(config.training.precision):
        model = build_model(config)
        image = keras.Input(batch_shape=(batch, rows, columns, model.input_shape[-1]))
        kept = {id(tensor): tensor for tensor in _given_to_weights(model, image)}
        weights = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    features = (math.prod(t.shape) * BYTES.get(t.dtype, SINGLE) for t in kept.values())
    return SINGLE * COPIES * weights, sum(features)


def _given_to_weights(model: keras.Model, image: Any) -> list[Any]:
    """What a functional model, called on a symbolic image, gives to its layers with weights."""
    found = []

    def call(layer: keras.Layer, *inputs: Any, **options: Any) -> Any:
        if isinstance(layer, keras.Model):
            found.extend(_given_to_weights(layer, *inputs))
        elif layer.trainable_variables:
            found.extend(keras.tree.flatten(inputs))
        return layer(*inputs, **options)

    # goes through the model in the order of its layers; the copy has the same ones
    keras.models.clone_model(
        model, input_tensors=image, clone_function=lambda layer: layer, call_function=call
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


def _out_of_memory(config: Config, reason: str, *, by_network: bool = False) -> OutOfMemoryError:
    rows, columns = config.physics.lattice
    sizes = {
        key: getattr(config.model, key)
        for key in ("width", "depth")
        if key in config.model.keys_used
    }
    keys = [f"model.{key}" for key in sizes]
    keys = keys if by_network else ["training.batch_size", *keys[:1]]
    of_size = " of " + " and ".join(f"{key} {size}" for key, size in sizes.items()) if sizes else ""
    return OutOfMemoryError(
        f"out of memory: training a network{of_size} on batches of {config.training.batch_size} "
        f"examples of {rows}×{columns} nodes {reason}; choose a smaller {' or '.join(keys)}"
    )
