"""Submissions: the predictions of a model, and what is known of it.

A submission is a directory:

    my_model/manifest.yaml                     who, what, on which hardware
    my_model/tissue_64/test_0.npz              predictions of the model that was trained with seed 0
    my_model/tissue_64/larger_radius_0.npz     predictions of a shifted split

`BenchmarkSplit.write_predictions` writes the predictions.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from diffkeras.errors import ConfigurationError, DataError
from diffkeras.system.section import Form, KeyProblem, Limits, Section
from diffkeras.system.yaml_io import read_yaml
from diffkeras_benchmark.problems import SHIFTS, SPLITS
from diffkeras_benchmark.splits import BENCHMARKS

MANIFEST, LONGEST = "manifest.yaml", 200  # letters of a text


def _in_one_line(text: Any) -> str:
    line = " ".join(text.split()) if isinstance(text, str) else ""
    if not 1 <= len(line) <= LONGEST or not line.isprintable():
        raise ValueError(f"must be text of 1 to {LONGEST} letters without control characters")
    return line


def _web_address(url: Any) -> str:
    if re.fullmatch(r"https?://[^\s()<>|\[\]]+", line := _in_one_line(url)) is None:
        raise ValueError("must be an address that begins with https://, without brackets")
    return line


Text = Annotated[str, Form(_in_one_line)]
Count = Annotated[int, Limits(least=0)]
Milliseconds = Annotated[float, Limits(above=0)]


@dataclass(frozen=True)
class Manifest(Section):
    """What a submission says of itself.

    Attributes:
        model: name of the model, as the table shows it.
        authors: who trained it.
        parameters: number of trained parameters.
        training_seconds: wall-clock time of the training of one seed on one benchmark.
        hardware: what it was trained on.
        training_images: images of the split `train` that were used; 0 for a method without
            training.
        seeds: of the trainings; the files of predictions are named by them.
        tuning: how hyperparameters were chosen, and how many trainings that took.
        milliseconds_per_field: time of one prediction, alone.
        solve_milliseconds_per_field: time of `diffkeras.solve` for one such problem on the same
            hardware.
        milliseconds_in_batches: time of a prediction within a batch.
        solve_milliseconds_in_batches: time of `diffkeras.solve` within a batch.
        url: where the code is; the table links to it.
    """

    model: Text
    authors: Text
    parameters: Count
    training_seconds: Annotated[float, Limits(least=0)]
    hardware: Text
    training_images: Count
    seeds: tuple[Count, ...]
    tuning: Text
    milliseconds_per_field: Milliseconds | None = None
    solve_milliseconds_per_field: Milliseconds | None = None
    milliseconds_in_batches: Milliseconds | None = None
    solve_milliseconds_in_batches: Milliseconds | None = None
    url: Annotated[str, Form(_web_address)] | None = None

    def check(self) -> None:
        """Raise a KeyProblem if there are no seeds, or two equal ones."""
        if not self.seeds or len({*self.seeds}) < len(self.seeds):
            raise KeyProblem("must be one or more different seeds", "seeds")

    @property
    def has_times(self) -> bool:
        """Whether any time of a prediction is known."""
        return (self.milliseconds_per_field or self.milliseconds_in_batches) is not None

    def times(self, *, batches: bool) -> tuple[float | None, float | None, float]:
        """Milliseconds of a prediction and of `solve`, and the fields from which a model pays.

        Inf for never, NaN if a time is unknown. Other seeds and the tuning don't count.
        """
        model, solve = self.milliseconds_per_field, self.solve_milliseconds_per_field
        if batches:
            model, solve = self.milliseconds_in_batches, self.solve_milliseconds_in_batches
        if model is None or solve is None:
            return model, solve, np.nan
        cost = 1e3 * self.training_seconds + self.training_images * solve
        return model, solve, cost / (solve - model) if model < solve else np.inf


@dataclass(frozen=True)
class Submission:
    """A directory of predictions."""

    path: Path  # its directory
    manifest: Manifest  # what it says of itself
    splits: tuple[tuple[str, str], ...]  # the (benchmark, split) pairs that it has predictions of

    @classmethod
    def read(cls, path: Path) -> "Submission":
        """A submission from its directory; an error names what is missing, unknown or wrong."""
        raw = read_yaml(path / MANIFEST)
        try:
            manifest = Manifest.read(raw)
        except ValueError as error:
            raise ConfigurationError(f"{path / MANIFEST}: {error}") from None
        splits = tuple(dict.fromkeys(cls._splits(path, manifest)))
        if not splits:
            raise DataError(
                f"{path} has no predictions; a file is named BENCHMARK/SPLIT_SEED.npz, such as "
                f"tissue_64/test_{manifest.seeds[0]}.npz"
            )
        submission = cls(path, manifest, splits)
        for benchmark, split in splits:
            for seed in manifest.seeds:
                if not (file := submission.file(benchmark, split, seed)).is_file():
                    raise DataError(f"{file} is missing; the manifest has the seed {seed}")
        return submission

    @staticmethod
    def _splits(path: Path, manifest: Manifest) -> Iterator[tuple[str, str]]:
        for file in sorted(path.glob("*/*.npz")):
            split, _, seed = file.stem.rpartition("_")
            known = file.parent.name in BENCHMARKS and split in (*SPLITS, *SHIFTS)
            if not known or seed not in map(str, manifest.seeds):
                raise DataError(
                    f"{file} is named after no benchmark, split and seed of the manifest; a file "
                    f"is named BENCHMARK/SPLIT_SEED.npz, such as tissue_64/test_"
                    f"{manifest.seeds[0]}.npz"
                )
            yield file.parent.name, split

    def file(self, benchmark: str, split: str, seed: int) -> Path:
        """The predictions of a split by the model of a seed."""
        return self.path / benchmark / f"{split}_{seed}.npz"
