"""The submissions to a leaderboard: the fields of every method, its manifest and its times."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

import diffkeras as dk
from benchmarks.shared.tables import describe_machine, version
from diffkeras.errors import PhysicsError
from diffkeras.evaluation.images import ImageBatch, joined
from diffkeras.evaluation.measurement import measure_times
from diffkeras.evaluation.methods import EXACT, Method, network_fields
from diffkeras.surrogates.run_directory import Run, shipped_surrogates
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.yaml_io import read_yaml
from diffkeras_benchmark.archive import mixed
from diffkeras_benchmark.classical import classical_methods
from diffkeras_benchmark.learned import TOLERANCES, different_physics, predicted
from diffkeras_benchmark.problems import SHIFTS
from diffkeras_benchmark.rows.board import Board
from diffkeras_benchmark.rows.networks import Network, inputs_of
from diffkeras_benchmark.splits import SIDES, public_split
from diffkeras_benchmark.submissions import MANIFEST
from diffkeras_benchmark.tensorflow_methods import ROUNDS

SPLITS = ("test", *SHIFTS)
TIMED_BATCH, TURNS = 64, 5
# the most exact and the cheapest of `classical_methods`, as far as a problem has them
CLASSICAL = (
    *("zero field", "superposition", "1 number per disc", "mean medium"),
    *(f"plain CG, {rounds} rounds" for rounds in ROUNDS),
    *("multigrid CG, 3 rounds", "Newton with multigrid, 4 rounds", "PyAMG, 0.01", "solve to 0.01"),
    EXACT,
)


def validation_file(folder: Path, benchmark: str, name: str, seed: int) -> Path:
    """Predictions of the validation split, for `benchmarks.intervals`; no row of the table."""
    return folder / "validation" / benchmark / f"{name}_{seed}.npz"


class Submissions:
    """The submissions of a board's networks and of other methods, below its folder.

    Attributes:
        board: whose networks are submitted.
        folder: a folder for each method on the board's benchmark.
    """

    def __init__(self, board: Board) -> None:
        self.board, self.folder = board, board.folder / "submissions" / board.benchmark

    def images(self, name: str) -> list[ImageBatch]:
        """The images of a split as methods take them."""
        split = public_split(self.board.benchmark, name)
        divided = split.config().data.divide_by_maximum
        drawn = split.images()
        return [batch.solve(divide_by_maximum=divided) if divided else batch for batch in drawn]

    def file(self, folder: str, name: str, seed: int) -> Path:
        """The fields of a method of one split."""
        return self.folder / folder / self.board.benchmark / f"{name}_{seed}.npz"

    @property
    def splits(self) -> tuple[str, ...]:
        """Those that are predicted: shifted ones on the smallest lattice alone."""
        return SPLITS if public_split(self.board.benchmark).side == min(SIDES) else SPLITS[:1]

    # fields

    def add_network(self, network: Network) -> None:
        """Predictions of a network of all seeds, also of the validation split."""
        board, name = self.board, network.folder
        for seed in range(board.seeds):
            surrogate = board.surrogate(network, seed)
            file = validation_file(board.folder, board.benchmark, name, seed)
            self.predict(surrogate, "validation", file)
            for split in self.splits:
                self.predict(surrogate, split, self.file(name, split, seed))
        parameters = sum(int(np.prod(v.shape)) for v in surrogate.model.trainable_variables)
        self.write_manifest(
            name,
            model=network.name,
            parameters=parameters,
            training_seconds=float(f"{board.training_seconds(network):.3g}"),
            training_images=len(board.split("train")),
            seeds=list(range(board.seeds)),
            tuning=self.tuning_in_words(network),
        )

    def predict(self, surrogate: Surrogate, name: str, file: Path) -> None:
        """The predictions of a network of one split, where they are missing."""
        if file.exists():
            return
        split = self.board.split(name)
        inputs = inputs_of(split, surrogate.config)
        fields = surrogate.model.predict(inputs, batch_size=32, verbose=0)
        file.parent.mkdir(parents=True, exist_ok=True)
        split.write_predictions(file, fields)

    def ready(self) -> Iterator[tuple[str, dict[str, Any], list[Method]]]:
        """Folder, manifest and method of what needs no training: classical and shipped ones."""
        config = public_split(self.board.benchmark).config()
        for method in classical_methods(config):
            if method.name in CLASSICAL:
                texts = {"model": method.name[0].upper() + method.name[1:], "tuning": "none"}
                numbers = {"parameters": 0, "training_seconds": 0, "training_images": 0}
                folder = "classical_" + method.name.replace(" ", "_").replace(",", "")
                yield folder, {**texts, **numbers, "seeds": [0]}, [method]
        for name in shipped_surrogates():
            surrogate = dk.load_surrogate(name)
            if different_physics(surrogate, config):
                continue
            state, data = Run.open(Path(name)).state(), surrogate.config.data
            passes = state["epochs"] if data.stream else 1
            manifest = {
                "model": f"Shipped surrogate {name}",
                "parameters": state["trainable_parameters"],
                "training_seconds": state["seconds"],
                "training_images": passes * data.train_examples_used * len(data.sources),
                "hardware": state["machine"],
                "tuning": "none; trained on images of its own",
                "seeds": [0],
            }
            method = Method(name, network_fields(surrogate), takes_batches=True)
            yield f"shipped_{name}", manifest, [method]

    def methods(self) -> Iterator[tuple[str, dict[str, Any], list[Method]]]:
        """The same, and the best network as a start for `solve`."""
        board = self.board
        yield from self.ready()
        best = board.best_network()
        surrogates = [board.surrogate(best, seed) for seed in range(board.seeds)]
        own = read_yaml(self.folder / best.folder / MANIFEST)
        for tolerance in TOLERANCES:
            name = f"{best.name}, solved to {tolerance:g}"
            yield (
                f"{best.folder}_to_{tolerance:g}",
                {**own, "model": name},
                [Method(name, predicted(one, tolerance), takes_batches=True) for one in surrogates],
            )

    def add_method(self, folder: str, manifest: dict[str, Any], methods: list[Method]) -> None:
        """The fields of a method."""
        for name in self.splits:
            for seed, method in enumerate(methods):
                if (file := self.file(folder, name, seed)).exists():
                    continue
                print(f"{method.name}, {name}, seed {seed}", flush=True)
                try:
                    fields = [method.compute(batch).fields for batch in self.images(name)]
                except PhysicsError as error:  # a surrogate refuses other media
                    print(f"left out: {error}", flush=True)
                    continue
                file.parent.mkdir(parents=True, exist_ok=True)
                in_memory = np.concatenate(fields)[mixed(len(fields), len(fields[0]))]
                self.board.split(name).write_predictions(file, in_memory)
        self.write_manifest(folder, **manifest)

    # manifests

    def write_manifest(self, folder: str, **values: Any) -> None:
        """The manifest of a submission. What is known of it stays, but for the values."""
        path = self.folder / folder / MANIFEST
        known = read_yaml(path) if path.exists() else {}
        new = {"authors": f"diffkeras {version()}", "hardware": describe_machine()}
        path.parent.mkdir(parents=True, exist_ok=True)
        yaml = YAML()
        yaml.default_flow_style = False
        with path.open("w", encoding="utf-8") as file:
            yaml.dump({**new, **known, **values}, file)

    def tuning_in_words(self, network: Network) -> str:
        """For the manifest."""
        rates = ", ".join(f"{rate:g}" for rate in network.learning_rates)
        widths = f"widths {', '.join(map(str, network.widths))}, " if network.widths[1:] else ""
        trials = f"{len(network.candidates)} trainings of {self.board.trial_seconds:g} s"
        return f"{trials}: {widths}learning rates {rates}"

    def measure_times(self, *, ready: bool) -> None:
        """The wall-clock times of all methods, alone and in batches, written into manifests.

        With `ready`, only of what is there and needs no training.
        """
        made = self.ready() if ready else self.methods()
        methods = {folder: methods[0] for folder, _, methods in made}
        if ready:
            methods = {k: each for k, each in methods.items() if (self.folder / k).is_dir()}
        for network in () if ready else self.board.networks:
            fields = network_fields(self.board.surrogate(network, 0))
            methods[network.folder] = Method(network.folder, fields, takes_batches=True)
        images = joined(self.images("test"))
        images = images.part(np.random.default_rng(0).permutation(len(images)))
        exact = next(method for _, _, [method] in self.ready() if method.name == EXACT)
        named = list({method.name: method for method in (exact, *methods.values())}.values())
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
