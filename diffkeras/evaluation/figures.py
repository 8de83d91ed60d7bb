"""Figures of a surrogate's errors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.evaluation.images import ImageBatch, read_image
from diffkeras.evaluation.measurement import Measurement
from diffkeras.evaluation.methods import DRAWN
from diffkeras.evaluation.profiles import JointHistogram, RadialProfile
from diffkeras.evaluation.proven_bounds import TOLERANCES
from diffkeras.reporting.figures import (
    COLORS,
    MARKERS,
    ROUNDING,
    Case,
    case_figure,
    new_figure,
    plot_above,
    to_png,
    write_out_numbers,
)
from diffkeras.surrogates.surrogate import Surrogate

LENGTH_BINS = 10


def draw_figures(
    found: Measurement, surrogate: Surrogate, config: Config, data_dir: Path
) -> dict[str, bytes]:
    """All figures of an evaluation on the test data of `config`: name → PNG image."""
    errors = {method: found.scores(method).mae() for method in DRAWN}
    counts = found.counts.values()
    per_count = {
        method: [of_count.scores(method).summary()["mae"] for of_count in counts]
        for method in DRAWN
    }
    pictures: dict[str, Any] = {
        "error_per_count": error_per_count_figure(config.data.sources, per_count),
        "distribution": distribution_figure(errors),
        "predicted_against_true": predicted_against_true_figure(found.histogram),
        "radial_profile": radial_profile_figure(found.profile),
    }
    if config.data.diffusion_length:
        lengths = found.lengths() / config.physics.step
        pictures["error_per_length"] = error_per_length_figure(lengths, errors)
    if config.evaluation.bounds:
        pictures["rounds"] = rounds_figure(
            [bounds.history for bounds in found.bounds()], TOLERANCES
        )
    for name, chosen in choose_cases(found, config.evaluation.cases).items():
        batches = [(count, k, read_image(config, count, k, data_dir)) for count, k in chosen]
        pictures[name] = case_figure([_case(surrogate, *batch) for batch in batches])
    return {name: to_png(figure) for name, figure in pictures.items()}


def choose_cases(found: Measurement, cases: int) -> dict[str, list[tuple[int, int]]]:
    """Source count and number of the images with the largest, and with median, surrogate errors."""
    ordered = sorted(
        (float(mae), count, number)
        for count, of_count in found.counts.items()
        for number, mae in enumerate(of_count.scores("surrogate").mae())
    )
    middle = max(0, (len(ordered) - cases) // 2)
    chosen = {
        "worst_cases": ordered[::-1][:cases],
        "median_cases": ordered[middle : middle + cases],
    }
    return {name: [(count, number) for _, count, number in case] for name, case in chosen.items()}


def _case(surrogate: Surrogate, count: int, number: int, batch: ImageBatch) -> Case:
    """The only image of a batch, with its field and the surrogate's prediction."""
    truth = batch.fields[0]
    prediction = surrogate.predict(batch.images, diffusion_length=batch.lengths).field[0]
    medium = "" if batch.lengths is None else f"\nℓ = {batch.lengths[0]:.3g}"
    mae = abs(prediction - truth).mean(dtype=np.float64)
    title = f"n = {count}, example {number}{medium}\nMAE {mae:.2g}"
    return title, batch.images[0], truth, prediction


def error_per_count_figure(counts: Sequence[int], errors: Mapping[str, Sequence[float]]) -> Figure:
    """Error of each method against the number of sources, on a logarithmic scale."""
    figure = new_figure(6.5, 4)
    axis = figure.subplots()
    drawn = [v for values in errors.values() for v in values if v > ROUNDING]
    floor = min(drawn, default=ROUNDING) / 3
    for name, values in errors.items():
        style = {"marker": MARKERS.get(name, "o"), "color": COLORS.get(name), "label": name}
        plot_above(axis, floor, counts, values, **style)
    axis.set(yscale="log", xlabel="number of sources", ylabel="lattice MAE")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(axis="y", alpha=0.3)
    axis.legend()
    return figure


def error_per_length_figure(lengths: NDArray, errors: dict[str, NDArray]) -> Figure:
    """Error of each image against its diffusion length, with the means of ten bins (log-log).

    Errors of exactly 0 up to rounding can't be drawn.
    """
    figure = new_figure(6.5, 4)
    axis = figure.subplots()
    edges = np.geomspace(lengths.min(), lengths.max(), LENGTH_BINS + 1)
    bins = np.searchsorted(edges[1:-1], lengths, side="right")
    nodes = np.bincount(bins, minlength=LENGTH_BINS)
    middles = np.sqrt(edges[1:] * edges[:-1])
    for name, values in errors.items():
        color = COLORS.get(name)
        drawn = values > ROUNDING
        axis.plot(lengths[drawn], values[drawn], ".", color=color, alpha=0.15, markersize=3)
        sums = np.bincount(bins, values, LENGTH_BINS)
        means = np.divide(sums, nodes, out=np.full(LENGTH_BINS, np.nan), where=nodes > 0)
        means[means <= ROUNDING] = np.nan
        axis.plot(middles, means, marker=MARKERS.get(name, "o"), color=color, label=name)
    axis.set(
        xscale="log", yscale="log", xlabel="diffusion length [lattice steps]", ylabel="lattice MAE"
    )
    write_out_numbers(axis)
    axis.grid(alpha=0.3)
    axis.legend()
    return figure


def distribution_figure(errors: dict[str, NDArray]) -> Figure:
    """Share of the images whose error is larger than x, for each method (log-log).

    The tail on the right is what an average hides.
    """
    figure = new_figure(6.5, 4)
    axis = figure.subplots()
    for name, values in errors.items():
        ordered = np.sort(values)
        share = 1 - np.arange(ordered.size) / ordered.size
        drawn = ordered > ROUNDING
        axis.step(ordered[drawn], share[drawn], where="post", color=COLORS.get(name), label=name)
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="lattice MAE of an image, x",
        ylabel="share of test images with error ≥ x",
    )
    axis.grid(alpha=0.3)
    axis.legend(loc="lower left")
    return figure


def predicted_against_true_figure(histogram: JointHistogram) -> Figure:
    """How many nodes have which true and which predicted value (logarithmic colours)."""
    figure = new_figure(5.6, 4.6)
    axis = figure.subplots()
    shown = np.where(histogram.counts > 0, histogram.counts, np.nan).T
    edges = histogram.edges
    mesh = axis.pcolormesh(edges, edges, shown, norm="log", cmap="viridis")
    axis.plot([0, 1], [0, 1], color="red", linewidth=2, linestyle="--", label="exact")
    axis.set(xlabel="true value", ylabel="predicted value", aspect="equal")
    axis.legend(loc="upper left")
    figure.colorbar(mesh, ax=axis, label="nodes")
    return figure


def radial_profile_figure(profile: RadialProfile) -> Figure:
    """Mean absolute error against the distance from the nearest source."""
    figure = new_figure(6.5, 4)
    axis = figure.subplots()
    axis.plot(profile.mean_error(), color=COLORS["surrogate"])
    axis.set(
        xlabel="distance from the nearest source [lattice steps]",
        ylabel="mean absolute error",
        yscale="log",
    )
    axis.grid(alpha=0.3)
    return figure


def rounds_figure(histories: Sequence[Sequence[float]], tolerances: Sequence[float]) -> Figure:
    """Proven bound of the largest error against the rounds after the correction."""
    figure = new_figure(6.5, 4)
    axis = figure.subplots()
    length = max(len(history) for history in histories)
    padded = np.full((len(histories), length), np.nan)
    for row, history in zip(padded, histories, strict=True):
        row[: len(history)] = history
    for row in padded:
        axis.plot(range(length), row, color=COLORS["surrogate"], alpha=0.12, linewidth=0.8)
    worst = np.nanmax(padded, axis=0)
    axis.plot(range(length), worst, "o-", color=COLORS["superposition"], label="worst image")
    axis.set(
        yscale="log", xlabel="rounds (one transform pair each)", ylabel="proven bound of the error"
    )
    for tolerance in tolerances:
        axis.axhline(tolerance, color="#8a8a8a", linewidth=0.6, linestyle=":")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend()
    return figure
