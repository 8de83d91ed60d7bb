"""Training steps on one replica and on two.

Prints JSON: case → {"one": …, "two": …}, each with the steps' change of the weights, and the logs.
"""

import json

import keras
import numpy as np
import tensorflow as tf
from loss_cases import LOSSES

from diffkeras import nn

BATCH, SIDE = 4, 16


def data():
    rng = np.random.default_rng(0)
    source_image = rng.random((BATCH, SIDE, SIDE, 1)).astype("float32")
    source_image *= source_image > 0.9
    field = rng.random(source_image.shape).astype("float32")
    field = np.where(source_image > 0, source_image, field)
    return source_image, nn.pack_target(field, source_image, [1, 1, 2, 5])


def small_model():
    """A model with a convolution and an output for each loss, so that all train in one step."""
    source_image = keras.Input((None, None, 1))
    convolutions = {name: keras.layers.Conv2D(1, 3, padding="same", name=name) for name in LOSSES}
    return keras.Model(source_image, {n: layer(source_image) for n, layer in convolutions.items()})


def fit(strategy, build, loss, metrics=None, alternating=None, epochs=1):
    """Change of each layer's weights, and the logs."""
    keras.utils.set_random_seed(1)
    x, y = data()
    with strategy.scope():
        model = build()
        model.compile(keras.optimizers.SGD(0.1), loss, metrics=metrics)
    before = {layer.name: layer.get_weights() for layer in model.layers}
    history = model.fit(
        x,
        dict.fromkeys(loss, y) if isinstance(loss, dict) else y,
        batch_size=BATCH,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[nn.AlternateLosses(alternating)] if alternating else [],
    )
    changes = {}
    for layer in model.layers:
        pairs = zip(before[layer.name], layer.get_weights(), strict=True)
        changes[layer.name] = [float(v) for b, a in pairs for v in (b - a).ravel()]
    logs = {key: values[-1] for key, values in history.history.items()}
    if metrics:
        evaluated_values = model.evaluate(x, y, batch_size=2, verbose=0, return_dict=True)
        logs |= {f"evaluated {key}": value for key, value in evaluated_values.items()}
    return changes, {key: float(value) for key, value in logs.items()}


def results_of(strategy):
    losses = {name: nn.get_loss(config) for name, config in LOSSES.items()}
    # two epochs, so that the alternating loss uses both of its losses
    alternating = losses["alternating"]
    changes, logs = fit(strategy, small_model, losses, alternating=alternating, epochs=2)
    results = {
        name: {"change": changes[name], "logs": {"loss": logs[f"{name}_loss"]}} for name in losses
    }
    changes, logs = fit(
        strategy,
        lambda: nn.encoder_decoder(width=4, depth=1),
        nn.get_loss("squared"),
        metrics=[*nn.default_metrics("sqrt"), nn.metrics.SourceCountError([1, 2, 5], "sqrt")],
    )
    change = [value for values in changes.values() for value in values]
    results["encoder_decoder"] = {"change": change, "logs": logs}
    return results


def main():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_visible_devices([], "GPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    # One strategy for all cases: a second one of the same devices in a process reuses the keys of
    # the first one's collectives, and fails (tensorflow issue 62790).
    one = results_of(tf.distribute.MirroredStrategy(["CPU:0"]))
    two = results_of(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
    print(json.dumps({n: {"one": one[n], "two": two[n]} for n in one}))


if __name__ == "__main__":
    main()
