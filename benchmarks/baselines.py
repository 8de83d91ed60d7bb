"""Measure fields that need no training against networks: their errors and what they cost.

    python -m benchmarks.baselines                   # the docs' table, some minutes
    python -m benchmarks.baselines --images 4        # fewer images, quicker

Each problem is measured on test images of its configuration. Errors are differences from `solve`,
over all images. The time is CPU time in one thread, per image: of each call the fastest of five
rounds, after one that isn't timed, and of these the mean over the images. In a round, methods take
turns on each image. The table has the time divided by `solve`'s time in the same run. Networks
take part if their runs are there, `saved_models/quickstart` and
`saved_models/quickstart_production`. Their SavedModels, and the exact solver in TensorFlow, get all
images in one batch, at the end of a round.
"""

import docs.quiet_tensorflow  # noqa: F401

from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import tensorflow as tf
import threadpoolctl
from numpy.typing import NDArray

import diffkeras as dk
from benchmarks.shared.command import PATH, command
from benchmarks.shared.measures import cpu_turns
from benchmarks.shared.tables import describe_times, write_table
from benchmarks.solver.methods import transform_pair
from diffkeras.config import Config
from diffkeras.evaluation.images import draw_images, joined
from diffkeras.evaluation.methods import EXACT, baselines
from diffkeras.graph import TensorSolver
from diffkeras.system.tensorflow_setup import limit_threads

COLUMNS = ["problem", "method", "lattice MAE", "largest error", "time per image / exact solver"]
ROUNDS = 5
PAIR = "bare transform pair"


class Case(NamedTuple):
    """Test images of a configuration."""

    name: str  # in the table
    config: str  # name of the configuration
    counts: tuple[int, ...]  # source counts
    run: str | None = None  # name of the run whose network is compared


CASES = (
    Case("64², 1 to 5 discs, fixed values", "quickstart", (1, 2, 3, 4, 5), "quickstart"),
    Case("512², 20 discs, fixed values", "paper", (20,)),
    Case(
        "64², 1 to 5 discs, production",
        "quickstart_production",
        (1, 2, 3, 4, 5),
        "quickstart_production",
    ),
    Case("512², 20 discs, production", "paper_production", (20,)),
)


def measure(problem: Case, images: int, runs: Path) -> list[list[str]]:
    config = dk.load_config(problem.config)
    drawn = joined([draw_images(config, count, range(images)) for count in problem.counts])
    singles = [drawn.part([k]) for k in range(len(drawn))]
    methods = baselines(config)
    fields = {m.name: [m.compute(one).fields[0] for one in singles] for m in methods}
    batches = {
        name: partial(predict, drawn.images)
        for name, predict in batched(problem, config, runs).items()
    }
    fields |= {name: batch().numpy() for name, batch in batches.items()}
    alone: list[list[Callable[[], object]]] = [
        [transform_pair(one.images[0].astype(float)), *(partial(m.compute, one) for m in methods)]
        for one in singles
    ]
    fastest = np.min(cpu_turns([*chain(*alone), *batches.values()], ROUNDS), axis=1)
    of_singles, of_batches = np.split(fastest, [len(singles) * len(alone[0])])
    means = [*of_singles.reshape(len(singles), -1).mean(axis=0), *(of_batches / len(drawn))]
    times = dict(zip([PAIR, *fields], means, strict=True))
    truth = np.stack(fields[EXACT])
    scale = truth.max(axis=(1, 2), keepdims=True) if config.data.divide_by_maximum else 1.0
    ratios = {name: f"{took / times[EXACT]:.2g}" for name, took in times.items()}
    rows = []
    for name, found in fields.items():
        error = np.abs(np.stack(found) - truth) / scale
        errors = ["0", "0"] if name == EXACT else [f"{error.mean():.1e}", f"{error.max():.1e}"]
        rows.append([problem.name, name, *errors, ratios[name]])
    return [*rows, [problem.name, PAIR, "", "", ratios[PAIR]]]


def batched(problem: Case, config: Config, runs: Path) -> dict[str, Callable[[NDArray], tf.Tensor]]:
    """Methods in TensorFlow; each takes a batch of source images, and returns their fields."""
    lattice, medium = config.physics.lattice, config.physics.medium
    solver = TensorSolver(lattice, medium=medium)

    @tf.function(input_signature=[tf.TensorSpec((None, *lattice), tf.float32)], autograph=False)
    def solve(images: tf.Tensor) -> tf.Tensor:
        if config.physics.sources == "production":
            return solver.solve(production=medium.decay * images).field
        return solver.solve(images).field

    found = {"exact solver in TensorFlow, in a batch": solve}
    network = runs / problem.run / "saved_model" if problem.run else None
    if network and network.is_dir():
        model = tf.saved_model.load(str(network))
        name = f"network of `{problem.run}`, in a batch"
        found[name] = lambda images: model.serve(images[..., None])[..., 0]
    return found


@command(__doc__, "baselines")
@click.option("--images", default=20, help="Test images per source count.")
@click.option("--runs", type=PATH, default=Path("saved_models"), help="Directory of the runs.")
def main(images: int, runs: Path, output: Path) -> None:
    limit_threads(1)
    with threadpoolctl.threadpool_limits(1):
        rows = [row for problem in CASES for row in measure(problem, images, runs)]
    times = describe_times(f"the fastest of {ROUNDS} rounds in turns, the mean over the images")
    write_table(rows, COLUMNS, output, f"{images} test images per source count. {times}")


if __name__ == "__main__":
    main()
