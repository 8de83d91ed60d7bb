"""Architectures on the dataset of one family: how exact they are, and what training takes.

    python -m benchmarks.family_architectures            # generate, train and measure

The dataset is that of the configuration `family`. A reduced basis with a kernel is fitted; one with
a network, and the encoder-decoder on the family's maps, are trained by gradients. Errors are those
of `diffkeras evaluate` over the test examples, and over as many out of the ranges by 30 % of their
widths (of the logarithms). Times are CPU times in two threads of TensorFlow. That of a prediction
is for a batch of 64 by the network alone, per field, the median of rounds in which all take turns.
"""

import docs.quiet_tensorflow  # noqa: F401

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.shared.command import command
from benchmarks.shared.measures import cpu_medians, cpu_seconds
from benchmarks.shared.tables import describe_times, write_table
from diffkeras.config import Config, load_config
from diffkeras.physics.sampling.families.recipe import FamilyRecipe
from diffkeras.surrogates.inputs import inputs_of_problem
from diffkeras.surrogates.predicted_fields import predicted_fields
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
from diffkeras.system.tensorflow_setup import limit_threads
from diffkeras.workflows import evaluate, generate, train

BEYOND, THREADS = 0.3, 2
TOGETHER, ROUNDS = 64, 15
VARIANTS: dict[str, dict[str, Any]] = {
    "reduced basis, kernel": {},
    "reduced basis, network": {"model.regression": "network", "training.epochs": 200},
    "encoder-decoder on maps": {
        "model.architecture": "encoder_decoder",
        "model.width": 16,
        "model.depth": 4,
        "model.fixed_values": True,
        "training.optimizer": "muon",
        "training.batch_size": 20,
        "training.epochs": 20,
    },
}
COLUMNS = [
    "architecture",
    "numbers",
    "training [s]",
    "lattice MAE",
    "relative L2",
    "maximum error",
    "MAE out of the ranges",
    "ms per field",
]


def prediction(surrogate: Surrogate) -> Callable[[], object]:
    """Computes a batch by the network alone."""
    config = surrogate.config
    recipe = config.kind.recipe(1)
    assert isinstance(recipe, FamilyRecipe)
    points = np.stack([recipe.point("test", k) for k in range(TOGETHER)])
    inputs = inputs_of_problem(config, recipe.problem_of({"parameters": points}))
    network = tf.function(lambda x: surrogate.model(x, training=False), autograph=False)
    return lambda: predicted_fields(config, lambda x: network(x).numpy(), inputs)


def row(name: str, base: Config, folder: Path) -> tuple[list[str], Callable[[], object]]:
    """Train one architecture: its row up to the time of predictions, and a prediction."""
    config = base.with_overrides(VARIANTS[name])
    begin = time.process_time()
    run = train(config, folder, folder / "runs" / name)
    seconds = time.process_time() - begin
    surrogate = load_surrogate(run.path)
    tests = [config, config.with_overrides({"data.family.beyond": BEYOND})]
    within, beyond = (
        evaluate(
            run.path, folder, config=test, output=folder / "evaluation" / str(k), report=False
        ).metrics["surrogate"]["all"]
        for k, test in enumerate(tests)
    )
    errors = [within["mae"], within["relative_l2"], within["max_error"], beyond["mae"]]
    numbers = f"{surrogate.model.count_params():,}"
    shown = [f"{error:.1e}" for error in errors]
    return [name, numbers, f"{seconds:.0f}", *shown], prediction(surrogate)


@command(__doc__, "family_architectures")
def main(output: Path) -> None:
    limit_threads(THREADS)
    base = load_config("family")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        seconds = cpu_seconds(partial(generate, base, folder))
        generate(base.with_overrides({"data.family.beyond": BEYOND}), folder)
        starts, calls = zip(*(row(name, base, folder) for name in VARIANTS), strict=True)
    times = [1e3 * took / TOGETHER for took in cpu_medians(calls, ROUNDS)]
    rows = [[*start, f"{each:.3f}"] for start, each in zip(starts, times, strict=True)]
    statistic = f"of a field the median of {ROUNDS} rounds in turns, of training once"
    measured = describe_times(statistic, threads=THREADS)
    caption = f"{measured}; solving the examples took {seconds:.0f} s of it"
    write_table(rows, COLUMNS, output, caption)


if __name__ == "__main__":
    main()
