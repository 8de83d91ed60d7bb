"""Compare the exact solver with the quickstart's surrogate, on test images of the quickstart.

    make quickstart
    python -m benchmarks.quickstart

Fields are computed one image at a time and, for the surrogate and the solver in TensorFlow, also in
batches. The time is the median over the images (or batches) of wall time per image, after a first
pass over all of them that is not timed, so that tables, graphs and memory exist already.
Errors are differences from `solve`, over all images.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

import diffkeras as dk
from benchmarks.frame import command
from benchmarks.tables import describe_machine, write_table
from diffkeras.physics import ExampleRecipe
from diffkeras.tf_solver import TensorSolver

COLUMNS = ["method", "images at once", "time per image [ms]", "lattice MAE", "largest error"]

Method = Callable[[NDArray], NDArray]


def methods(run_dir: Path, lattice: tuple[int, int], medium: dk.Medium) -> dict[str, Method]:
    """Each takes source images (batch, rows, columns) float32 and returns fields."""
    solver = TensorSolver(lattice, medium=medium)
    solve_batch = tf.function(
        lambda images: solver.solve(images).field,
        [tf.TensorSpec((None, *lattice), tf.float32)],
        autograph=False,
    )
    surrogate = tf.saved_model.load(str(run_dir / "saved_model"))
    return {
        "`solve`": lambda images: np.stack([dk.solve(i, medium=medium).field for i in images]),
        "`TensorSolver`": lambda images: solve_batch(images).numpy(),
        "surrogate (SavedModel)": lambda images: surrogate.serve(images[..., None]).numpy()[..., 0],
    }


def measure(method: Method, images: NDArray, size: int) -> tuple[float, NDArray]:
    """Median milliseconds per image, and the fields."""
    batches = [images[start : start + size] for start in range(0, len(images), size)]
    fields = [method(batch) for batch in batches]
    times = []
    for batch in batches:
        start = time.perf_counter()
        method(batch)
        times.append((time.perf_counter() - start) / len(batch))
    return 1e3 * float(np.median(times)), np.concatenate(fields)


@command(__doc__, "quickstart")
@click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    default=Path("saved_models/quickstart"),
    help="An evaluated run.",
)
@click.option("--images", default=20, help="Test images per source count.")
@click.option("--batch", default=50, help="Images per batch.")
def main(run_dir: Path, images: int, batch: int, output: Path) -> None:
    config = dk.load_config(run_dir / "config.yaml")
    medium, lattice, data = config.physics.medium, config.physics.lattice, config.data
    examples = [
        example
        for count in data.sources
        for example in ExampleRecipe(count, lattice, medium, data.radius, data.seed).examples(
            "test", range(images)
        )
    ]
    sources = np.stack([example.source_image for example in examples])
    truth = np.stack([dk.solve(image, medium=medium).field for image in sources])
    rows = []
    for name, method in methods(run_dir, lattice, medium).items():
        in_tensorflow = "Tensor" in name or "SavedModel" in name
        for size in (1, batch) if in_tensorflow else (1,):
            milliseconds, fields = measure(method, sources, size)
            error = np.abs(fields - truth)
            rows.append(
                [
                    name,
                    str(size),
                    f"{milliseconds:.3g}",
                    f"{error.mean():.1e}",
                    f"{error.max():.1e}",
                ]
            )
    nodes = "×".join(map(str, lattice))
    write_table(
        rows,
        COLUMNS,
        output,
        f"{len(examples)} test images of {nodes} nodes with "
        f"{data.sources[0]} to {data.sources[-1]} sources. {describe_machine()}",
    )


if __name__ == "__main__":
    main()
