"""Figures of a surrogate's errors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.evaluation.errors import ratio
from diffkeras.evaluation.images import ImageBatch, read_image
from diffkeras.evaluation.measurement import Measurement
from diffkeras.evaluation.methods import DRAWN
from diffkeras.evaluation.profiles import VALUE_EDGES
from diffkeras.evaluation.proven_bounds import TOLERANCES
from diffkeras.reporting.figures import (
    COLORS,
    MARKERS,
    ROUNDING,
    Case,
    case_figure,
    new_axis,
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
    metrics, counts = found.metrics(), config.data.sources
    per_count = {m: [metrics[m][str(count)]["mae"] for count in counts] for m in DRAWN}
    pictures: dict[str, Any] = {
        "error_per_count": error_per_count_figure(counts, per_count),
        "distribution": _distribution_figure(errors),
        "predicted_against_true": _predicted_against_true_figure(found.value_counts),
        "radial_profile": _radial_profile_figure(found.profile.mean_error()),
    }
    if config.data.diffusion_length:
        lengths = found.lengths() / config.physics.step
        pictures["error_per_length"] = _error_per_length_figure(lengths, errors)
    if config.evaluation.bounds:
        pictures["rounds"] = _rounds_figure([bounds["history"] for bounds in found.bounds()])
    for name, chosen in _choose_cases(found, config.evaluation.cases).items():
        pictures[name] = case_figure(
            [
                _case(surrogate, read_image(config, count, number, data_dir), mae, count, number)
                for mae, count, number in chosen
            ]
        )
    return {name: to_png(figure) for name, figure in pictures.items()}


def _choose_cases(found: Measurement, cases: int) -> dict[str, list[tuple[float, int, int]]]:
    """MAE, source count and number of the images with the largest, and with median, errors."""
    ordered = sorted(
        (float(mae), count, number)
        for count, of_count in found.counts.items()
        for number, mae in enumerate(of_count.scores("surrogate").mae())
    )
    middle = max(0, (len(ordered) - cases) // 2)
    return {"worst_cases": ordered[::-1][:cases], "median_cases": ordered[middle:][:cases]}


def _case(surrogate: Surrogate, batch: ImageBatch, mae: float, count: int, number: int) -> Case:
    """The only image of a batch, with its field and the surrogate's prediction."""
    prediction = surrogate.predict(batch.images, diffusion_length=batch.lengths).field[0]
    medium = "" if batch.lengths is None else f"\nℓ = {batch.lengths[0]:.3g}"
    title = f"n = {count}, example {number}{medium}\nMAE {mae:.2g}"
    return title, batch.images[0], batch.fields[0], prediction


def error_per_count_figure(counts: Sequence[int], errors: Mapping[str, Sequence[float]]) -> Figure:
    """Error of each method against the number of sources, on a logarithmic scale."""
    figure, axis = new_axis(yscale="log", xlabel="number of sources", ylabel="lattice MAE")
    floor = min((v for values in errors.values() for v in values if v > ROUNDING), default=ROUNDING)
    for name, values in errors.items():
        plot_above(axis, floor / 3, counts, values, label=name, **_style(name))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend()
    return figure


def _style(name: str) -> dict[str, Any]:
    return {"marker": MARKERS.get(name, "o"), "color": COLORS.get(name)}


def _error_per_length_figure(lengths: NDArray, errors: dict[str, NDArray]) -> Figure:
    """Error of each image against its diffusion length, with the means of ten bins.

    Errors of exactly 0 up to rounding can't be drawn on a logarithmic scale.
    """
    figure, axis = new_axis(
        xscale="log", yscale="log", xlabel="diffusion length [lattice steps]", ylabel="lattice MAE"
    )
    edges = np.geomspace(lengths.min(), lengths.max(), LENGTH_BINS + 1)
    bins = np.searchsorted(edges[1:-1], lengths, side="right")
    nodes = np.bincount(bins, minlength=LENGTH_BINS)
    middles = np.sqrt(edges[1:] * edges[:-1])
    for name, values in errors.items():
        drawn, style = values > ROUNDING, _style(name)
        axis.plot(
            lengths[drawn], values[drawn], ".", color=style["color"], alpha=0.15, markersize=3
        )
        means = ratio(np.bincount(bins, values, LENGTH_BINS), nodes)
        axis.plot(middles, np.where(means > ROUNDING, means, np.nan), label=name, **style)
    write_out_numbers(axis)
    axis.legend()
    return figure


def _distribution_figure(errors: dict[str, NDArray]) -> Figure:
    """Share of the images whose error is at least x, for each method."""
    figure, axis = new_axis(
        xscale="log",
        yscale="log",
        xlabel="lattice MAE of an image, x",
        ylabel="share of test images with error ≥ x",
    )
    for name, values in errors.items():
        ordered = np.sort(values)
        share = 1 - np.arange(ordered.size) / ordered.size
        drawn = ordered > ROUNDING
        axis.step(ordered[drawn], share[drawn], where="post", color=COLORS.get(name), label=name)
    axis.legend(loc="lower left")
    return figure


def _predicted_against_true_figure(counts: NDArray) -> Figure:
    """How many nodes have which true and which predicted value (logarithmic colours)."""
    figure, axis = new_axis(5.6, 4.6, xlabel="true value", ylabel="predicted value", aspect="equal")
    shown = np.where(counts > 0, counts, np.nan).T
    mesh = axis.pcolormesh(VALUE_EDGES, VALUE_EDGES, shown, norm="log", cmap="viridis")
    axis.plot([0, 1], [0, 1], color="red", linewidth=2, linestyle="--", label="exact")
    axis.legend(loc="upper left")
    figure.colorbar(mesh, ax=axis, label="nodes")
    return figure


def _radial_profile_figure(errors: NDArray) -> Figure:
    """Mean absolute error against the distance from the nearest source."""
    figure, axis = new_axis(
        xlabel="distance from the nearest source [lattice steps]",
        ylabel="mean absolute error",
        yscale="log",
    )
    axis.plot(errors, color=COLORS["surrogate"])
    return figure


def _rounds_figure(histories: Sequence[Sequence[float]]) -> Figure:
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
