"""Train the architectures on equal examples and measure their errors on the same test images.

    python -m benchmarks.architectures                       # fixed values, 64² nodes: 25 minutes
    python -m benchmarks.architectures --problem production
    python -m benchmarks.architectures --problem curves      # fixed values, fewer examples

The problems are from `quickstart` and `quickstart_production`. Missing datasets are generated. The
curves are errors against the number of training examples, with equally many passes over them.

Times are CPU time in one thread. The numbers of epochs are chosen so that no training run takes
longer than the encoder-decoder, the first row. Runs of the same machine and packages that
are in `--runs` aren't made again; rows name the versions of their training and of the measurement.
The time per image is for all test images, in batches of 100: the median of five rounds, in
which all rows take turns. The last row is the exact solver, which takes them one by one.
"""

import docs.quiet_tensorflow  # noqa: F401

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.shared.command import PATH, command
from benchmarks.shared.images import drawn_images
from benchmarks.shared.measures import cpu_medians
from benchmarks.shared.runs import trained
from benchmarks.shared.tables import describe_machine, describe_times, joined, version, write_table
from diffkeras.config import Config, load_config
from diffkeras.data import generate
from diffkeras.evaluation.errors import image_errors
from diffkeras.evaluation.images import ImageBatch
from diffkeras.physics import solve
from diffkeras.system.tensorflow_setup import limit_threads

Problem = Literal["fixed", "production"]
CURVES = (250, 500, 1000, 2500, 5000)  # training examples
ERROR = "lattice MAE"
COLUMNS = [
    "architecture",
    "weights",
    "epochs",
    "training",
    ERROR,
    "source MAE",
    "largest error",
    "images above 0.05",
    "time per image",
]
LIMIT = 0.05  # error that no test image should exceed
BATCH, ROUNDS = 100, 5


@dataclass(frozen=True)
class Variant:
    """One architecture: what it changes in the model section, and its epochs."""

    model: dict[str, Any]
    epochs: int
    problems: tuple[Problem, ...] = ("fixed",)

    def config(self, base: Config) -> Config:
        overrides = {f"model.{key}": value for key, value in self.model.items()}
        return base.with_overrides({**overrides, "training.epochs": self.epochs})


U_NET = {"architecture": "u_net", "width": 8}
FNO = {"architecture": "fourier_neural_operator", "width": 16, "depth": 4, "modes": 12}
U_NET_EPOCHS, FNO_EPOCHS, CORRECTED_EPOCHS, CG_EPOCHS = 7, 4, 5, 4


def _rounds(corrections: int) -> Variant:
    return Variant({"architecture": "unrolled_cg", "corrections": corrections}, CG_EPOCHS)


ENCODER_DECODER = "encoder-decoder"
VARIANTS: dict[str, Variant] = {
    ENCODER_DECODER: Variant({}, 8, ("fixed", "production")),
    "U-Net": Variant(U_NET, U_NET_EPOCHS, ("production",)),
    "U-Net, fixed values": Variant({**U_NET, "fixed_values": True}, U_NET_EPOCHS),
    "FNO": Variant(FNO, FNO_EPOCHS, ("production",)),
    "FNO, fixed values": Variant({**FNO, "fixed_values": True}, FNO_EPOCHS),
    "U-Net, 3 corrections": Variant({**U_NET, "corrections": 3}, CORRECTED_EPOCHS),
    "no network, 3 corrections": _rounds(3),
    "no network, 4 corrections": _rounds(4),
    "no network, 5 corrections": _rounds(5),
}
ON_CURVES = (
    ENCODER_DECODER,
    "FNO, fixed values",
    "U-Net, fixed values",
    "no network, 4 corrections",
    "no network, 5 corrections",
)


def errors(found: NDArray, test: ImageBatch) -> list[str]:
    """The four columns about errors."""
    table = image_errors(found, test.fields, test.images)
    above = f"{np.count_nonzero(table['max_error'] > LIMIT)} of {len(found)}"
    values = (table["mae"].mean(), table["mae_sources"].mean(), table["max_error"].max())
    return [*(f"{value:.2g}" for value in values), above]


def exact_fields(config: Config, images: NDArray) -> NDArray:
    """The fields of the exact solver, on the scale of the data."""
    medium = config.physics.medium

    def solved(image: NDArray) -> NDArray:
        if config.physics.sources == "fixed_value":
            return solve(image, medium=medium).field
        field = solve(production=image.astype(float), medium=medium).field
        return field / field.max()

    return np.array([solved(image) for image in images])


def write_curves(base: Config, test: ImageBatch, data_dir: Path, runs: Path, output: Path) -> None:
    """The errors of some architectures after training on parts of the examples."""
    rows, versions = [], []
    for name in ON_CURVES:
        found = []
        for size in CURVES:
            config = VARIANTS[name].config(base)
            config = config.with_overrides({"data.train_fraction": size / CURVES[-1]})
            found.append(trained(name, config, data_dir, runs))
        fields = [
            one.surrogate.fields(test.images, batch_size=BATCH, divided=True) for one in found
        ]
        rows.append([name, *(errors(each, test)[0] for each in fields)])
        versions.append(joined(one.versions for one in found))
    columns = [COLUMNS[0], *(f"{size:,} examples" for size in CURVES)]
    caption = f"{ERROR} of {len(test)} test images. {describe_machine(threads=1)}"
    write_table(rows, columns, output.with_name("learning_curves"), caption, versions)


@command(
    __doc__,
    "architectures",
    "the table, without _PROBLEM_64.csv; of curves its folder",
    published=("problem",),
)
@click.option("--problem", type=click.Choice(["fixed", "production", "curves"]), default="fixed")
@click.option("--data-dir", type=PATH, default=Path("data"))
@click.option("--runs", type=PATH, default=Path("saved_models/architectures"))
def main(problem: Problem | Literal["curves"], data_dir: Path, runs: Path, output: Path) -> None:
    limit_threads(1)
    base = load_config("quickstart_production" if problem == "production" else "quickstart")
    generate(base, data_dir)
    test = drawn_images(base)
    if problem == "curves":
        write_curves(base, test, data_dir, runs, output)
        return
    starts, calls, versions = [], list[Callable[[], NDArray]](), list[str]()
    for name, variant in VARIANTS.items():
        if problem in variant.problems:
            config = variant.config(base)
            surrogate, seconds, of_run = trained(name, config, data_dir, runs)
            weights = sum(int(np.prod(v.shape)) for v in surrogate.model.trainable_variables)
            starts.append([name, f"{weights:,}", str(config.training.epochs), seconds])
            calls.append(partial(surrogate.fields, test.images, batch_size=BATCH, divided=True))
            versions.append(of_run)
    starts.append(["exact solver", "0", "0", "0 s"])
    calls.append(partial(exact_fields, base, test.images))
    versions.append(version())
    found = [errors(call(), test) for call in calls]
    milliseconds = [1e3 * each / len(test) for each in cpu_medians(calls, ROUNDS)]
    rows = [
        [*start, *of_errors, f"{each:.2f} ms"]
        for start, of_errors, each in zip(starts, found, milliseconds, strict=True)
    ]
    caption = describe_times(f"of images the median of {ROUNDS} rounds in turns, of training once")
    output = output.with_name(f"{output.name}_{problem}_64")
    write_table(rows, COLUMNS, output, caption, versions)


if __name__ == "__main__":
    main()
