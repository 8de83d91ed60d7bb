"""Forward pass, loss, metrics and a training step on the backend of KERAS_BACKEND, as JSON."""

import contextlib
import json

import keras
import numpy as np

from diffkeras import nn


def main():
    loss = nn.get_loss(
        {
            "error": "alternating",
            "first": {"error": "power", "alpha": 1.5, "weight": "tanh"},
            "second": {"error": "absolute", "weight": {"name": "step", "amplitude": 5}},
        }
    )
    rng = np.random.default_rng(0)
    image = rng.random((5, 16, 16, 1)).astype("float32")
    image *= image > 0.5
    target = nn.pack_target(np.sqrt(image), image, [1, 2, 3, 4, 5])
    prediction = np.sqrt(image) + 0.1 * rng.standard_normal(image.shape).astype("float32")
    values = {
        "loss": float(loss(target, prediction, np.array([1.0, 2.0, 0.5, 0.0, 1.0], "float32")))
    }
    for metric in (*nn.default_metrics("sqrt"), nn.metrics.SourceCountError([1, 5], "sqrt")):
        metric.update_state(target, prediction)
        values[metric.name] = float(metric.result())
    values["plain mae"] = "raises"
    with contextlib.suppress(Exception):  # each backend raises an error of its own type
        values["plain mae"] = float(keras.losses.get("mae")(target, prediction))
    constant = keras.initializers.Constant(0.1)
    model = nn.encoder_decoder(width=2, depth=1, kernel_initializer=constant)
    model.compile(keras.optimizers.SGD(1e-4), loss, metrics=nn.default_metrics("sqrt"))
    # Batches of 3 and 2: PyTorch has no gradient for Keras' convolution of one small example.
    history = model.fit(image, target, batch_size=3, shuffle=False, verbose=0).history
    values |= {f"trained {key}": value[-1] for key, value in history.items()}
    values["predicted"] = float(np.abs(model.predict(image, verbose=0)).mean())
    operator = nn.LatticeOperator(decay=0.1, boundaries=("reflecting", "periodic"))
    network = nn.u_net(2, 1, kernel_initializer=constant)
    solved = nn.with_corrections(network, operator, rounds=2).predict(image, verbose=0)
    values |= {
        "solved": float(np.abs(solved).mean()),
        "solved at (3, 4)": float(solved[0, 3, 4, 0]),
    }
    varying = nn.unrolled_cg(
        operator=nn.LatticeOperator(maps=["diffusivity"]), rounds=1, channels=2
    )
    maps = np.concatenate(
        [
            image,
            np.sin(np.arange(256, dtype="float32")).reshape(1, 16, 16, 1) * np.ones_like(image),
        ],
        axis=-1,
    )
    varying.compile(keras.optimizers.SGD(1e-2), "mse")
    varying.fit(maps, np.sqrt(image), batch_size=5, verbose=0)
    values["varying"] = float(np.abs(varying.predict(maps, verbose=0)).mean())
    values["varying, trained"] = float(np.abs(varying.get_weights()[0]).sum())
    print(json.dumps({"backend": keras.backend.backend(), "values": values}))


if __name__ == "__main__":
    main()
