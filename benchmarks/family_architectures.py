"""Architectures on the dataset of one family: how exact they are, and what training takes.

    python -m benchmarks.family_architectures            # generate, train and measure

The dataset is that of the configuration `family`. A reduced basis with a kernel is fitted; one with
a network, and the encoder-decoder on the family's maps, are trained by gradients. Errors are those
of `diffkeras evaluate` over the test examples, and over as many out of the ranges by 30 % of their
widths (of the logarithms). Training is its CPU time in two threads of TensorFlow; a prediction that
of one thread for a batch of 64 fields, per field.
"""

import docs.quiet_tensorflow  # noqa: F401

import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import tensorflow as tf

from benchmarks.shared.command import PATH, command
from benchmarks.shared.measures import cpu_medians
from benchmarks.shared.tables import describe_machine, write_table
from diffkeras.config import Config, load_config
from diffkeras.physics.sampling.families.recipe import FamilyRecipe
from diffkeras.surrogates.inputs import inputs_of_problem
from diffkeras.surrogates.predicted_fields import predicted_fields
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
from diffkeras.system.tensorflow_setup import limit_threads
from diffkeras.workflows import evaluate, generate, train

BEYOND = 0.3
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


def milliseconds(surrogate: Surrogate) -> float:
    """The CPU time of the network alone per field [ms]."""
    config = surrogate.config
    recipe = config.kind.recipe(1)
    assert isinstance(recipe, FamilyRecipe)
    points = np.stack([recipe.point("test", k) for k in range(TOGETHER)])
    inputs = inputs_of_problem(config, recipe.problem_of({"parameters": points}))
    network = tf.function(lambda x: surrogate.model(x, training=False), autograph=False)

    def predict() -> None:
        predicted_fields(config, lambda x: network(x).numpy(), inputs)

    predict()
    [seconds] = cpu_medians([predict], ROUNDS - 1)
    return 1e3 * seconds / TOGETHER


def row(name: str, base: Config, folder: Path) -> list[str]:
    """Train and measure one architecture."""
    config = base.with_overrides(VARIANTS[name])
    begin = time.process_time()
    run = train(config, folder, folder / "runs" / name, overwrite=True)
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
    return [name, numbers, f"{seconds:.0f}", *shown, f"{milliseconds(surrogate):.3f}"]


@command(__doc__, "family_architectures")
@click.option(
    "--folder", type=PATH, default=Path("data/family_benchmark"), help="Folder of data and runs."
)
def main(folder: Path, output: Path) -> None:
    limit_threads(2)
    base = load_config("family")
    begin = time.process_time()
    generate(base, folder)
    seconds = time.process_time() - begin
    generate(base.with_overrides({"data.family.beyond": BEYOND}), folder)
    rows = [row(name, base, folder) for name in VARIANTS]
    caption = f"{describe_machine()}; solving the examples took {seconds:.0f} s of CPU"
    write_table(rows, COLUMNS, output, caption)


if __name__ == "__main__":
    main()
