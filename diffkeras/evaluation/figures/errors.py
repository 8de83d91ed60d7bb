"""Figures of errors over many images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from diffkeras.evaluation.errors import ratio
from diffkeras.evaluation.methods import SURROGATE
from diffkeras.evaluation.profiles import VALUE_EDGES
from diffkeras.reporting.figures import COLORS, MARKERS, ROUNDING, new_axis, write_out_numbers
from diffkeras.reporting.labels import label_lines

LENGTH_BINS = 10


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
    axis.plot(errors, color=COLORS["surrogate"])
    return figure
