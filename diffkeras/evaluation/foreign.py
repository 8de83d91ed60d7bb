"""Predictions of other programs, judged like surrogates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.config import Config, short
from diffkeras.errors import ConfigurationError, RunError
from diffkeras.evaluation.images import read_batches
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.atomic_files import check_regular

Fields = NDArray[np.float32]  # (batch, rows, columns, 1)


@dataclass(frozen=True, repr=False)
class ForeignSurrogate(Surrogate):
    """Known fields of source images, both on the dataset's scale.

    Attributes:
        call: (batch, rows, columns, 1) float32 to the same.
        name: what it is, in words.
    """

    call: Callable[[Fields], Fields]
    name: str
    timed = False  # looking a field up takes no time that anybody asks for

    @property
    def side_divisor(self) -> int:
        """1: what it can't take, it refuses itself."""
        return 1

    @property
    def _forward(self) -> Any:
        return lambda x: tf.constant(self.call(x))


def foreign_predictions(path: Path, config: Config, data_dir: Path) -> ForeignSurrogate:
    """The fields in a file as a surrogate, which knows the test images only.

    Args:
        path: a `.npz` with an array (images, rows, columns) for each source count n, named
            `sources_NN`, in the order of the test split.
        config: of the test data, which must exist.
        data_dir: where it is.

    Raises:
        RunError: a missing, damaged or incomplete file, or arrays of another shape.
    """
    if config.data.diffusion_length is not None:
        raise ConfigurationError(
            "data.diffusion_length: models of other programs are judged on one medium; leave it out"
        )
    given, name = _read(path), f"the predictions in {path}"
    known: dict[bytes, Fields] = {}
    keys: list[bytes] = []

    def note(x: Fields) -> Fields:  # what a network would get: an image, and maps where they vary
        keys.extend(each.tobytes() for each in x)
        return x[..., :1]

    reader = ForeignSurrogate(None, _linear(config), note, name)
    for count in config.data.sources:
        array = f"sources_{count:02d}"
        if array not in given:
            raise RunError(f"{path} holds no array {array}, but {short(list(given))}")
        shape = (config.data.test_examples, *config.physics.lattice, 1)
        fields = _as_fields(given[array], shape, f"{array} in {path}")
        keys.clear()
        for batch in read_batches(config, count, data_dir):
            reader.network_fields(batch.images, **batch.told)
        known |= dict(zip(keys, fields, strict=True))

    def look_up(x: Fields) -> Fields:
        return np.stack([known[each.tobytes()] for each in x])

    return ForeignSurrogate(None, _linear(config), look_up, name)


def _linear(config: Config) -> Config:
    return config.with_overrides({"model.transform": "linear"})


def _read(path: Path) -> Mapping[str, NDArray]:
    if path.suffix.lower() != ".npz":
        raise RunError(f"{path} is of an unknown kind; predictions are a .npz")
    try:
        check_regular(path)
        with np.load(path, allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
    except Exception as error:  # of damaged files, NumPy raises any type
        reason = "it is no .npz file of numbers" if "pickle" in str(error) else error
        raise RunError(f"{path} can't be read: {reason}") from error
    for name, array in found.items():  # of members that are no arrays, NumPy returns the bytes
        if not isinstance(array, np.ndarray):
            raise RunError(f"{path} can't be read: {name} is no array")
    return found


def _as_fields(found: NDArray, shape: tuple[int, ...], name: str) -> Fields:
    """Fields with a last axis of one channel, which may be left out."""
    if found.shape not in (shape, shape[:-1]) or found.dtype.kind not in "fiu":
        raise RunError(
            f"{name} has fields of shape {found.shape} and type {found.dtype}, not {shape[:-1]} "
            "of real numbers"
        )
    with np.errstate(over="ignore"):
        fields = found.reshape(shape).astype(np.float32)
    if not np.isfinite(fields).all():
        raise RunError(f"{name} has fields that are not finite in single precision")
    return fields
