"""A table of models from their predictions of public splits, which any program can make.

A submission is a directory:

    my_model/manifest.yaml                     who, what, on which hardware
    my_model/tissue_64/test_0.npz              predictions of the model that was trained with seed 0
    my_model/tissue_64/larger_radius_0.npz     those of a shifted split

The predictions are what `BenchmarkSplit.write_predictions` writes. Errors, and the proven bounds of
the largest errors, are means over the images, then over the seeds, beside the standard deviation
between seeds.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field, ValidationError

from diffkeras.config import Section, explain
from diffkeras.config.types import Seed
from diffkeras.errors import ConfigurationError, DataError
from diffkeras.evaluation.benchmark_data.archive import (
    LARGEST_BOUND,
    BenchmarkSplit,
    predictions_of,
)
from diffkeras.evaluation.benchmark_data.problems import SHIFTS, SPLITS
from diffkeras.evaluation.benchmark_data.splits import BENCHMARKS
from diffkeras.evaluation.errors import image_errors
from diffkeras.reporting.text import escaped, markdown_table
from diffkeras.system.atomic_files import check_regular
from diffkeras.system.yaml_io import read_yaml

MANIFEST = "manifest.yaml"
KEYS = ["benchmark", "split"]
SCORES = {  # column → heading
    "relative_l2": "relative L2 error",
    "max_error": "largest error of a node",
    "bound": "proven bound of it",
    "mae": "mean error",
}
MODELS = (
    *("model", "authors", "parameters", "training images", "training, s", "seeds"),
    *("hardware", "tuning"),
)
TEXTS = ("authors", "hardware", "tuning")
TIMES = (
    *("model", "one field, ms", "`solve`, ms", "pays from, fields"),
    *("in batches, ms", "`solve` in batches, ms", "pays from, fields in batches"),
)
ORDER = {name: place for place, name in enumerate(("test", *SHIFTS, "validation", "train"))}


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


Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_in_one_line)]
Milliseconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Manifest(Section):
    """What a submission says of itself."""

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
        """Milliseconds of a prediction, those of `solve`, and the fields from which a model pays.

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
            DataError: no predictions, predictions of an unknown split, or those of a seed missing.
        """
        try:
            check_regular(path / MANIFEST)
        except OSError as error:
            raise ConfigurationError(f"{path / MANIFEST} can't be read: {error.strerror}") from None
        raw = read_yaml(path / MANIFEST)
        if not isinstance(raw, dict):
            raise ConfigurationError(f"{path / MANIFEST} must hold a mapping of names to values")
        try:
            manifest = Manifest.model_validate(raw)
        except ValidationError as error:
            raise ConfigurationError(
                f"{path / MANIFEST}: {explain(error, Manifest, raw)}"
            ) from None
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


def score(submission: Submission, split: BenchmarkSplit) -> pd.DataFrame:
    """A row for each seed, with the means of the errors over the images of a split.

    Args:
        submission: the model.
        split: the images. Each takes a proof, which takes about as long as a solution.
    """
    benchmark, _, name = split.name.partition("/")
    exact, images = split.fields[..., 0], split.inputs[..., 0]
    rows = []
    for seed in submission.manifest.seeds:
        fields = predictions_of(submission.file(benchmark, name, seed), split)
        table = image_errors(fields, exact, images).assign(bound=split.certify(fields))
        means: dict[str, Any] = {error: float(table[error].mean()) for error in SCORES}
        model = submission.manifest.model
        rows.append({"benchmark": benchmark, "split": name, "model": model, "seed": seed, **means})
    return pd.DataFrame(rows)


def leaderboard(
    submissions: list[Submission],
    split_of: Callable[[str, str], BenchmarkSplit],
    on_split: Callable[[int], object] = lambda number: None,
) -> pd.DataFrame:
    """A row for each submission, benchmark, split and seed.

    Args:
        submissions: the models, of different names.
        split_of: (benchmark, split) → its images.
        on_split: called with 1 for each split of a submission that is done.

    Raises:
        ConfigurationError: two submissions of one name.
        DataError: predictions that can't be used.
    """
    names = [submission.manifest.model for submission in submissions]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"two submissions have the model {name!r}; rename one of them")
    wanted = sorted({split for each in submissions for split in each.splits}, key=_place)
    tables = []
    for benchmark, split in wanted:
        images = split_of(benchmark, split)
        for submission in submissions:
            if (benchmark, split) in submission.splits:
                tables.append(score(submission, images))
                on_split(1)
    return pd.concat(tables, ignore_index=True)


def _place(split: tuple[str, str]) -> tuple[int, int]:
    return list(BENCHMARKS).index(split[0]), ORDER[split[1]]


def markdown(rows: pd.DataFrame, submissions: list[Submission]) -> str:
    """The tables of the splits, best model first, and those of the models and their times.

    Args:
        rows: of `leaderboard`.
        submissions: the models.
    """
    shown = list(SCORES)
    parts = [
        "Errors and bounds are means over the images of a split, then over seeds (± standard "
        "deviation). Errors are those against the fields of the split, which have proven errors "
        f"of at most {LARGEST_BOUND:.0e} of the largest value themselves."
    ]
    for (benchmark, split), table in rows.groupby(KEYS, sort=False):
        scores = table.groupby("model")[shown].agg(["mean", "std"])
        scores = scores.sort_values((shown[0], "mean"))
        cells = [
            [
                escaped(str(model)),
                *(_with_spread(row[error, "mean"], row[error, "std"]) for error in shown),
            ]
            for model, row in scores.iterrows()
        ]
        head = ["model", *SCORES.values()]
        parts += [f"## {benchmark}, {split}", markdown_table(head, cells)]
    manifests = [submission.manifest for submission in submissions]
    parts += [
        "## Models",
        markdown_table(MODELS, [*map(_model, manifests)], TEXTS),
    ]
    if any(each.milliseconds_per_field or each.milliseconds_in_batches for each in manifests):
        parts += ["## Times", markdown_table(TIMES, [*map(_times, manifests)])]
    return "\n\n".join(parts) + "\n"


def _with_spread(mean: float, deviation: float) -> str:
    return f"{mean:.2g}" if np.isnan(deviation) else f"{mean:.2g} ± {deviation:.1g}"


def _model(manifest: Manifest) -> list[str]:
    name = escaped(manifest.model)
    return [
        name if manifest.url is None else f"[{name}]({manifest.url})",
        escaped(manifest.authors),
        f"{manifest.parameters:,}",
        f"{manifest.training_images:,}",
        f"{manifest.training_seconds:,.0f}",
        str(len(manifest.seeds)),
        escaped(manifest.hardware),
        escaped(manifest.tuning),
    ]


def _times(manifest: Manifest) -> list[str]:
    cells = [escaped(manifest.model)]
    for batches in (False, True):
        *times, pays_from = manifest.times(batches=batches)
        cells += ["" if time is None else f"{time:.2g}" for time in times]
        cells.append(_count(pays_from))
    return cells


def _count(number: float) -> str:
    if np.isnan(number):
        return ""
    return "never" if np.isinf(number) else f"{number:,.0f}"
