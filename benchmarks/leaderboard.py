"""The rows of the leaderboard: networks of this package, and classical methods.

    python -m benchmarks.leaderboard            # fixed_values_64: 20 minutes of CPU time
    # afterwards, on a quiet machine, with the same other options: a minute
    python -m benchmarks.leaderboard --times

Each network is tuned and trained for the same CPU time, by Adam on the mean absolute error, with a
learning rate that falls to 0 by a cosine. The number of steps follows from the CPU time of the
first ones. To tune a network, its widths and learning rates are tried with one seed, for equal CPU
time each; the pair with the smallest relative L2 error on the validation split is trained for all
seeds. The network that is best on the validation split is also a start for `solve`, to tolerances.

What is there isn't made again, so an interrupted command goes on. Submissions, networks and trials
are left in `--folder`, which is refused if they were made with other CPU times or settings. The
times are wall-clock times, and `--times` measures nothing else.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from benchmarks.frame import PATH, command
from benchmarks.leaderboard_networks import NETWORKS, Network, inputs_of, networks_of, train
from benchmarks.tables import describe_machine, version, write_table
from diffkeras.config import Config
from diffkeras.errors import PhysicsError, RunError
from diffkeras.evaluation.benchmark_data.archive import BenchmarkSplit
from diffkeras.evaluation.benchmark_data.leaderboard import MANIFEST
from diffkeras.evaluation.benchmark_data.problems import SHIFTS
from diffkeras.evaluation.benchmark_data.splits import public_split
from diffkeras.evaluation.errors import image_errors
from diffkeras.evaluation.images import ImageBatch, joined
from diffkeras.evaluation.measurement import measure_times
from diffkeras.evaluation.methods.classical import ROUNDS, classical_methods
from diffkeras.evaluation.methods.table import EXACT, TOLERANCES, Method, network_fields, predicted
from diffkeras.surrogates.run_identity import run_identity
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.atomic_files import read_json, replacing, write_json, write_text
from diffkeras.system.fingerprint import fingerprint
from diffkeras.system.yaml_io import read_yaml
from diffkeras.workflows import load_benchmark, make_leaderboard

TIMED_BATCH, TURNS = 64, 5
MADE_WITH = "made_with.json"  # times and settings of what is in the folder
VALIDATED = 100  # images on which trials are compared
SPLITS = ("test", *SHIFTS)
# the most exact and the cheapest of `classical_methods`, as far as a problem has them
CLASSICAL = (
    *("zero field", "superposition", "1 number a disc", "mean medium"),
    *(f"plain CG, {rounds} rounds" for rounds in ROUNDS),
    *("multigrid CG, 3 rounds", "Newton with multigrid, 4 rounds", "PyAMG, 0.01", "solve to 0.01"),
    EXACT,
)


@dataclass
class Board:
    """What is made of one benchmark, and where it is kept.

    Attributes:
        benchmark: its name.
        folder: the folder.
        output: of the tables, without suffix.
        data_dir: where the splits are kept.
        seconds: CPU time of each training.
        trial_seconds: CPU time of each trial.
        seeds: number of trainings of each network.
    """

    benchmark: str
    folder: Path
    output: Path
    data_dir: Path
    seconds: float
    trial_seconds: float
    seeds: int
    _splits: dict[str, BenchmarkSplit] = field(default_factory=dict)

    def split(self, name: str) -> BenchmarkSplit:
        """A split, which is kept in memory."""
        if name not in self._splits:
            self._splits[name] = load_benchmark(self.benchmark, name, data_dir=self.data_dir)
        return self._splits[name]

    def images(self, name: str) -> list[ImageBatch]:
        """The images of a split as methods take them."""
        config = public_split(self.benchmark, name).config()
        divided = config.data.divide_by_maximum
        drawn = public_split(self.benchmark, name).images()
        return [batch.solve(divide_by_maximum=divided) if divided else batch for batch in drawn]

    @cached_property
    def hardware(self) -> str:
        """The machine in one line."""
        return describe_machine()

    def check_made_with(self, network: Network) -> None:
        """Note what a network is made with, before anything of it is.

        Raises:
            RunError: what is there of it was made with other times, widths, rates or settings.
        """
        identities = [run_identity(network.config(self.benchmark, w)) for w in network.widths]
        tried = {"configurations": identities, "learning rates": network.learning_rates}
        settings = f"configuration or learning rate of {network.name} on {self.benchmark}"
        times = {"--seconds": self.seconds, "--trial-seconds": self.trial_seconds}
        wanted = {**times, settings: fingerprint(tried)}
        file = self.folder / MADE_WITH
        known = read_json(file) if file.exists() else {}
        unknown = self.trials(network).exists()  # of an earlier version, which noted nothing
        if others := [
            name
            for name in wanted
            if (name in known or unknown) and known.get(name) != wanted[name]
        ]:
            former = [
                f"{name} {known[name]:g}" for name in others if name in times and name in known
            ]
            raise RunError(
                f"{self.folder} was made with another {' and '.join(others)}; give "
                f"{' '.join([*former, 'or'] * bool(former))} another --folder"
            )
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, known | wanted)

    # tuning

    def trials(self, network: Network) -> Path:
        """The file of the trials of a network."""
        return self.folder / "trials" / f"{self.benchmark}_{network.folder}.csv"

    def tuned(self, network: Network) -> tuple[int, float]:
        """The width and the learning rate with the smallest error on the validation split."""
        self.check_made_with(network)
        file = self.trials(network)
        columns = ["network", "width", "learning rate", "parameters", "relative L2 error"]
        rows = pd.read_csv(file).values.tolist() if file.exists() else []
        for width, rate in network.candidates[len(rows) :]:
            config = network.config(self.benchmark, width)
            model = train(config, self.split("train"), rate, 0, self.trial_seconds)
            error = self.validation_error(model, config)
            rows.append([network.name, width, rate, model.count_params(), error])
            print(f"{network.name}, width {width}, learning rate {rate:g}: {error:.3f}", flush=True)
            file.parent.mkdir(parents=True, exist_ok=True)
            with replacing(file) as partial:
                pd.DataFrame(rows, columns=columns).to_csv(partial, index=False)
        best = min(rows, key=lambda row: row[-1])
        return int(best[1]), float(best[2])

    def validation_error(self, model: keras.Model, config: Config) -> float:
        """Mean relative L2 error of some of the images."""
        split = self.split("validation")
        split = split.part(np.arange(0, len(split), max(len(split) // VALIDATED, 1)))
        fields = model.predict(inputs_of(split, config), batch_size=32, verbose=0)[..., 0]
        table = image_errors(fields, split.fields[..., 0], split.inputs[..., 0])
        return float(table["relative_l2"].mean())

    def tuning_in_words(self, network: Network) -> str:
        """For the manifest."""
        rates = ", ".join(f"{rate:g}" for rate in network.learning_rates)
        widths = f"widths {', '.join(map(str, network.widths))}, " if network.widths[1:] else ""
        number = len(network.candidates)
        return f"{number} trainings of {self.trial_seconds:g} s: {widths}learning rates {rates}"

    def write_trials(self) -> None:
        """The table of all trials."""
        files = map(self.trials, networks_of(self.benchmark))
        table = pd.concat([pd.read_csv(file) for file in files])
        fixed = [each.name for each in networks_of(self.benchmark) if not each.widths[1:]]
        rows = [
            [name, "" if name in fixed else str(width), f"{rate:g}", f"{weights:,}", f"{error:.2g}"]
            for name, width, rate, weights, error in table.itertuples(index=False)
        ]
        caption = f"{self.benchmark}, {self.trial_seconds:g} s of CPU time each; {self.hardware}"
        columns = ["network", "width", "learning rate", "parameters", "error on `validation`"]
        output = self.output.with_name(f"{self.output.name}_trials_{self.benchmark}")
        # trials that are kept may be of earlier versions
        write_table(rows, columns, output, caption, versions=[""] * len(rows))

    # networks

    def model_file(self, network: Network, seed: int) -> Path:
        """The trained network of a seed; beside it is a .json file with its wall-clock time."""
        return self.folder / "models" / self.benchmark / f"{network.folder}_{seed}.keras"

    def surrogate(self, network: Network, seed: int) -> Surrogate:
        """The trained network of a seed, with its physics."""
        width, rate = self.tuned(network)
        config = network.config(self.benchmark, width)
        file = self.model_file(network, seed)
        if not file.exists():
            print(f"training {network.name}, seed {seed}", flush=True)
            start = time.perf_counter()
            model = train(config, self.split("train"), rate, seed, self.seconds)
            took = time.perf_counter() - start
            file.parent.mkdir(parents=True, exist_ok=True)
            write_json(file.with_suffix(".json"), {"training_seconds": took})
            with replacing(file) as partial:
                model.save(partial)
        return Surrogate(keras.saving.load_model(file), config)

    def submit_network(self, network: Network) -> None:
        """Predictions of a network of all seeds, also of the validation split."""
        took = []
        for seed in range(self.seeds):
            surrogate = self.surrogate(network, seed)
            took.append(read_json(self.model_file(network, seed).with_suffix(".json")))
            for name in ("validation", *SPLITS):
                folder = self.folder / "validation" if name == "validation" else None
                self.submit(network.folder, name, seed, surrogate, folder)
        parameters = sum(int(np.prod(v.shape)) for v in surrogate.model.trainable_variables)
        self.write_manifest(
            network.folder,
            model=network.name,
            parameters=parameters,
            training_seconds=float(f"{np.mean([one['training_seconds'] for one in took]):.3g}"),
            training_images=len(self.split("train")),
            seeds=list(range(self.seeds)),
            tuning=self.tuning_in_words(network),
        )

    def submit(
        self, folder: str, name: str, seed: int, surrogate: Surrogate, place: Path | None
    ) -> None:
        """The predictions of a network of one split, where they are missing."""
        file = self.folder / "submissions" / folder / self.benchmark / f"{name}_{seed}.npz"
        if place is not None:  # for benchmarks.intervals; the split has no row in the table
            file = place / self.benchmark / f"{folder}_{seed}.npz"
        if file.exists():
            return
        inputs = inputs_of(self.split(name), surrogate.config)
        fields = surrogate.model.predict(inputs, batch_size=32, verbose=0)
        file.parent.mkdir(parents=True, exist_ok=True)
        self.split(name).write_predictions(file, fields)

    def best_network(self) -> Network:
        """The network with the smallest error of seed 0 on the validation split, of those that
        don't know the equation."""

        def error(network: Network) -> float:
            surrogate = self.surrogate(network, 0)
            return self.validation_error(surrogate.model, surrogate.config)

        return min(NETWORKS, key=error)

    # other methods

    def methods(self) -> Iterator[tuple[str, dict[str, Any], list[Method]]]:
        """Folder, manifest and method of each seed, of all that is no network alone."""
        config = public_split(self.benchmark).config()
        for method in classical_methods(config):
            if method.name in CLASSICAL:
                texts = {"model": method.name[0].upper() + method.name[1:], "tuning": "none"}
                numbers = {"parameters": 0, "training_seconds": 0, "training_images": 0}
                folder = "classical_" + method.name.replace(" ", "_").replace(",", "")
                yield folder, {**texts, **numbers, "seeds": [0]}, [method]
        best = self.best_network()
        surrogates = [self.surrogate(best, seed) for seed in range(self.seeds)]
        own = read_yaml(self.folder / "submissions" / best.folder / MANIFEST)
        for tolerance in TOLERANCES:
            name = f"{best.name}, solved to {tolerance:g}"
            yield (
                f"{best.folder}_to_{tolerance:g}",
                {**own, "model": name},
                [Method(name, predicted(one, tolerance), takes_batches=True) for one in surrogates],
            )

    def submit_method(self, folder: str, manifest: dict[str, Any], methods: list[Method]) -> None:
        """The fields of a method."""
        path = self.folder / "submissions" / folder / self.benchmark
        for name in SPLITS:
            for seed, method in enumerate(methods):
                if (file := path / f"{name}_{seed}.npz").exists():
                    continue
                print(f"{method.name}, {name}, seed {seed}", flush=True)
                try:
                    fields = [method.compute(batch).fields for batch in self.images(name)]
                except PhysicsError as error:  # a surrogate refuses other media
                    print(f"left out: {error}", flush=True)
                    continue
                path.mkdir(parents=True, exist_ok=True)
                self.split(name).write_predictions(file, np.concatenate(fields))
        self.write_manifest(folder, **manifest)

    # manifests

    def write_manifest(self, folder: str, **values: Any) -> None:
        """The manifest of a submission, with what was known of it before."""
        path = self.folder / "submissions" / folder / MANIFEST
        known = read_yaml(path) if path.exists() else {}
        common = {"authors": f"diffkeras {version()}", "hardware": self.hardware}
        path.parent.mkdir(parents=True, exist_ok=True)
        yaml = YAML()
        yaml.default_flow_style = False
        with replacing(path) as partial, partial.open("w") as file:
            yaml.dump({**known, **common, **values}, file)

    def measure_times(self) -> None:
        """The wall-clock times of all methods, alone and in batches, written into manifests."""
        methods = {folder: methods[0] for folder, _, methods in self.methods()}
        for network in networks_of(self.benchmark):
            fields = network_fields(self.surrogate(network, 0))
            methods[network.folder] = Method(network.folder, fields, takes_batches=True)
        images = joined(self.images("test"))
        images = images.part(np.random.default_rng(0).permutation(len(images)))
        named = list({method.name: method for method in methods.values()}.values())
        alone = measure_times(named, images, 1, 4 * TURNS)
        batched = measure_times(named, images, TIMED_BATCH, TURNS)
        for folder, method in methods.items():
            times = {
                "milliseconds_per_field": alone[method.name],
                "solve_milliseconds_per_field": alone[EXACT],
                "milliseconds_in_batches": batched[method.name],
                "solve_milliseconds_in_batches": batched[EXACT],
            }
            rounded = {key: float(f"{time['median']:.3g}") for key, time in times.items()}
            self.write_manifest(folder, **rounded)

    def write_table(self) -> None:
        """The leaderboard in the documentation."""
        submissions = sorted((self.folder / "submissions").iterdir())
        board = make_leaderboard(submissions, self.folder / "table", data_dir=self.data_dir)
        write_text(self.output.with_suffix(".md"), board.text.replace("## ", "### "))
        click.echo(board.text)


@command(
    __doc__, "leaderboard", "the table, without .md; that of the trials has _trials_BENCHMARK in it"
)
@click.option("--benchmark", default="fixed_values_64", show_default=True)
@click.option("--seconds", default=20.0, show_default=True, help="CPU time of each training.")
@click.option("--trial-seconds", default=5.0, show_default=True, help="CPU time of each trial.")
@click.option("--seeds", default=3, show_default=True)
@click.option("--times", is_flag=True, help="Measure the times of what is there, and nothing else.")
@click.option("--data-dir", default="data", show_default=True, type=PATH)
@click.option(
    "--folder", default="leaderboard", type=PATH, help="Of submissions, networks and trials."
)
def main(times: bool, benchmark: str, **options: Any) -> None:
    board = Board(benchmark, **options)
    if times:
        board.measure_times()
    else:
        for network in networks_of(benchmark):
            board.submit_network(network)
        board.write_trials()
        for folder, manifest, methods in board.methods():
            board.submit_method(folder, manifest, methods)
    board.write_table()


if __name__ == "__main__":
    main()
