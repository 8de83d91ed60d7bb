"""The first rows of the leaderboard: networks of this package, and what takes no training.

    python -m benchmarks.leaderboard                       # fixed_values_64: ten minutes
    python -m benchmarks.leaderboard --benchmark tissue_64

Each network is trained for the same CPU time, by Adam on the mean absolute error, with a learning
rate that falls to 0 by a cosine. The number of steps follows from the CPU time of the first ones.
Networks whose predictions are there aren't trained again. Submissions are left in `--output`.
"""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click
import keras
import numpy as np
from ruamel.yaml import YAML

from benchmarks.tables import describe_machine
from diffkeras.evaluation.benchmark_data.archive import BenchmarkSplit
from diffkeras.evaluation.benchmark_data.problems import SHIFTS
from diffkeras.evaluation.benchmark_data.splits import public_split
from diffkeras.evaluation.leaderboard import MANIFEST
from diffkeras.physics import solve
from diffkeras.surrogates.build import build_model
from diffkeras.workflows import load_benchmark, make_leaderboard

RESULTS = Path(__file__).parent / "results" / "leaderboard.md"
BATCH, WARM_STEPS, TIMED_STEPS = 16, 5, 20
SPLITS = ("test", *SHIFTS)


@dataclass(frozen=True)
class Network:
    """What differs between the rows."""

    name: str
    model: dict[str, Any] = field(default_factory=dict)
    learning_rate: float = 3e-3


NETWORKS = (
    Network("Encoder-decoder", {"architecture": "encoder_decoder", "width": 32, "depth": 4}),
    Network("U-Net", {"architecture": "u_net", "width": 8, "depth": 4}),
    Network(
        "Fourier neural operator",
        {"architecture": "fourier_neural_operator", "width": 16, "depth": 4, "modes": 12},
    ),
)


def trained(network: Network, name: str, train: BenchmarkSplit, seed: int, budget: float) -> Any:
    """A network after `budget` seconds of CPU time."""
    keras.utils.set_random_seed(seed)
    overrides = {f"model.{key}": value for key, value in network.model.items()}
    overrides["model.fixed_values"] = not name.startswith("production")
    model = build_model(public_split(name).config().with_overrides(overrides))
    order = np.random.default_rng(seed)

    def run(steps: int, learning_rate: Any) -> float:
        chosen = order.integers(0, len(train), steps * BATCH)
        model.compile(keras.optimizers.Adam(learning_rate), "mae")
        start = time.process_time()
        model.fit(
            train.inputs[chosen], train.fields[chosen], BATCH, epochs=1, shuffle=False, verbose=0
        )
        return time.process_time() - start

    weights = model.get_weights()
    run(WARM_STEPS, 0.0)
    each = run(TIMED_STEPS, 0.0) / TIMED_STEPS
    model.set_weights(weights)
    steps = max(int(budget / each), 1)
    run(steps, keras.optimizers.schedules.CosineDecay(network.learning_rate, steps))
    return model


def time_of(compute: Any, images: int = 20) -> float:
    """Median CPU time of a call for one image [ms]."""
    compute(0)
    times = []
    for image in range(images):
        start = time.process_time()
        compute(image)
        times.append(1e3 * (time.process_time() - start))
    return float(np.median(times))


def write_manifest(path: Path, **values: Any) -> None:
    path.mkdir(parents=True, exist_ok=True)
    with (path / MANIFEST).open("w") as file:
        yaml = YAML()
        yaml.default_flow_style = False
        yaml.dump(values, file)


@click.command()
@click.option("--benchmark", default="fixed_values_64", show_default=True)
@click.option("--seconds", default=30.0, show_default=True, help="CPU time of each training.")
@click.option("--seeds", default=3, show_default=True)
@click.option("--data-dir", default="data", show_default=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", default="leaderboard", type=click.Path(path_type=Path))
def main(benchmark: str, seconds: float, seeds: int, data_dir: Path, output: Path) -> None:
    splits = {
        split: load_benchmark(benchmark, split, data_dir=data_dir)
        for split in ("train", "validation", *SPLITS)
    }
    train, test = splits["train"], splits["test"]
    solve_time = time_of(lambda image: solve(test.problem(image)))
    common = {
        "authors": "diffkeras",
        "hardware": f"{describe_machine()}; CPU time",
        "solve_milliseconds_per_field": round(solve_time, 3),
    }
    zero = output / "submissions" / "zero"
    for split in SPLITS:
        fields = np.zeros_like(splits[split].fields)
        (zero / benchmark).mkdir(parents=True, exist_ok=True)
        splits[split].write_predictions(zero / benchmark / f"{split}_0.npz", fields)
    write_manifest(
        zero,
        model="Field of zeros",
        parameters=0,
        training_seconds=0,
        training_images=0,
        seeds=[0],
        tuning="none",
        **common,
    )
    for network in NETWORKS:
        path = output / "submissions" / network.name.lower().replace(" ", "_")
        (path / benchmark).mkdir(parents=True, exist_ok=True)
        for seed in range(seeds):
            files = {split: path / benchmark / f"{split}_{seed}.npz" for split in SPLITS}
            # for benchmarks.intervals; the validation split has no row in the table
            files["validation"] = output / "validation" / benchmark / f"{path.name}_{seed}.npz"
            files["validation"].parent.mkdir(parents=True, exist_ok=True)
            if all(file.exists() for file in files.values()):
                continue
            print(f"training {network.name}, seed {seed}", flush=True)
            model = trained(network, benchmark, train, seed, seconds)
            for split, file in files.items():
                fields = model.predict(splits[split].inputs, batch_size=32, verbose=0)
                splits[split].write_predictions(file, fields)
            write_manifest(
                path,
                model=network.name,
                parameters=model.count_params(),
                training_seconds=seconds,
                training_images=len(train),
                seeds=list(range(seed + 1)),
                tuning="none on this benchmark",
                milliseconds_per_field=round(
                    time_of(lambda k, m=model: m(test.inputs[k : k + 1])), 3
                ),
                **common,
            )
    board = make_leaderboard(
        sorted((output / "submissions").iterdir()), output / "table", data_dir=data_dir
    )
    RESULTS.write_text(board.text.replace("## ", "### "))
    print(board.text)


if __name__ == "__main__":
    main()
