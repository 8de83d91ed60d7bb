"""Figures of a surrogate's errors, next to those of the baselines."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.evaluation.cases import draw_cases
from diffkeras.evaluation.errors import ratio
from diffkeras.evaluation.measurement import VALUE_EDGES, Measurement
from diffkeras.evaluation.methods import SOURCES_SET, SURROGATE
from diffkeras.evaluation.proven_bounds import TOLERANCES
from diffkeras.reporting.figures import (
    COLORS,
    MARKERS,
    ROUNDING,
    new_axis,
    new_figure,
    to_png,
    write_out_numbers,
)
from diffkeras.reporting.labels import label_lines, label_points
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.surrogate import Surrogate

LENGTH_BINS = 10
SMALLEST = 1e-10  # an error of 0 is drawn as this one
CURVES = {"loss": "loss", "mae": "lattice MAE"}  # of the training


def draw_figures(
    found: Measurement, surrogate: Surrogate, run: Run | None, config: Config, data_dir: Path
) -> dict[str, bytes]:
    """All figures of an evaluation on the test data of `config`: name → PNG image.

    Those of its training belong to a run, if there is one.
    """
    metrics, counts = found.metrics(), config.data.sources
    drawn = [method for method in found.methods if method != SOURCES_SET]
    errors = {method: found.scores(method).mae() for method in drawn}
    per_count = {m: [metrics[m][str(count)]["mae"] for count in counts] for m in drawn}
    pictures: dict[str, Any] = {
        "error_per_count": error_per_count_figure(counts, per_count),
        "cost": cost_figure(metrics),
        "distribution": distribution_figure(errors),
        "predicted_against_true": predicted_against_true_figure(found.value_counts),
        "radial_profile": radial_profile_figure(found.profile.mean_error()),
        **draw_cases(found, surrogate, config, data_dir),
    }
    if config.data.diffusion_length:
        lengths = found.lengths() / config.physics.step
        pictures["error_per_length"] = error_per_length_figure(lengths, errors)
    histories = [bounds["history"] for bounds in found.bounds() if "history" in bounds]
    if histories:
        pictures["rounds"] = rounds_figure(histories)
    if run and (history := run.history()):
        pictures["training"] = training_figure(history, run.state().get("best_epoch"))
    return {name: to_png(figure) for name, figure in pictures.items()}


def _style(name: str) -> dict[str, Any]:
    return {
        "marker": MARKERS.get(name, "o"),
        "color": COLORS.get(name),
        "linewidth": 2.4 if name == SURROGATE else 1.3,
        "label": name,
    }


def _drawable(values: Any) -> NDArray[np.float64]:
    """Errors, and NaN for those that are rounding, which is not to be drawn."""
    array = np.asarray(values, float)
    return np.where(array > ROUNDING, array, np.nan)


def error_per_count_figure(counts: Sequence[int], errors: Mapping[str, Sequence[float]]) -> Figure:
    """Error of each method against the number of sources, on a logarithmic scale."""
    figure, axis = new_axis(
        8.0, 4.6, yscale="log", xlabel="number of sources", ylabel="lattice MAE"
    )
    for name, values in errors.items():
        axis.plot(counts, _drawable(values), **_style(name))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    label_lines(axis)
    return figure


def error_per_length_figure(lengths: NDArray, errors: Mapping[str, NDArray]) -> Figure:
    """Mean error of each method in bins of diffusion length; dots are images of the surrogate."""
    figure, axis = new_axis(
        8.0,
        4.6,
        xscale="log",
        yscale="log",
        xlabel="diffusion length [lattice steps]",
        ylabel="lattice MAE",
    )
    edges = np.geomspace(lengths.min(), lengths.max(), LENGTH_BINS + 1)
    bins = np.searchsorted(edges[1:-1], lengths, side="right")
    nodes = np.bincount(bins, minlength=LENGTH_BINS)
    middles = np.sqrt(edges[1:] * edges[:-1])
    for name, values in errors.items():
        if name == SURROGATE:
            dots: Any = {"color": COLORS[name], "alpha": 0.2, "markersize": 3}
            axis.plot(lengths, _drawable(values), ".", **dots)
        means = ratio(np.bincount(bins, values, LENGTH_BINS), nodes)
        axis.plot(middles, _drawable(means), **_style(name))
    write_out_numbers(axis)
    label_lines(axis)
    return figure


def distribution_figure(errors: Mapping[str, NDArray]) -> Figure:
    """Share of the images whose error is at least x, for each method."""
    figure, axis = new_axis(
        8.0,
        4.6,
        xscale="log",
        yscale="log",
        xlabel="lattice MAE of an image, x",
        ylabel="share of test images with error ≥ x",
    )
    for name, values in errors.items():
        ordered = np.sort(values)
        share = 1 - np.arange(ordered.size) / ordered.size
        drawn = ordered > ROUNDING
        if drawn.any():
            style = {key: part for key, part in _style(name).items() if key != "marker"}
            axis.step(ordered[drawn], share[drawn], where="post", **style)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=9)
    return figure


def predicted_against_true_figure(counts: NDArray) -> Figure:
    """How many nodes have which true and which predicted value (logarithmic colours)."""
    figure, axis = new_axis(5.6, 4.6, xlabel="true value", ylabel="predicted value", aspect="equal")
    shown = np.where(counts > 0, counts, np.nan).T
    mesh = axis.pcolormesh(VALUE_EDGES, VALUE_EDGES, shown, norm="log", cmap="viridis")
    axis.plot([0, 1], [0, 1], color="red", linewidth=2, linestyle="--", label="exact")
    axis.legend(loc="upper left")
    figure.colorbar(mesh, ax=axis, label="nodes")
    return figure


def radial_profile_figure(errors: NDArray) -> Figure:
    """Mean absolute error against the distance from the nearest source."""
    figure, axis = new_axis(
        xlabel="distance from the nearest source [lattice steps]",
        ylabel="mean absolute error",
        yscale="log",
    )
    # no error at all, as on sources that are set to their values, has no place on the axis
    axis.plot(np.where(errors > 0, errors, np.nan), color=COLORS["surrogate"])
    return figure


def cost_figure(metrics: Mapping[str, Any]) -> Figure:
    """Lattice MAE of each method over all images, against its time per image."""
    figure, axis = new_axis(
        7.5, 5.0, xscale="log", yscale="log", xlabel="time per image [ms]", ylabel="lattice MAE"
    )
    points = {
        method: (by_count["all"]["milliseconds"], max(by_count["all"]["mae"], SMALLEST))
        for method, by_count in metrics.items()
        if by_count["all"]["milliseconds"]
    }
    for method, (time, error) in points.items():
        size = 90 if method == "surrogate" else 50
        axis.scatter(time, error, size, COLORS[method], marker=MARKERS[method], zorder=3)
    times, errors = zip(*points.values(), strict=True)
    axis.set_xlim(min(times) / 3, max(times) * 3)
    axis.set_ylim(min(errors) / 5, max(errors) * 5)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda time, _: f"{time:g}"))
    if axis.get_ylim()[0] < ROUNDING:
        axis.axhspan(axis.get_ylim()[0], ROUNDING, color="#f0f0f0", zorder=0)
        axis.text(
            0.99,
            ROUNDING * 0.8,
            "rounding of the stored fields",
            transform=axis.get_yaxis_transform(),
            size=8,
            color="#707070",
            ha="right",
            va="top",
        )
    label_points(axis, list(points), list(points.values()), [COLORS[m] for m in points])
    return figure


def rounds_figure(histories: Sequence[Sequence[float]]) -> Figure:
    """Proven bound of the largest error against the rounds after the correction."""
    figure, axis = new_axis(
        yscale="log", xlabel="rounds (one transform pair each)", ylabel="proven bound of the error"
    )
    for history in histories:
        axis.plot(history, color=COLORS["surrogate"], alpha=0.12, linewidth=0.8)
    worst = [
        max(h[number] for h in histories if len(h) > number)
        for number in range(max(map(len, histories)))
    ]
    axis.plot(worst, "o-", color=COLORS["superposition"], label="worst image")
    for tolerance in TOLERANCES:
        axis.axhline(tolerance, color="#8a8a8a", linewidth=0.6, linestyle=":")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend()
    return figure


def training_figure(history: Sequence[Mapping[str, float]], best_epoch: int | None) -> Figure:
    """Loss and lattice MAE after each epoch, on training and on validation examples."""
    figure = new_figure(10, 3.8)
    epochs = [row["epoch"] for row in history]
    for axis, (name, title) in zip(figure.subplots(1, 2), CURVES.items(), strict=True):
        for key, label, color in (
            (name, "training", "#d1792a"),
            (f"val_{name}", "validation", "#0b6e99"),
        ):
            values = np.array([row.get(key, np.nan) for row in history])
            axis.plot(epochs, values, "o-", markersize=3, color=color, label=label)
        axis.set(xlabel="epoch", title=title)
        if all(line.get_ydata().min() > 0 for line in axis.lines):
            axis.set_yscale("log")
        if best_epoch:
            axis.axvline(best_epoch, color="#8a8a8a", linestyle=":", label="best epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axis.grid(alpha=0.3)
        axis.legend()
    return figure
