"""The figure of error against time."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from diffkeras.reporting.figures import COLORS, MARKERS, ROUNDING, new_axis
from diffkeras.reporting.labels import label_points

SMALLEST = 1e-10  # an error of 0 is drawn as this one


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
