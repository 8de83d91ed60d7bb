"""The networks of a leaderboard, tuned and trained, and the data that they are trained on."""

import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from diffkeras.config import Config
from diffkeras.errors import RunError
from diffkeras.evaluation.errors import image_errors
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras_benchmark.archive import BenchmarkSplit
from diffkeras_benchmark.data import load
from diffkeras_benchmark.rows.networks import NETWORKS, Network, inputs_of, networks_of, train

VALIDATED = 100  # images on which trials are compared


@dataclass
class Board:
    """What is trained on one benchmark, and where it is kept."""

    benchmark: str  # its name
    folder: Path  # of networks, trials and submissions
    data_dir: Path  # where the splits are kept
    seconds: float  # CPU time of each training
    trial_seconds: float  # CPU time of each trial
    seeds: int  # number of trainings of each network
    _splits: dict[str, BenchmarkSplit] = field(default_factory=dict)

    @property
    def networks(self) -> tuple[Network, ...]:
        """Those that are trained."""
        return networks_of(self.benchmark)

    def split(self, name: str) -> BenchmarkSplit:
        """A split, which is kept in memory."""
        if name not in self._splits:
            self._splits[name] = load(self.benchmark, name, data_dir=self.data_dir)
        return self._splits[name]

    def check_made_with(self, network: Network) -> None:
        """Note what a network is made with, before anything of it is.

        Raises:
            RunError: what is there of it was made with other times, widths, rates or settings.
        """
        configs = [network.config(self.benchmark, width).to_yaml() for width in network.widths]
        made = [self.seconds, self.trial_seconds, network.learning_rates, configs]
        found = hashlib.sha256(repr(made).encode()).hexdigest()
        file = self.trials_file(network).with_suffix(".sha256")
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and file.read_text() != found:
            raise RunError(
                f"{self.folder} was made with other times or settings of {network.name}; give "
                "another --folder"
            )
        file.write_text(found)

    # tuning

    def trials_file(self, network: Network) -> Path:
        """The CSV file of the trials of a network."""
        return self.folder / "trials" / f"{self.benchmark}_{network.folder}.csv"

    def tuned(self, network: Network) -> tuple[int, float]:
        """The width and the learning rate with the smallest error on the validation split."""
        self.check_made_with(network)
        file = self.trials_file(network)
        columns = ["network", "width", "learning rate", "parameters", "relative L2 error"]
        rows = pd.read_csv(file).values.tolist() if file.exists() else []
        for width, rate in network.candidates[len(rows) :]:
            config = network.config(self.benchmark, width)
            model = train(config, self.split("train"), rate, 0, self.trial_seconds)
            error = self.validation_error(model, config)
            rows.append([network.name, width, rate, model.count_params(), error])
            print(f"{network.name}, width {width}, learning rate {rate:g}: {error:.3f}", flush=True)
            pd.DataFrame(rows, columns=columns).to_csv(file, index=False)
        best = min(rows, key=lambda row: row[-1])
        return int(best[1]), float(best[2])

    def validation_error(self, model: keras.Model, config: Config) -> float:
        """Mean relative L2 error of some of the images."""
        split = self.split("validation")
        split = split.part(np.arange(0, len(split), max(len(split) // VALIDATED, 1)))
        fields = model.predict(inputs_of(split, config), batch_size=32, verbose=0)[..., 0]
        table = image_errors(fields, split.fields[..., 0], split.inputs[..., 0])
        return float(table["relative_l2"].mean())

    # trained networks

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
            file.with_suffix(".json").write_text(json.dumps({"training_seconds": took}))
            partial = file.with_name(f"partial_{file.name}")  # a kill leaves no half of a network
            model.save(partial)
            partial.replace(file)
        return Surrogate(keras.saving.load_model(file), config)

    def training_seconds(self, network: Network) -> float:
        """The wall-clock time of a training, the mean of all seeds."""
        files = (self.model_file(network, seed) for seed in range(self.seeds))
        took = [
            json.loads(file.with_suffix(".json").read_text())["training_seconds"] for file in files
        ]
        return float(np.mean(took))

    def best_network(self) -> Network:
        """The network with the smallest error of seed 0 on the validation split, of the ones that
        don't know the equation."""

        def error(network: Network) -> float:
            surrogate = self.surrogate(network, 0)
            return self.validation_error(surrogate.model, surrogate.config)

        return min(NETWORKS, key=error)
