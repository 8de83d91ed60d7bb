"""One training step on one replica and on two, for each loss and for the encoder-decoder.

Prints JSON: case → {"one": ..., "two": ...}, each with the step's change of the weights, the
logged loss, and the metrics where there are any; and under "losses" the losses' configurations.
"""

import json

import keras
import numpy as np
import tensorflow as tf

from diffkeras import nn
from diffkeras.nn.losses import AbsoluteError

BATCH, SIDE = 4, 16
STEP = {"name": "step", "amplitude": 5}
LOSSES = {
    "absolute": "absolute",
    "squared": "squared",
    "power": {"error": "power", "alpha": 1.5},
    "huber": {"error": "huber", "delta": 0.1},
    "inverse_huber": {"error": "inverse_huber", "delta": 0.1},
    "relative": {"error": "relative", "epsilon": 0.1},
    "absolute_uniform": {"error": "absolute", "weight": "uniform"},
    "absolute_exponential": {"error": "absolute", "weight": {"name": "exponential", "scale": 0.5}},
    "absolute_tanh": {"error": "absolute", "weight": {"name": "tanh", "amplitude": 20}},
    "absolute_step": {"error": "absolute", "weight": STEP},
    "absolute_alternating": {
        "error": "absolute",
        "weight": {
            "name": "alternating",
            "first": "uniform",
            "second": STEP,
            "schedule": "toggle",
        },
    },
    "squared_tanh_prediction": {
        "error": "squared",
        "weight": {"name": "tanh", "amplitude": 20},
        "weight_from": "prediction",
    },
    "squared_step_normalized": {"error": "squared", "weight": STEP, "normalize_weight": True},
    "squared_sum": {"error": "squared", "reduction": "sum"},
}


class ScalarAbsoluteError(AbsoluteError):
    """The pitfall: a loss that reduces by itself is not scaled by the number of replicas."""

    def call(self, y_true, y_pred):
        return keras.ops.mean(super().call(y_true, y_pred))


def data():
    rng = np.random.default_rng(0)
    source_image = rng.random((BATCH, SIDE, SIDE, 1)).astype("float32")
    source_image *= source_image > 0.9
    field = rng.random(source_image.shape).astype("float32")
    field = np.where(source_image > 0, source_image, field)
    return source_image, nn.pack_target(field, source_image, [1, 1, 2, 5])


def small_model():
    return keras.Sequential(
        [keras.Input((None, None, 1)), keras.layers.Conv2D(1, 3, padding="same")]
    )


def one_step(build, loss, strategy, metrics=False, epochs=1):
    keras.utils.set_random_seed(1)
    x, y = data()
    with strategy.scope():
        model = build()
        model.compile(
            keras.optimizers.SGD(0.1),
            loss=loss if isinstance(loss, keras.losses.Loss) else nn.get_loss(loss),
            metrics=nn.default_metrics("sqrt") if metrics else None,
        )
    alternates = hasattr(getattr(model.loss, "weight", None), "selector")
    before = [v.numpy() for v in model.weights]
    history = model.fit(
        x,
        y,
        batch_size=BATCH,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[nn.AlternateWeights()] if alternates else [],
    )
    after = [v.numpy() for v in model.weights]
    logs = {key: values[-1] for key, values in history.history.items()}
    if metrics:
        logs |= {
            f"evaluated {key}": value
            for key, value in model.evaluate(
                x, y, batch_size=2, verbose=0, return_dict=True
            ).items()
        }
    change = np.concatenate([(b - a).ravel() for a, b in zip(before, after, strict=True)])
    return {"change": change.tolist(), "logs": {k: float(v) for k, v in logs.items()}}


def main():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_visible_devices([], "GPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    # One strategy for all cases: a second one of the same devices in a process reuses the keys of
    # the first one's collectives, and fails (tensorflow issue 62790).
    strategies = {
        "one": tf.distribute.MirroredStrategy(["CPU:0"]),
        "two": tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]),
    }
    cases = {name: (small_model, loss, {}) for name, loss in LOSSES.items()}
    cases["absolute_alternating"] = (*cases["absolute_alternating"][:2], {"epochs": 2})
    cases["encoder_decoder"] = (
        lambda: nn.encoder_decoder(width=4, depth=2),
        "squared",
        {"metrics": True},
    )
    results = {
        name: {n: one_step(build, loss, s, **options) for n, s in strategies.items()}
        for name, (build, loss, options) in cases.items()
    }
    results["scalar"] = {
        n: one_step(small_model, ScalarAbsoluteError(), s) for n, s in strategies.items()
    }
    results["losses"] = LOSSES
    print(json.dumps(results))


if __name__ == "__main__":
    main()
