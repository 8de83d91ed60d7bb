"""Figures that compare the runs of a study."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from diffkeras.reporting.figures import COLORS, MARKERS, new_axis, new_figure
from diffkeras.representation.regions import REGIONS
from diffkeras.studies.grouping import Group

NEAR = 10  # a baseline is drawn if its error is at least this part of the smallest error of a run
FEWEST_SEEDS = 3  # a standard deviation of two values says too little to be drawn


def size_figure(groups: Sequence[Group], key: str, baselines: dict[str, float]) -> Figure:
    """Error, and its standard deviation over seeds, against the number of training examples."""
    figure = new_figure(10.5, 4.6)
    left, right = figure.subplots(1, 2)
    series: dict[str, list[Group]] = {}
    for group in groups:
        series.setdefault(group.label_without(key), []).append(group)
    for index, (label, members) in enumerate(series.items()):
        members = sorted(members, key=lambda g: g.results[0].cell.training_examples)
        sizes = [g.results[0].cell.training_examples for g in members]
        values = [np.array(g.errors()) for g in members]
        means = [errors.mean() for errors in values]
        color = _shade(index, len(series))
        left.plot(sizes, means, "o-", color=color, label=label)
        _draw_range(left, sizes, values, color)
        for size, errors in zip(sizes, values, strict=True):
            left.plot([size] * errors.size, errors, ".", color=color, alpha=0.6)
        if all(v.size >= FEWEST_SEEDS for v in values):
            spread = [v.std(ddof=1) for v in values]
            right.plot(sizes, spread, "o-", color=color, label=label)
    smallest = min(error for group in groups for error in group.errors())
    for name in _near(baselines, smallest):
        left.axhline(baselines[name], color=COLORS[name], linestyle=":", label=f"_{name}")
        place: Any = {"transform": left.get_yaxis_transform(), "va": "bottom", "ha": "right"}
        left.text(0.99, baselines[name], name, color=COLORS[name], size=8, **place)
    scales: Any = {"xscale": "log", "yscale": "log", "xlabel": "training examples"}
    left.set(**scales, ylabel="lattice MAE", title="mean, and range over seeds")
    right.set(ylabel="standard deviation", title="lattice MAE over seeds")
    if right.lines:
        right.set(**scales)
    else:
        right.set(xticks=[], yticks=[], xlabel=f"drawn from {FEWEST_SEEDS} seeds on")
    for axis in (left, right):
        axis.grid(alpha=0.3)
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9
    )
    return figure


def loss_figure(groups: Sequence[Group]) -> Figure:
    """Error of each loss in each region: the mean over seeds, with the range."""
    figure, axis = new_axis(10.5, 4.4, yscale="log", ylabel="mean absolute error")
    names = ["mae" if region == "lattice" else f"mae_{region}" for region in REGIONS]
    width = 0.8 / len(groups)
    for index, group in enumerate(groups):
        values = [np.array(group.errors(name) or [np.nan]) for name in names]
        means = np.array([v.mean() for v in values])
        reach = np.array([[m - v.min(), v.max() - m] for m, v in zip(means, values, strict=True)]).T
        axis.errorbar(
            np.arange(len(names)) + (index - (len(groups) - 1) / 2) * width,
            means,
            reach,
            fmt="o",
            markersize=5,
            capsize=2,
            label=group.label,
            color=_shade(index, len(groups)),
        )
    axis.set_xticks(range(len(names)), [label.replace(" (", "\n(") for label in REGIONS.values()])
    axis.tick_params(axis="x", labelsize=8)
    axis.legend(fontsize=8, ncols=1 + len(groups) // 8)
    return figure


def counts_figure(
    groups: Sequence[Group], counts: Sequence[str], baselines: dict[str, Any]
) -> Figure:
    """Error against the number of sources, a line per combination of factors."""
    figure, axis = new_axis(
        8.5, 4.4, yscale="log", xlabel="number of sources", ylabel="lattice MAE"
    )
    numbers = [int(count) for count in counts]
    smallest = np.inf
    for index, group in enumerate(groups):
        values = [np.array(group.errors("mae", count)) for count in counts]
        means = [float(v.mean()) for v in values]
        smallest = min(smallest, *means)
        color = _shade(index, len(groups))
        axis.plot(numbers, means, "o-", color=color, label=group.label)
        _draw_range(axis, numbers, values, color)
    for name in _near({name: by["all"]["mae"] for name, by in baselines.items()}, smallest):
        errors = np.array([baselines[name][count]["mae"] for count in counts])
        drawn = np.where(errors >= smallest / NEAR, errors, np.nan)
        axis.plot(numbers, drawn, ":", marker=MARKERS[name], color=COLORS[name], label=name)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _near(baselines: dict[str, float], smallest: float) -> list[str]:
    """The baselines whose errors are not far below those of the runs."""
    return [name for name, error in baselines.items() if error >= smallest / NEAR]


def _draw_range(axis: Axes, x: Sequence[float], values: Sequence[Any], color: Any) -> None:
    """The range between the smallest and the largest value at each x."""
    low, high = [v.min() for v in values], [v.max() for v in values]
    axis.fill_between(x, low, high, color=color, alpha=0.18)


def _shade(index: int, total: int) -> Any:
    return matplotlib.colormaps["viridis"](0.9 * index / max(total - 1, 1))
