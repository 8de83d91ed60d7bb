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
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from diffkeras.errors import ConfigurationError, DataError
from diffkeras.system.yaml_io import read_yaml
from diffkeras_benchmark.problems import SHIFTS, SPLITS
from diffkeras_benchmark.splits import BENCHMARKS

MANIFEST = "manifest.yaml"


def _in_one_line(text: str) -> str:
    line = " ".join(text.split())
    if not line or not line.isprintable():
        raise ValueError("must be text without control characters")
    return line


def _web_address(url: str) -> str:
    if re.fullmatch(r"https?://[^\s()<>|\[\]]+", url) is None:
        raise ValueError(
            "must be an address that begins with https:// or http://, without brackets"
        )
    return url


def _different(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise ValueError("must be different seeds")
    return seeds


Seed = Annotated[int, Field(ge=0, lt=2**63)]
Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_in_one_line)]
Milliseconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Manifest(BaseModel):
    """What a submission says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Text
    """Name of the model, as the table shows it."""
    authors: Text
    """Who trained it."""
    parameters: Annotated[int, Field(ge=0)]
    """Number of trained parameters."""
    training_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Wall-clock time of the training of one seed on one benchmark."""
    hardware: Text
    """What it was trained on."""
    training_images: Annotated[int, Field(ge=0)]
    """Images of the split `train` that were used; 0 for a method that isn't trained."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1), AfterValidator(_different)]
    """Seeds of the trainings, which the files of predictions are named by."""
    tuning: Text
    """How hyperparameters were chosen, and how many trainings that took."""
    milliseconds_per_field: Milliseconds | None = None
    """Time of one prediction, alone."""
    solve_milliseconds_per_field: Milliseconds | None = None
    """Time of `diffkeras.solve` for one such problem on the same hardware."""
    milliseconds_in_batches: Milliseconds | None = None
    """Time of a prediction within a batch."""
    solve_milliseconds_in_batches: Milliseconds | None = None
    """Time of `diffkeras.solve` for a problem within a batch, on the same hardware."""
    url: Annotated[Text, AfterValidator(_web_address)] | None = None
    """Where the code is; the table links to it."""

    def times(self, *, batches: bool) -> tuple[float | None, float | None, float]:
        """Milliseconds of a prediction and of `solve`, and the fields from which a model pays.

        From so many fields on, training, the solutions that it was trained on and the predictions
        take less time than `solve`; inf for never, NaN if a time is unknown. The trainings of other
        seeds and of the tuning don't count.
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
    """A directory of predictions.

    Attributes:
        path: its directory.
        manifest: what it says of itself.
        splits: the (benchmark, split) pairs that it has predictions of.
    """

    path: Path
    manifest: Manifest
    splits: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, path: Path) -> "Submission":
        """A submission from its directory.

        Raises:
            ConfigurationError: no manifest, or one with a missing, unknown or wrong field.
            DataError: no predictions, predictions of an unknown split, or a seed missing.
        """
        raw = read_yaml(path / MANIFEST)
        if not isinstance(raw, dict):
            raise ConfigurationError(f"{path / MANIFEST} must hold a mapping of names to values")
        try:
            manifest = Manifest.model_validate(raw)
        except ValidationError as error:
            first = error.errors()[0]
            key, reason = first["loc"][0], first["msg"].removeprefix("Value error, ")
            raise ConfigurationError(f"{path / MANIFEST}: {key}: {reason}") from None
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
