"""Verifying a dataset: read every record, and solve a random share of the examples again."""

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from diffkeras.config import Config
from diffkeras.data.dataset import DatasetConfig
from diffkeras.data.records import check_features, dataset_features, read_records
from diffkeras.data.section import SPLITS
from diffkeras.data.stored import REMEDY, check_dataset, check_metadata, stored_splits
from diffkeras.errors import ConfigurationError, DataError
from diffkeras.system.environment import blas_threads
from diffkeras.system.progress import progress_bar

logger = logging.getLogger(__name__)

LEAST_EXAMPLES = 3  # solved again of each split, however small the share is
# fields on different machines differ by about 1e-13 of the largest value in float64, so in float32
# a value may be rounded to its neighbour, which differs by 2⁻²³; twice that is allowed
RELATIVE = 2.4e-7
ABSOLUTE = 1e-9  # share of the feature's largest value


def verify(
    config: Config,
    data_dir: str | Path,
    *,
    share: float = 0.01,
    show_progress: bool = False,
) -> list[str]:
    """Read every record of the datasets, and solve a random share of the examples again.

    Args:
        config: physics, source counts, sizes and seed.
        data_dir: the directory of all datasets.
        share: share of the examples that are solved again, at least three of each split; so is the
            first example of each file.
        show_progress: whether to draw a progress bar.

    Raises:
        ConfigurationError: `share` is not from 0 to 1.
        DataError: there is none of the datasets.

    Returns:
        A line for each error, with the file and the example.
    """
    if not 0 <= share <= 1:
        raise ConfigurationError(f"the share of examples must be from 0 to 1, not {share}")
    findings, counts = [], config.data.sources
    if not any(DatasetConfig.of(n, config).path(Path(data_dir)).exists() for n in counts):
        check_dataset(config, counts[0], data_dir)  # raises the error
    examples = len(counts) * sum(config.data.examples(split) for split in SPLITS)
    with progress_bar(examples, "Reading", "examples", shown=show_progress) as bar:
        for count in counts:
            for finding in _verify_dataset(config, count, Path(data_dir), share, bar.update):
                findings.append(finding)
                logger.warning(finding)
    logger.info(f"datasets: {len(counts)}, errors: {len(findings)}")
    return findings


def _verify_dataset(
    config: Config, count: int, data_dir: Path, share: float, on_examples: Callable[[int], None]
) -> Iterator[str]:
    """A line for each error in the records of a dataset.

    Newly solved are a random share of each split, other ones in each call, and the first example of
    each file: so a file with other examples than its name says is found.
    """
    dataset, rng = DatasetConfig.of(count, config), np.random.default_rng()
    directory, first = dataset.path(data_dir), ""
    try:
        check_dataset(config, count, data_dir)
        check_features(dataset, directory)
    except DataError as error:  # of the first file with a wrong size, for example
        first = str(error)
        yield first
    try:
        check_metadata(dataset, directory)
        splits = stored_splits(directory)
    except DataError:  # which is the first
        return
    features = dataset_features(dataset)
    for split in splits:
        number = min(split.examples, max(LEAST_EXAMPLES, round(share * split.examples)))
        again = {*rng.choice(split.examples, number, replace=False).tolist()}
        for shard, path in split.files.items():
            if str(path) in first:
                continue
            try:
                for k, record in read_records(shard, path):
                    if k in again or k == shard.first:
                        with blas_threads():
                            new = dataset.example(split.name, k)
                        if wrong := _error_in(record, features, new):
                            yield f"{path}: example {k} of the {split.name} split {wrong}; {REMEDY}"
                    on_examples(1)
            except DataError as error:
                yield str(error)


def _error_in(record: bytes, features: Any, new: Mapping[str, Any]) -> str:
    try:
        different = ", ".join(differences_of(features.deserialize_example_np(record), new))
    except Exception as error:  # noqa: BLE001 - TFDS raises any error for a malformed record.
        return f"can't be decoded ({type(error).__name__})"
    return different and f"differs from the newly solved one: {different}"


def differences_of(stored: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """The features in which two examples differ by more than the rounding of different machines."""
    for name, value in new.items():
        if isinstance(value, Mapping):
            yield from differences_of(stored[name], value)
            continue
        a, b = np.asarray(stored[name], np.float64), np.asarray(value, np.float64)
        if a.shape != b.shape:
            yield f"{name} has shape {a.shape} instead of {b.shape}"
        elif not np.isclose(a, b, RELATIVE, ABSOLUTE * np.abs(b).max(initial=0.0)).all():
            yield f"{name} differs by up to {np.abs(a - b).max():.2g}"
