"""Train the architectures on the quickstart's data and measure their errors on its test images.

    python -m benchmarks.architectures                       # the docs' table, some 15 minutes
    python -m benchmarks.architectures --epochs 1            # all for one epoch, quicker

All see the same examples. Times are CPU time in one thread. The numbers of epochs are chosen so
that no training run takes longer than that of the paper's network, the first row. The time per
image is that of all test images, in batches of 100. It needs the datasets of `diffkeras generate
--config quickstart`. The last rows are rounds of `refine` from a field of zeros, with nothing
trained.
"""

import gc
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmarks.tables import describe_machine, write_table
from diffkeras.config import Config, load_config
from diffkeras.data import raw_dataset
from diffkeras.physics import refine_rounds
from diffkeras.surrogates.surrogate import load_surrogate
from diffkeras.workflows import train

COLUMNS = [
    "architecture",
    "weights",
    "epochs",
    "training",
    "lattice MAE",
    "source MAE",
    "largest error",
    "images above 0.05",
    "time per image",
]
U_NET = {"model.architecture": "u_net", "model.width": 8}
RING = {"model.architecture": "ring_density_network", "model.width": 8}
CG = {"model.architecture": "unrolled_cg", "training.epochs": 2}
VARIANTS: dict[str, dict[str, Any]] = {
    "encoder-decoder (the paper's)": {},
    "encoder-decoder, 2 corrections": {"model.corrections": 2, "training.epochs": 1},
    "U-Net, fixed values": {**U_NET, "model.fixed_values": True, "training.epochs": 2},
    "U-Net, 3 corrections": {**U_NET, "model.corrections": 3, "training.epochs": 2},
    "ring densities, 3 corrections": {**RING, "model.corrections": 3, "training.epochs": 2},
    "no network, 2 corrections": {**CG, "model.corrections": 2},
    "no network, 3 corrections": {**CG, "model.corrections": 3},
    "no network, 4 corrections": {**CG, "model.corrections": 4},
}
LIMIT = 0.05  # error that no test image should exceed


def read_test_images(config: Config, data_dir: Path) -> tuple[NDArray, NDArray]:
    """All source images and fields of the test split, (images, rows, columns)."""
    images, fields = [], []
    for count in config.data.sources:
        examples = raw_dataset(config, count, "test", data_dir)
        for example in examples.as_numpy_iterator():
            images.append(example["source_image"][..., 0])
            fields.append(example["field"][..., 0])
    return np.array(images), np.array(fields)


def describe_errors(found: NDArray, images: NDArray, fields: NDArray) -> list[str]:
    """The four columns about errors."""
    errors = np.abs(found - fields)
    largest = errors.max(axis=(1, 2))
    on_sources = [error[image > 0].mean() for error, image in zip(errors, images, strict=True)]
    above = f"{np.count_nonzero(largest > LIMIT)} of {len(images)}"
    values = (errors.mean(), np.mean(on_sources), largest.max())
    return [*(f"{value:.2g}" for value in values), above]


def measure(name: str, config: Config, data_dir: Path, images: NDArray, fields: NDArray) -> list:
    """Train one architecture and return its row."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        run = train(config, data_dir, Path(folder) / "run")
        seconds = time.process_time() - start
        surrogate = load_surrogate(run.path)
    surrogate.network_fields(images[:100], batch_size=100)
    start = time.process_time()
    found = surrogate.network_fields(images, batch_size=100)
    each = (time.process_time() - start) / len(images)
    weights = sum(int(np.prod(v.shape)) for v in surrogate.model.trainable_variables)
    return [
        name,
        f"{weights:,}",
        str(config.training.epochs),
        f"{seconds:.0f} s",
        *describe_errors(found, images, fields),
        f"{1e3 * each:.2f} ms",
    ]


def refine_from_zeros(rounds: int, config: Config, images: NDArray, fields: NDArray) -> list[str]:
    """The row of rounds of `refine` from a field of zeros."""
    medium = config.physics.medium
    start = time.process_time()
    found = np.array([refine_rounds(image, rounds, medium=medium) for image in images])
    each = (time.process_time() - start) / len(images)
    name = f"`refine` from zeros, {rounds} round{'s' if rounds > 1 else ''}"
    errors = describe_errors(found, images, fields)
    return [name, "0", "0", "0 s", *errors, f"{1e3 * each:.2f} ms"]


@click.command(help=__doc__.split("\n", 1)[0])
@click.option("--epochs", type=click.IntRange(min=1), help="Epochs of all architectures.")
@click.option("--only", multiple=True, type=click.Choice(list(VARIANTS)))
@click.option("--data-dir", type=click.Path(path_type=Path), default=Path("data"))
@click.option("--output", type=click.Path(path_type=Path), default=None)
def main(epochs: int | None, only: tuple[str, ...], data_dir: Path, output: Path | None) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    base = load_config("quickstart")
    images, fields = read_test_images(base, data_dir)
    rows = []
    for name in only or VARIANTS:
        config = base.with_overrides(VARIANTS[name])
        if epochs:
            config = config.with_overrides({"training.epochs": epochs})
        rows.append(measure(name, config, data_dir, images, fields))
        click.echo(" | ".join(rows[-1]))
        gc.collect()
    rows += [refine_from_zeros(rounds, base, images, fields) for rounds in (1, 2)]
    machine = describe_machine(("tensorflow", "keras"), used="1 core")
    output = output or Path(__file__).parent / "results" / "architectures"
    write_table(rows, COLUMNS, output, f"CPU time in one thread on {machine}")


if __name__ == "__main__":
    main()
