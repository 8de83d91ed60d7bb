"""Verifying datasets: every record's checksums, and a random share of examples solved again."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diffkeras.config import Config
from diffkeras.data.shards import Shard
from diffkeras.data.storage import (
    REMEDY,
    check_identity,
    dataset_path,
    records,
    stored_features,
    stored_splits,
)
from diffkeras.data.writing.estimate import Forecast, measure
from diffkeras.data.writing.shard_writer import get_builder
from diffkeras.errors import DataError
from diffkeras.system.process_pool import run_tasks
from tfds_builders import DiffusionFieldsConfig

AT_LEAST = 3  # examples of each split are solved again, however small the share
# Machines differ by about 1e-13 of the largest value in float64, so in float32 a value may be
# rounded to its neighbour: 2⁻²³ of itself apart, here with a factor of two.
RELATIVE = 2.4e-7
ABSOLUTE = 1e-9  # of the feature's largest value


@dataclass(frozen=True)
class Check:
    """A file that is to be checked.

    Attributes:
        dataset: the dataset's configuration.
        shard: the examples the file should hold.
        path: the file.
        again: the numbers of those that are solved again.
    """

    dataset: DiffusionFieldsConfig
    shard: Shard
    path: Path
    again: frozenset[int]


def plan_checks(
    config: Config, count: int, data_dir: Path, share: float, rng: np.random.Generator
) -> list[Check]:
    """The files of a dataset, with examples chosen at random.

    Args:
        config: says which physics.
        count: source count.
        data_dir: where datasets lie.
        share: share of the examples that are solved again; at least three of each split are.
        rng: chooses them.

    Raises:
        DataError: there is no dataset, or one of other physics, or its metadata are damaged.
    """
    path = dataset_path(config, count, data_dir)
    if not path.exists():
        raise DataError(f"there is no dataset at {path}; run `diffkeras generate`")
    check_identity(config, count, path)
    stored_features(path)
    dataset = DiffusionFieldsConfig.of_config(count, config)
    checks = []
    for split in stored_splits(path):
        examples = sum(shard.examples for shard in split.files)
        number = min(examples, max(AT_LEAST, round(share * examples)))
        chosen = frozenset(rng.choice(examples, number, replace=False).tolist())
        for shard, file in split.files.items():
            checks.append(Check(dataset, shard, file, chosen & set(shard.numbers)))
    return checks


def run_checks(
    checks: Sequence[Check],
    workers: int,
    on_examples: Callable[[int], None] = lambda number: None,
) -> Iterator[str]:
    """Do checks.

    Args:
        checks: see `plan_checks`.
        workers: processes that read and solve.
        on_examples: told how many examples were solved since it was told last.

    Yields:
        A line for each thing that is wrong, as it is found, which names the file and the example.
    """
    work: dict[str, list[Check]] = {}
    for check in checks:
        work.setdefault(check.dataset.name, []).append(check)
    parts = [(sum(len(c.again) for c in cs), measure(cs[0].dataset)) for cs in work.values()]
    workers = Forecast.of(parts).useful_workers(workers)
    with contextlib.closing(run_tasks(check_shard, checks, workers, on_examples)) as results:
        for _, findings in results:
            yield from findings


def check_shard(check: Check, tick: Callable[[], None] = lambda: None) -> list[str]:
    """Read a whole file and compare the chosen examples with what their seeds give.

    Of the file's first example the sources are compared too, which needs no solve: so a file that
    holds other examples than its name says is found whatever is chosen.

    Returns:
        A line for each thing that is wrong.
    """
    builder = get_builder(check.dataset)
    features, recipe = builder.info.features, check.dataset.recipe()
    split = check.shard.split
    findings = []
    try:
        for k, record in records(check.shard, check.path):
            if k in check.again:
                stored = features.deserialize_example_np(record)
                fresh = features.deserialize_example_np(builder.record(split, k))
                different = compare(stored, fresh)
                tick()
            elif k == check.shard.first:
                stored = features.deserialize_example_np(record)
                different = compare(stored, {"sources": vars(recipe.sources(split, k))})
            else:
                continue
            if different:
                findings.append(
                    f"{check.path}: example {k} of the {split} split isn't what its seed gives: "
                    f"{different}; {REMEDY}"
                )
    except DataError as error:
        findings.append(str(error))
    return findings


def compare(stored: Mapping[str, Any], fresh: Mapping[str, Any]) -> str:
    """What differs between two examples by more than the rounding of another machine explains.

    Integers must be equal; real numbers may differ by 2.4e-7 of their value and 1e-9 of the
    feature's largest value.

    Returns:
        The features that differ and by how much; empty if none does.
    """
    found = []
    for name, value in fresh.items():
        if isinstance(value, Mapping):
            if inner := compare(stored[name], value):
                found.append(f"{name}/{inner}")
            continue
        a, b = np.asarray(stored[name]), np.asarray(value)
        if a.shape != b.shape:
            found.append(f"{name} has shape {a.shape} instead of {b.shape}")
        elif not np.issubdtype(b.dtype, np.floating):
            if not np.array_equal(a, b):
                found.append(f"{name} differs")
        elif b.size:
            a, b = a.astype(np.float64), b.astype(np.float64)
            allowed = RELATIVE * np.abs(b) + ABSOLUTE * np.abs(b).max()
            # not >: a NaN differs too
            if not (np.abs(a - b) <= allowed).all():
                found.append(f"{name} differs by up to {np.abs(a - b).max():.2g}")
    return ", ".join(found)
