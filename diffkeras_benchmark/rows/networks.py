"""The networks of the leaderboard, and their training for a given CPU time."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.surrogates.build import build_model
from diffkeras_benchmark.archive import BenchmarkSplit
from diffkeras_benchmark.splits import public_split

BATCH, WARM_STEPS, TIMED_STEPS = 16, 3, 10
OWN = "benchmarks.own_architectures"


@dataclass(frozen=True)
class Network:
    """A row of the table, and what is tried to tune it."""

    name: str  # in the table
    model: dict[str, Any]  # its section of a configuration
    widths: tuple[int, ...]  # values of `model.width`, or of that argument
    learning_rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2)  # of Adam

    @property
    def folder(self) -> str:
        """The name of its submission."""
        return self.name.lower().replace(" ", "_").replace(",", "")

    @property
    def candidates(self) -> list[tuple[int, float]]:
        """Widths and learning rates."""
        return list(itertools.product(self.widths, self.learning_rates))

    def config(self, benchmark: str, width: int) -> Config:
        """The configuration of the data of a benchmark and of the network."""
        own = {"pad": False, "fixed_values": "corrections" not in self.model, **self.model}
        if benchmark.startswith("production"):
            own["fixed_values"] = False
        settings = {f"model.{key}": value for key, value in own.items()}
        settings["model.arguments.width" if "arguments" in own else "model.width"] = width
        return public_split(benchmark).config().with_overrides(settings)


NETWORKS = (
    Network("Encoder-decoder", {"architecture": "encoder_decoder", "depth": 4}, (4, 8, 16)),
    Network("U-Net", {"architecture": "u_net", "depth": 4}, (4, 8, 16)),
    Network(
        "Fourier neural operator",
        {"architecture": "fourier_neural_operator", "depth": 4, "modes": 12},
        (4, 8, 16),
        (3e-3, 1e-2, 3e-2),
    ),
    Network(
        "DeepONet",
        {"architecture": f"{OWN}.deeponet:build", "arguments": {"depth": 4, "sensors": 32}},
        (64, 128, 256),
    ),
    Network(
        "Transformer",
        {"architecture": f"{OWN}.transformer:build", "arguments": {"depth": 4, "patch": 8}},
        (32, 64, 128),
    ),
)
# of problems with fixed values
CORRECTED = (
    Network(
        "U-Net, 2 corrections",
        {"architecture": "u_net", "depth": 4, "corrections": 2},
        (2, 4, 8),
        (3e-3, 1e-2, 3e-2),
    ),
    Network(
        "4 learned corrections",
        {"architecture": "unrolled_cg", "corrections": 4},
        (64,),
        (1e-3, 3e-3, 1e-2, 3e-2),
    ),
)


def networks_of(benchmark: str) -> tuple[Network, ...]:
    """The networks of a benchmark: corrections need known values and, here, sides without them."""
    return NETWORKS if benchmark.startswith(("production", "mixed")) else NETWORKS + CORRECTED


def inputs_of(split: BenchmarkSplit, config: Config) -> NDArray:
    """The inputs of a network, as a surrogate makes them of problems."""
    names = ("source_images", *split.channels[1:])
    inputs = {name: split.inputs[..., k, None] for k, name in enumerate(names)}
    scaled, _ = config.view.scaled(inputs)
    return config.view.channels(scaled).astype("float32")


def train(
    config: Config, data: BenchmarkSplit, learning_rate: float, seed: int, budget: float
) -> keras.Model:
    """A network after `budget` seconds of CPU time."""
    keras.utils.set_random_seed(seed)
    model, inputs = build_model(config), inputs_of(data, config)
    optimizer, order = keras.optimizers.Adam(0.0), np.random.default_rng(seed)
    model.compile(optimizer, "mae")

    def run(steps: int, rate: Callable[[int], Any]) -> float:
        chosen = order.integers(0, len(data), steps * BATCH)
        schedule = keras.callbacks.LambdaCallback(
            on_train_batch_begin=lambda step, logs: optimizer.learning_rate.assign(rate(step))
        )
        start = time.process_time()
        model.fit(
            inputs[chosen],
            data.fields[chosen],
            BATCH,
            shuffle=False,
            verbose=0,
            callbacks=[schedule],
        )
        return time.process_time() - start

    weights = model.get_weights()
    run(WARM_STEPS, lambda step: 0.0)
    each = run(TIMED_STEPS, lambda step: 0.0) / TIMED_STEPS
    model.set_weights(weights)
    for variable in optimizer.variables:
        variable.assign(0 * variable)
    steps = max(int(budget / each), 1)
    run(steps, lambda step: learning_rate * (1 + np.cos(np.pi * step / steps)) / 2)
    return model
