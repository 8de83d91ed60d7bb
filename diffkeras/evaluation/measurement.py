"""Errors, times and bounds of methods on test images."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from diffkeras.evaluation.errors import (
    field_metrics,
    image_errors,
    image_maxima,
    node_errors,
    radial_spectrum,
    summarise,
)
from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.methods import Method
from diffkeras.physics import certify_many
from diffkeras.physics.solution import ProvenField

ALL = "all"  # source counts
TRUE = "true field"  # in spectra
LOOPED = 8  # images of a batch that are timed, for methods that take them one by one


class Measurement:
    """What an evaluation measures, gathered batch by batch."""

    def __init__(self, methods: Sequence[Method]) -> None:
        self.methods = tuple(methods)  # in the order in which they are shown
        self.milliseconds: dict[str, dict[str, float]] = {}  # by method and source count
        self._errors: list[pd.DataFrame] = []
        self._bounds: list[pd.DataFrame] = []
        self._spectra: dict[str, Any] = {}
        self._images = 0

    def add(self, count: int, batch: ImageBatch) -> None:
        """Add a batch of images of one source count."""
        about: dict[str, Any] = {"sources": count, "example": batch.numbers}
        if batch.lengths is not None:
            about["diffusion_length"] = batch.lengths.astype(np.float64)
        spectra = {TRUE: batch.fields}
        for method in self.methods:
            fields = method.compute(batch).fields
            errors = image_errors(fields, batch.fields, batch.images)
            of_field = field_metrics(fields, batch.fields)
            parts = [pd.DataFrame({"method": method.name, **about}, errors.index), errors, of_field]
            self._errors.append(pd.concat(parts, axis=1))
            spectra[method.name] = fields - batch.fields.astype(np.float64)
        for name, values in spectra.items():
            self._spectra[name] = self._spectra.get(name, 0.0) + radial_spectrum(values).sum(axis=0)
        self._images += len(batch)

    def spectra(self) -> dict[str, NDArray[np.float64]]:
        """The mean radial spectra of the true fields (`TRUE`), and of the errors of each method."""
        return {name: total / self._images for name, total in self._spectra.items()}

    def add_bounds(self, count: int, batch: ImageBatch, predictions: NDArray) -> None:
        """Add the proven bounds of predictions in the unit of the source values."""
        self._bounds.append(measure_bounds(predictions, batch).assign(sources=count))

    def add_times(self, count: int, batch: ImageBatch, rounds: int) -> None:
        """Time the methods on a batch of one source count; copies get the time of their method."""
        timed = [method for method in self.methods if method.timed and method.copy_of is None]
        for name, times in measure_times(timed, batch, len(batch), rounds).items():
            self.milliseconds.setdefault(name, {})[str(count)] = times["median"]

    @property
    def errors(self) -> pd.DataFrame:
        """A row for each method and image: `method`, `sources`, `example`, and its errors.

        A copy that equals its method, because the network sets the known values itself, is left
        out. If media vary, there is `diffusion_length`.
        """
        errors = pd.concat(self._errors, ignore_index=True)
        own = {name: part.drop(columns="method") for name, part in errors.groupby("method")}
        for method in self.methods:
            if method.copy_of and np.array_equal(
                own[method.name], own[method.copy_of], equal_nan=True
            ):
                errors = errors[errors["method"] != method.name]
        order = {method.name: place for place, method in enumerate(self.methods)}
        return errors.sort_values("method", key=lambda names: names.map(order), kind="stable")

    def metrics(self) -> dict[str, Any]:
        """Method → "all" or source count → errors, and milliseconds per image, as plain data."""
        metrics: dict[str, Any] = {}
        timed_as = {method.name: method.copy_of or method.name for method in self.methods}
        for name, errors in self.errors.groupby("method", sort=False):
            times = self.milliseconds.get(timed_as[str(name)], {})
            if times:
                times = {ALL: float(np.mean([*times.values()])), **times}
            metrics[str(name)] = {
                label: {**summarise(part), "milliseconds": times.get(label)}
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


def measure_bounds(predictions: NDArray, batch: ImageBatch) -> pd.DataFrame:
    """Proven bounds and true errors of predictions and of corrected fields, a row per image.

    `predictions` are in the unit of the source values, and the results on the dataset's scale.
    In uniform media the corrected field is the solution, and its error NaN.
    """
    certificates = certify_many(predictions, batch.problems)
    corrected = [certificate.corrected for certificate in certificates]
    columns: dict[str, NDArray] = {}
    results: dict[str, Sequence[ProvenField]] = {"prediction": certificates, "corrected": corrected}
    for name, proven in results.items():
        errors = node_errors(batch.scaled(np.stack([one.field for one in proven])), batch.fields)
        columns[f"{name}_bound"] = batch.scaled(np.array([one.error_bound for one in proven]))
        columns[f"{name}_max_error"] = image_maxima(errors)
        columns[f"{name}_mae"] = errors.mean((1, 2))
    table = pd.DataFrame(columns)
    solved = [one.stats.method != "newton-cg" for one in corrected]
    table.loc[solved, ["corrected_max_error", "corrected_mae"]] = np.nan
    return table


def summarise_bounds(bounds: pd.DataFrame) -> dict[str, Any]:
    """Medians and maxima over images, and means of the MAEs, as plain data."""
    summary: dict[str, Any] = {"images": len(bounds)}
    for name, values in bounds.drop(columns="sources").dropna(axis="columns", how="all").items():
        both = {"median": float(values.median()), "max": float(values.max())}
        summary[str(name)] = float(values.mean()) if str(name).endswith("mae") else both
    return summary


def measure_times(
    methods: Sequence[Method],
    images: ImageBatch,
    size: int,
    rounds: int,
    on_call: Callable[[int], object] = lambda number: None,
) -> dict[str, dict[str, Any]]:
    """The times per image [ms] of all methods for batches of a size.

    A time is the wall-clock time per image: the median over some rounds. In each round every method
    computes the same images once, so that what else runs on the machine slows all of them alike.
    Each method has computed a batch of the same size before, so tables, compiled graphs and what
    images share exist already. Methods that take images one by one compute the first few of each
    batch only.

    Args:
        methods: any.
        images: of which batches are taken in turn.
        size: of the batches.
        rounds: how often each time is measured.
        on_call: called with 1 after each call of a method.

    Returns:
        Name → "median" and "quartiles" over the rounds.
    """
    seconds: dict[str, list[float]] = {method.name: [] for method in methods}
    for turn in range(-1, rounds):  # the first one isn't timed
        batch = images.part(np.arange(turn * size, (turn + 1) * size) % len(images))
        for method in methods:
            own = (batch if method.takes_batches else batch.first(LOOPED)).fresh()
            start = time.perf_counter()
            method.compute(own)
            if turn >= 0:
                seconds[method.name].append((time.perf_counter() - start) / len(own))
            on_call(1)
    times = {}
    for name, values in seconds.items():
        low, median, high = (1e3 * np.quantile(values, (0.25, 0.5, 0.75))).tolist()
        times[name] = {"median": median, "quartiles": [low, high]}
    return times
