"""Verifying datasets: read every record, and solve a random share of the examples again."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diffkeras.config import SPLITS, Config
from diffkeras.data.dataset_config import DatasetConfig, by_feature
from diffkeras.data.features import dataset_features
from diffkeras.data.records import make_record, read_records
from diffkeras.data.shards import REMEDY, Shard, check_identity, stored_splits
from diffkeras.data.storage import check_features, dataset_path
from diffkeras.data.writing.generation import Estimate, estimate_example
from diffkeras.errors import DataError
from diffkeras.system.process_pool import run_tasks

LEAST_EXAMPLES = 3  # solved again of each split, however small the share is
# fields on different machines differ by about 1e-13 of the largest value in float64, so in float32
# a value may be rounded to its neighbour, which differs by 2⁻²³; twice that is allowed
RELATIVE = 2.4e-7
ABSOLUTE = 1e-9  # share of the feature's largest value


@dataclass(frozen=True)
class Check:
    """A file that has to be checked; the examples `again` are solved again."""

    dataset: DatasetConfig
    shard: Shard
    path: Path
    again: frozenset[int]


def plan_checks(
    config: Config, count: int, data_dir: Path, share: float, rng: np.random.Generator
) -> tuple[list[Check], list[str]]:
    """Check the metadata and sizes of a dataset, and choose the examples that are solved again.

    Returns:
        The files that have to be checked, and a line for each error so far.
    """
    path, dataset = dataset_path(config, count, data_dir), DatasetConfig.of(count, config)
    if not path.exists():
        return [], [f"there is no dataset at {path}; run `diffkeras generate`"]
    try:
        check_identity(dataset, path)
        wanted = [split for split in SPLITS if config.data.examples(split)]
        splits = stored_splits(path, wanted)
        check_features(dataset, path)
    except DataError as error:
        return [], [str(error)]
    checks, findings = [], []
    for split in splits:
        if split.intact:  # otherwise reading the records shows which file is damaged
            try:
                split.check_size()
            except DataError as error:
                findings.append(str(error))
        number = min(split.examples, max(LEAST_EXAMPLES, round(share * split.examples)))
        chosen = frozenset(rng.choice(split.examples, number, replace=False).tolist())
        for shard, file in split.files.items():
            checks.append(Check(dataset, shard, file, chosen & set(shard.numbers)))
    return checks, findings


def run_checks(
    checks: Sequence[Check],
    processes: int,
    on_examples: Callable[[int], None] = lambda number: None,
) -> Iterator[str]:
    """Read files and solve the chosen examples again.

    Yields:
        A line for each error, with the file and the example.
    """
    again = Counter({check.dataset: 0 for check in checks})
    for check in checks:
        again[check.dataset] += len(check.again)
    estimate = Estimate()
    for dataset, number in again.items():
        estimate += estimate_example(dataset).times(number)
    processes = estimate.useful_processes(processes)
    with contextlib.closing(run_tasks(check_shard, checks, processes, on_examples)) as results:
        for _, findings in results:
            yield from findings


def check_shard(check: Check, tick: Callable[[], None] = lambda: None) -> list[str]:
    """Read a file and compare the chosen examples with newly solved ones.

    The first example of the file is drawn again too, which needs no solve. So a file with other
    examples than its name says is found, whichever examples are chosen.

    Returns:
        A line for each error.
    """
    features = dataset_features(check.dataset)
    split = check.shard.split
    findings = []
    try:
        for k, record in read_records(check.shard, check.path):
            if k in check.again:
                new = features.deserialize_example_np(make_record(check.dataset, split, k))
                tick()
            elif k == check.shard.first:
                new = by_feature(check.dataset.recipe().drawn(split, k))
            else:
                continue
            if different := _compare_record(features, record, new):
                findings.append(
                    f"{check.path}: example {k} of the {split} split differs from the newly solved "
                    f"one: {different}; {REMEDY}"
                )
    except DataError as error:
        findings.append(str(error))
    return findings


def _compare_record(features: Any, record: bytes, new: Mapping[str, Any]) -> str:
    try:
        return compare(features.deserialize_example_np(record), new)
    except Exception as error:  # noqa: BLE001 - TFDS raises any error for a malformed record.
        return f"it can't be decoded ({type(error).__name__})"


def compare(stored: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Describe how two examples differ by more than the rounding of different machines.

    Integers must be equal; real numbers may differ by 2.4e-7 of their value and 1e-9 of the
    feature's largest value.

    Returns:
        The features that differ and by how much; empty if none does.
    """
    found = []
    for name, value in new.items():
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
            # a NaN compares as false, so this finds it too
            if not (np.abs(a - b) <= allowed).all():
                found.append(f"{name} differs by up to {np.abs(a - b).max():.2g}")
    return ", ".join(found)
