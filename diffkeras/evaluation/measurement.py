"""Errors, times and bounds of methods on test images."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.evaluation.errors import field_metrics, image_errors, radial_spectrum, summarise
from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.methods.table import Method
from diffkeras.evaluation.proven_bounds import measure_bounds, summarise_bounds
from diffkeras.evaluation.timing import measure_times
from diffkeras.system.environment import available_cores
from diffkeras.system.tensorflow_setup import describe_device

ALL = "all"  # source counts
TRUE = "true field"  # in spectra


def describe_clock() -> str:
    """What the times are, for tables."""
    threads = tf.config.threading.get_intra_op_parallelism_threads() or available_cores()
    return (
        f"wall-clock time: TensorFlow on {describe_device()} with {threads} thread(s), all other "
        "methods in one thread"
    )


class Measurement:
    """What an evaluation measures, gathered batch by batch.

    Args:
        methods: in the order in which they are shown.

    Attributes:
        methods: as given.
        milliseconds: of each source count (rows) and timed method (columns).
    """

    def __init__(self, methods: Sequence[Method]) -> None:
        self.methods = tuple(methods)
        self.milliseconds = pd.DataFrame(dtype=float)
        self._errors: list[pd.DataFrame] = []
        self._bounds: list[pd.DataFrame] = []
        self._spectra: dict[str, Any] = {}
        self._numbers: dict[str, int] = {}

    def add(self, count: int, batch: ImageBatch) -> None:
        """Add a batch of images of one source count."""
        for method in self.methods:
            fields = method.compute(batch).fields
            about: dict[str, Any] = {"method": method.name, "sources": count}
            about["example"] = batch.numbers
            if batch.lengths is not None:
                about["diffusion_length"] = batch.lengths.astype(np.float64)
            errors = image_errors(fields, batch.fields, batch.images)
            of_field = field_metrics(fields, batch.fields)
            parts = [pd.DataFrame(about, errors.index), errors, of_field]
            self._errors.append(pd.concat(parts, axis=1))
            self._add_spectra(method.name, fields, batch.fields)

    def _add_spectra(self, method: str, fields: NDArray, exact: NDArray) -> None:
        parts = {TRUE: exact, method: fields - exact.astype(np.float64)}
        if method != self.methods[0].name:
            del parts[TRUE]
        for name, values in parts.items():
            self._spectra[name] = self._spectra.get(name, 0.0) + radial_spectrum(values).sum(axis=0)
            self._numbers[name] = self._numbers.get(name, 0) + len(values)

    def spectra(self) -> dict[str, NDArray[np.float64]]:
        """The mean radial spectra of the true fields (`TRUE`), and of the errors of each method."""
        return {name: total / self._numbers[name] for name, total in self._spectra.items()}

    def add_bounds(self, count: int, batch: ImageBatch, predictions: NDArray) -> None:
        """Add the proven bounds of predictions in the unit of the source values."""
        self._bounds.append(measure_bounds(predictions, batch).assign(sources=count))

    def add_times(self, count: int, batch: ImageBatch, rounds: int) -> None:
        """Time the methods on a batch of one source count.

        A `Method.copy_of` another one has the time of that.
        """
        timed = [method for method in self.methods if method.timed and method.copy_of is None]
        for name, times in measure_times(timed, batch, len(batch), rounds).items():
            self.milliseconds.loc[count, name] = times["median"]

    @property
    def errors(self) -> pd.DataFrame:
        """A row for each method and image: `method`, `sources`, `example`, and its errors.

        They are those of `image_errors` and `field_metrics`.

        Methods are in their order, and images in that of the test split. A copy of a method that
        differs from it nowhere, as the network sets the known values itself, is left out. If media
        vary, there is `diffusion_length` too.
        """
        errors = pd.concat(self._errors, ignore_index=True)
        for method in self.methods:
            if method.copy_of and _equal(errors, method.name, method.copy_of):
                errors = errors[errors["method"] != method.name]
        order = {method.name: place for place, method in enumerate(self.methods)}
        return errors.sort_values("method", key=lambda names: names.map(order), kind="stable")

    def metrics(self) -> dict[str, Any]:
        """Method → "all" or source count → errors, and milliseconds per image, as plain data."""
        metrics: dict[str, Any] = {}
        timed_as = {method.name: method.copy_of or method.name for method in self.methods}
        for name, errors in self.errors.groupby("method", sort=False):
            times = self.milliseconds.get(timed_as[str(name)])
            metrics[str(name)] = {
                label: {
                    **summarise(part),
                    "milliseconds": None
                    if times is None
                    else float(times.mean() if label == ALL else times[int(label)]),
                }
                for label, part in by_count(errors)
            }
        return metrics

    def proven(self) -> dict[str, Any]:
        """Source count or "all" → proven bounds, as plain data; empty if none were computed."""
        if not self._bounds:
            return {}
        bounds = pd.concat(self._bounds, ignore_index=True)
        return {label: summarise_bounds(part) for label, part in by_count(bounds)}


def by_count(table: pd.DataFrame) -> Iterable[tuple[str, pd.DataFrame]]:
    """A table as a whole, and of each source count."""
    yield ALL, table
    for count, part in table.groupby("sources"):
        yield str(count), part


def _equal(errors: pd.DataFrame, one: str, other: str) -> bool:
    """Whether two methods have the same errors for all images."""
    parts = [errors[errors["method"] == name].drop(columns="method") for name in (one, other)]
    return parts[0].reset_index(drop=True).equals(parts[1].reset_index(drop=True))
